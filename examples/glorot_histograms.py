"""Repeat Glorot and Bengio (2010), Figures 6 and 7: what passes through five layers of tanh.

    python examples/glorot_histograms.py           # on MNIST, seconds; writes a picture
    python examples/glorot_histograms.py --help    # all options

Before any training, the "standard" initialization of the time, U(−1/√fan_in, 1/√fan_in), gives
activations that crowd around 0 the more the higher the layer (Figure 6), and gradients that do so
the more the lower the layer (Figure 7). The "normalized" one, which became known as Xavier's or
Glorot's, keeps both about as wide in every layer. `minnet.doctor` says how wide they are to be.

The network is the paper's: five hidden layers of 1000 units, a softmax over ten classes, biases
of 0. (torch's `nn.Linear` still starts from the standard initialization.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from experiment import (
    batches,
    begin,
    finish,
    name_of,
    new_figure,
    options_for,
    positive,
    save,
    table,
)

import minnet
import minnet.nn as nn
import minnet.nn.functional as F
from minnet import Tensor, doctor
from minnet.data import DataLoader
from minnet.nn import init

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE = "Glorot and Bengio (2010), Figures 6 and 7"
SCHEMES = {
    "standard": init.scheme(init.variance_scaling_, scale=1 / 3, distribution="uniform",
                            bias=init.zeros_),  # U(±1/√fan_in)
    "normalized": init.scheme(init.xavier_uniform_, bias=init.zeros_),
}  # fmt: skip


@dataclass
class Layers:
    """What passes through the hidden layers of a network, and what the doctor expects.

    Attributes:
        activations: for each layer, f(z) for every image and unit.
        gradients: for each layer, the gradient for z.
        report: the doctor's.
    """

    activations: list[np.ndarray]
    gradients: list[np.ndarray]
    report: doctor.Report


def build_model(depth: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(784, width), nn.Tanh()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def look(net: nn.Sequential, x: Tensor, y: Tensor) -> Layers:
    """Pass a batch through, and back."""
    pre_activations, activations = [], []
    signal = x
    for layer in net:
        signal = layer(signal)
        if isinstance(layer, nn.Tanh):
            activations.append(signal.numpy(force=True))
        else:
            signal.retain_grad()
            pre_activations.append(signal)
    F.cross_entropy(signal, y).backward()
    gradients = [z.grad.numpy() for z in pre_activations[:-1]]
    return Layers(activations, gradients, doctor.examine(net, x, y))


def summary(found: dict[str, Layers]) -> str:
    """Return the standard deviations by layer, as measured and as predicted."""
    rows = [("initialization", "layer", "activation", "theory", "gradient", "theory")]
    for name, layers in found.items():
        hidden = layers.report.layers[:-1]
        for k, layer in enumerate(hidden):
            rows.append(
                (
                    name if k == 0 else "",
                    str(k + 1),
                    f"{layers.activations[k].std():.4f}",
                    f"{np.sqrt(layer.activation_signal.predicted):.4f}",
                    f"{layers.gradients[k].std():.3e}",
                    f"{np.sqrt(layer.gradient.predicted):.3e}",
                )
            )
        last_to_first = layers.activations[-1].std() / layers.activations[0].std()
        first_to_last = layers.gradients[0].std() / layers.gradients[-1].std()
        rows.append(("", "ratio", f"{last_to_first:.3f}", "", f"{first_to_last:.3f}", ""))
    return table(rows)


def draw(found: dict[str, Layers], data: str) -> Figure:
    """Draw the histograms: activations on the left, gradients on the right, a curve for a layer."""
    from matplotlib import colormaps

    figure = new_figure(8, 4.6)
    axes = figure.subplots(2, 2, sharex="col", sharey="col")
    depth = len(next(iter(found.values())).activations)
    colors = colormaps["viridis"](np.linspace(0, 0.88, depth))
    largest = max(np.quantile(np.abs(g), 0.995) for each in found.values() for g in each.gradients)
    unit = 10.0 ** np.floor(np.log10(largest))
    for (left, right), (name, layers) in zip(axes, found.items(), strict=True):
        for k, color in enumerate(colors):
            label = f"layer {k + 1}"
            _curve(left, layers.activations[k], 1.0, color=color, label=label)
            _curve(right, layers.gradients[k] / unit, largest / unit, color=color, label=label)
        right.set_xlim(-largest / unit, largest / unit)
        left.set(ylabel=f"{name}\ndensity", xlim=(-1, 1))
    for ax in axes.flat:
        ax.set(yscale="log", ylim=(2e-3, 20))
    axes[0, 0].set_title("Activations (Figure 6)", fontsize=10)
    axes[0, 1].set_title("Back-propagated gradients (Figure 7)", fontsize=10)
    axes[1, 0].set_xlabel("tanh(z)")
    axes[1, 1].set_xlabel(f"∂loss/∂z, in {unit:.0e}".replace("e-0", "e-"))
    axes[0, 1].legend(fontsize=8, frameon=False, loc="upper right")
    figure.suptitle(f"{depth} layers of tanh on {data}, before training", fontsize=11)
    return finish(figure, FIGURE)


def _curve(axes: Axes, values: np.ndarray, edge: float, **style: object) -> None:
    """Draw a histogram's outline, with gaps where nothing was counted."""
    density, edges = np.histogram(values, 61, (-edge, edge), density=True)
    density[density == 0] = np.nan
    axes.plot((edges[1:] + edges[:-1]) / 2, density, lw=1.6, **style)


def main(arguments: Sequence[str] | None = None) -> dict[str, Layers]:
    parser = options_for("Compare two initializations, layer by layer.", "glorot_histograms.png")
    add = parser.add_argument
    # fmt: off
    add("--depth", type=positive(int), default=5, metavar="N", help="hidden layers (%(default)s)")
    add("--width", type=positive(int), default=1000, metavar="N", help="units (%(default)s)")
    add("--images", type=positive(int), default=300, metavar="N", help="to look at (%(default)s)")
    # fmt: on
    options, training_set, _ = begin(parser, arguments, width=200, images=200)

    found = {}
    for name, scheme in SCHEMES.items():
        minnet.manual_seed(options.seed)
        net = build_model(options.depth, options.width).apply(scheme)
        x, y = next(batches(DataLoader(training_set, options.images, shuffle=True)))
        found[name] = look(net, x, y)
    print(f"\n{FIGURE}: standard deviations, {options.depth} layers of tanh")
    print(summary(found))
    save(draw(found, name_of(training_set)), options.output)
    return found


if __name__ == "__main__":
    main()
