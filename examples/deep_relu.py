"""Repeat He et al. (2015), Figure 3: thirty layers of ReLU, which Xavier's initialization stalls.

    python examples/deep_relu.py           # on MNIST, half a minute; writes a picture
    python examples/deep_relu.py --help    # all options

Xavier's initialization keeps the variance of what a linear layer hands on. ReLU cuts half of it
away, each time: after 29 layers 2⁻²⁹ is left, of the signal and, on the way back, of the gradient.
He's initialization doubles the weights' variance to make up for it. `minnet.doctor` sees the
difference before any training, and what it prescribes mends the network.

The paper's network is convolutional and learns ImageNet; this one is an MLP, with biases that start
at zero as the paper's do. Biases need no signal from below, so after some thousand steps they bring
the stalled network to life again; with --no-bias it does not move.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from experiment import (
    BLUE,
    GREEN,
    GREY,
    RED,
    batches,
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

import minnet
import minnet.nn as nn
from minnet import doctor, optim
from minnet.data import DataLoader
from minnet.nn import init

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE = "He et al. (2015), Figure 3"
MENDED = "Xavier, mended"
COLORS = {"Xavier": BLUE, "He": RED, MENDED: GREEN}
LINES = {"Xavier": "-", "He": "-", MENDED: "--"}


@dataclass
class Run:
    """One network: how it was before training, and how it trained."""

    report: doctor.Report
    losses: list[float]
    accuracy: float


def build_model(depth: int, width: int, bias: bool) -> nn.Sequential:
    """Return a network of `depth` Linears."""
    layers: list[nn.Module] = [nn.Linear(784, width, bias=bias), nn.ReLU()]
    for _ in range(depth - 2):
        layers += [nn.Linear(width, width, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10, bias=bias))


def initialize(net: nn.Module, name: str, x: minnet.Tensor) -> None:
    zeros = init.zeros_ if net[0].bias is not None else None
    if name == "He":
        net.apply(init.scheme(init.kaiming_normal_, nonlinearity="relu", bias=zeros))
    else:
        net.apply(init.scheme(init.xavier_normal_, bias=zeros))
    if name == MENDED:
        doctor.prescribe(net, x)


def describe(name: str, report: doctor.Report) -> None:
    """Print what the doctor says."""
    lines = [f"{name}, before training: " + ("well initialized" if report.healthy else "")]
    lines += [f"- {finding.kind}: {finding.text}" for finding in report.findings]
    lines += dict.fromkeys(f"- what to change: {finding.remedy}" for finding in report.findings)
    print()
    for line in lines:
        print(textwrap.fill(line, 98, subsequent_indent="  "))


def summary(runs: dict[str, Run]) -> str:
    steps = len(next(iter(runs.values())).losses)
    head = ("initialization", "E[z²] first → last", "E[δ²] last → first", "first loss")
    rows = [(*head, f"after {steps} steps", "test accuracy")]
    for name, run in runs.items():
        hidden = run.report.layers[:-1]
        signal = [layer.signal.measured for layer in hidden]
        gradient = [layer.gradient.measured for layer in hidden]
        rows.append(
            (
                name,
                f"{signal[0]:.2g} → {signal[-1]:.2g}",
                f"{gradient[-1]:.1e} → {gradient[0]:.1e}",
                f"{run.losses[0]:.4f}",
                f"{np.mean(run.losses[-20:]):.4f}",
                f"{run.accuracy:.3f}",
            )
        )
    return table(rows)


def draw(runs: dict[str, Run], data: str) -> Figure:
    """Draw the gradient by layer before training, and the loss by step."""
    figure = new_figure(8, 3.6)
    before, during = figure.subplots(1, 2, width_ratios=(1, 1.25))
    for name in ("Xavier", "He"):
        layers = runs[name].report.layers[:-1]
        number = np.arange(1, len(layers) + 1)
        measured = [layer.gradient.measured for layer in layers]
        before.plot(number, [layer.gradient.predicted for layer in layers], color=COLORS[name])
        before.plot(number, measured, "o", color=COLORS[name], ms=3.5)
        middle = len(layers) // 2
        before.annotate(name, (number[middle], measured[middle]), (8, -14), color=COLORS[name],
                        textcoords="offset points")  # fmt: skip
    before.plot([], [], color=GREY, label="mean-field theory")
    before.plot([], [], "o", color=GREY, ms=3.5, label="measured")
    before.set(yscale="log", xlabel="layer", ylabel="gradient E[δ²]")
    before.set_title("Before training: the doctor", fontsize=10)
    before.legend(fontsize=8, frameon=False, loc="lower right")

    chance = math.log(10)
    during.axhline(chance, color=GREY, lw=1, ls=":")
    during.annotate("ln 10: a guess", (1, chance), (-2, 4), color=GREY, fontsize=8, ha="right",
                    xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
    for name, run in runs.items():
        window = max(1, len(run.losses) // 40)
        smooth = np.convolve(run.losses, np.ones(window) / window, "valid")
        step = np.arange(len(smooth)) + window
        during.plot(step, smooth, LINES[name], color=COLORS[name], lw=1.8, label=name)
    during.set(xlabel="step", ylabel="training loss", ylim=(0, 2.7), xlim=(0, None))
    depth = len(runs["He"].report.layers)
    during.set_title(f"Training: {depth} layers of ReLU on {data}", fontsize=10)
    during.legend(fontsize=8, frameon=False, loc="lower left")
    return finish(figure, FIGURE)


@minnet.no_grad()
def accuracy(net: nn.Module, loader: DataLoader) -> float:
    correct = sum((net(x.flatten(1)).argmax(1) == y).sum().item() for x, y in loader)
    return correct / len(loader.dataset)


def main(arguments: Sequence[str] | None = None) -> dict[str, Run]:
    parser = options_for("Train 30 layers of ReLU from two initializations.", "deep_relu.png")
    add = parser.add_argument
    # fmt: off
    add("--depth", type=positive(int), default=30, metavar="N", help="Linears (%(default)s)")
    add("--width", type=positive(int), default=128, metavar="N", help="units (%(default)s)")
    add("--steps", type=positive(int), default=900, metavar="N", help="of SGD (%(default)s)")
    add("--batch-size", type=positive(int), default=128, metavar="N",
        help="images in a step (%(default)s)")
    add("--lr", type=positive(float), default=0.01, metavar="X", help="learning rate (%(default)s)")
    add("--no-bias", action="store_true", help="leave the biases out")
    # fmt: on
    options, training_set, test_set = begin(parser, arguments, width=64, steps=150)
    test = DataLoader(test_set, batch_size=1000)

    runs = {}
    for name in ("Xavier", "He", MENDED):
        minnet.manual_seed(options.seed)
        order = minnet.Generator(seed=options.seed)
        loader = DataLoader(training_set, options.batch_size, shuffle=True, generator=order)
        net = build_model(options.depth, options.width, not options.no_bias)
        x, y = next(batches(DataLoader(test_set, batch_size=256)))
        initialize(net, name, x)
        report = doctor.examine(net, x, y)
        describe(name, report)
        optimizer = optim.SGD(net.parameters(), lr=options.lr)
        losses = train(net, loader, optimizer, options.steps, name)
        runs[name] = Run(report, losses, accuracy(net, test))
    print(f"\n{FIGURE}: {options.depth} layers of ReLU")
    print(summary(runs))
    save(draw(runs, name_of(training_set)), options.output)
    return runs


if __name__ == "__main__":
    main()
