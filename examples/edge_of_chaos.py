"""Repeat Schoenholz et al. (2017), Figure 5: how deep networks of tanh train, by weight variance.

    python examples/edge_of_chaos.py           # on MNIST, five minutes; writes a picture
    python examples/edge_of_chaos.py --help    # all options

Two images remain different, to the last layer, only over some multiple of the depth scale ξ_c, and
only as deep can a network learn to tell them apart. With little weight variance σw² they become
equal (the ordered phase), with much they become as different as any two (chaos). Between the two,
at the edge of chaos, ξ_c is infinite. `minnet.doctor` knows it before any training.

As in the paper the biases' variance is 0.05 and σw² goes from 1 to 4. What differs: 100 units
instead of 300 and at most 120 layers instead of 300; 300 steps of plain SGD, where the paper shows
several numbers of steps, up to some ten thousand; and the learning rate, 0.001 there for all but
the deepest networks, is 0.4 / depth here. Few steps and narrow layers hold all networks back, those
near the edge the most, for whom ξ_c sets no limit: they train to 90 layers here, not to any depth.
--full takes the paper's width and depths, and hours.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from experiment import (
    begin,
    finish,
    name_of,
    new_figure,
    options_for,
    positive,
    save,
    table,
    train,
)
from tqdm import tqdm

import minnet
import minnet.nn as nn
from minnet import optim
from minnet.data import DataLoader
from minnet.doctor.correlation import correlation_depth
from minnet.nn import init

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE = "Schoenholz et al. (2017), Figure 5"
BIAS = 0.05  # σb²
MULTIPLES = (3, 6)  # of ξ_c; the paper finds the limit near the last
USUAL = {
    "weights": (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0),
    "depths": (10, 20, 30, 45, 65, 90, 120),
}
QUICK = {"weights": (1.0, 1.75, 4.0), "depths": (5, 40), "width": 50, "steps": 60}
FULL = {
    "weights": tuple(np.linspace(1, 4, 13).tolist()),
    "depths": (10, 20, 40, 60, 80, 100, 125, 150, 200, 250, 300),
    "width": 300,
    "steps": 2000,
}


def build_model(depth: int, width: int, weight: float, generator: minnet.Generator) -> nn.Module:
    """Return `depth` layers of tanh and a Linear, with weights of variance `weight` / fan_in."""
    layers: list[nn.Module] = [nn.Linear(784, width), nn.Tanh()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Tanh()]
    fill = functools.partial(init.normal_, std=math.sqrt(BIAS))
    scheme = init.scheme(init.variance_scaling_, scale=weight, bias=fill, generator=generator)
    return nn.Sequential(*layers, nn.Linear(width, 10)).apply(scheme)


@minnet.no_grad()
def accuracy(net: nn.Module, images: minnet.Tensor, labels: minnet.Tensor) -> float:
    return (net(images).argmax(1) == labels).float().mean().item()


def trainable_depth(depths: Sequence[int], accuracies: np.ndarray) -> float:
    """Return the depth at which the training accuracy comes down to 1/2, between two that were run.

    It is the last depth where it stays above, and 0 where it never is.
    """
    below = np.flatnonzero(accuracies < 0.5)
    if len(below) == 0:
        return depths[-1]
    k = below[0]
    if k == 0:
        return 0.0
    share = (accuracies[k - 1] - 0.5) / (accuracies[k - 1] - accuracies[k])
    return depths[k - 1] + share * (depths[k] - depths[k - 1])


def summary(weights: Sequence[float], depths: Sequence[int], accuracies: np.ndarray) -> str:
    """Return the accuracy by depth and σw², and below it how deep networks train, and 6 ξ_c."""
    rows = [("depth", *(f"σw² {weight:.4g}" for weight in weights))]
    rows += [
        (str(depth), *(f"{a:.2f}" for a in row))
        for depth, row in zip(depths, accuracies, strict=True)
    ]
    reached = [trainable_depth(depths, column) for column in accuracies.T]
    limits = [6 * correlation_depth(np.tanh, weight, BIAS) for weight in weights]
    rows.append(("to 1/2", *(f"{depth:.0f}" for depth in reached)))
    rows.append(("6 ξ_c", *(f"{limit:.0f}" for limit in limits)))
    return table(rows)


def draw(
    weights: Sequence[float], depths: Sequence[int], accuracies: np.ndarray, title: str
) -> Figure:
    """Draw the accuracy as colour over σw² and depth, and multiples of ξ_c over it."""
    from matplotlib.patheffects import withStroke

    figure = new_figure(8, 4.4)
    axes = figure.subplots()
    image = axes.pcolormesh(
        weights, depths, accuracies, shading="nearest", cmap="cividis", vmin=0, vmax=1
    )
    figure.colorbar(image, label="training accuracy", pad=0.01)
    left, right, bottom, top = *axes.get_xlim(), *axes.get_ylim()
    fine = np.linspace(left, right, 241)
    depth_scale = np.array([correlation_depth(np.tanh, weight, BIAS) for weight in fine])
    outlined = {"color": "white", "path_effects": [withStroke(linewidth=2.5, foreground="black")]}
    for multiple in MULTIPLES:
        last = multiple == MULTIPLES[-1]
        axes.plot(fine, multiple * depth_scale, lw=2.4 if last else 1.2, **outlined)
        at = np.searchsorted(fine, left + 0.75 * (right - left))
        text = f"{multiple} $\\xi_c$"
        axes.annotate(text, (fine[at], multiple * depth_scale[at]), (0, 5), **outlined,
                      textcoords="offset points", fontsize=12 if last else 9)  # fmt: skip
    for x, phase in ((0.02, "ordered:\ngradients vanish"), (0.98, "chaotic:\ngradients explode")):
        axes.text(x, 0.95, phase, transform=axes.transAxes, va="top", color="white", fontsize=9,
                  ha="left" if x < 0.5 else "right")  # fmt: skip
    axes.set(xlabel="weight variance $\\sigma_w^2$", ylabel="depth", ylim=(bottom, top))
    axes.set_title(title, fontsize=10)
    return finish(figure, FIGURE)


def main(arguments: Sequence[str] | None = None) -> np.ndarray:
    parser = options_for("Train networks of tanh of many depths.", "edge_of_chaos.png")
    add = parser.add_argument
    # fmt: off
    add("--weights", type=positive(float), nargs="+", metavar="X", default=USUAL["weights"],
        help="variances σw² (ten, from 1 to 4)")
    add("--depths", type=positive(int), nargs="+", metavar="N", default=USUAL["depths"],
        help="numbers of layers (seven, from 10 to 120)")
    add("--width", type=positive(int), default=100, metavar="N", help="units (%(default)s)")
    add("--steps", type=positive(int), default=300, metavar="N", help="of SGD (%(default)s)")
    add("--batch-size", type=positive(int), default=100, metavar="N",
        help="images in a step (%(default)s)")
    add("--lr", type=positive(float), default=0.4, metavar="X",
        help="learning rate times depth (%(default)s)")
    add("--full", action="store_true", help="the paper's width and depths: takes hours")
    # fmt: on
    if parser.parse_known_args(arguments)[0].full:
        parser.set_defaults(**FULL)
    options, training_set, _ = begin(parser, arguments, **QUICK)
    weights, depths = sorted(options.weights), sorted(options.depths)
    images, labels = next(iter(DataLoader(training_set, batch_size=1000)))

    accuracies = np.zeros((len(depths), len(weights)))
    grid = [(i, j) for i in range(len(depths)) for j in range(len(weights))]
    for i, j in tqdm(grid, "networks", leave=False, disable=None):
        depth, weight = depths[i], weights[j]
        generator = minnet.Generator(seed=options.seed).fold_in(f"{depth} layers, {weight}")
        net = build_model(depth, options.width, weight, generator)
        loader = DataLoader(training_set, options.batch_size, shuffle=True, generator=generator)
        optimizer = optim.SGD(net.parameters(), lr=options.lr / depth)
        train(net, loader, optimizer, options.steps, f"{depth} layers, σw² {weight}")
        accuracies[i, j] = accuracy(net, images.flatten(1), labels)
    what = f"{options.width} units, {options.steps} steps of SGD on {name_of(training_set)}"
    print(f"\n{FIGURE}: training accuracy, tanh, {what}")
    print(summary(weights, depths, accuracies))
    save(draw(weights, depths, accuracies, f"Networks of tanh: {what}"), options.output)
    return accuracies


if __name__ == "__main__":
    main()
