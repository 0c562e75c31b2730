"""What the examples that repeat a paper's experiment share: options, data, training, pictures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_mlp import add_data_options, check_data_options, find_data, positive, told_of_compiling
from tqdm import tqdm

import minnet
import minnet.nn as nn
import minnet.nn.functional as F
from minnet import Tensor, optim
from minnet.data import MNIST, DataLoader, Dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "RED", "batches", "begin", "finish", "name_of", "new_figure"]
__all__ += ["options_for", "positive", "save", "table", "train"]

# Okabe and Ito's colours (2008), which the colour-blind can tell apart.
BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


def options_for(description: str, picture: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all experiments have."""
    parser = argparse.ArgumentParser(usage="%(prog)s [options]", description=description)
    add_data_options(parser)
    parser.add_argument(
        "--output", type=Path, default=Path(picture), metavar="FILE", help="picture (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="small and short, to see it run")
    return parser


def begin(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, **quick: object
) -> tuple[argparse.Namespace, Dataset, Dataset]:
    """Return the options, and the training and the test set.

    With --quick, `quick` holds the defaults in place of the usual ones.
    """
    if parser.parse_known_args(arguments)[0].quick:
        parser.set_defaults(**quick)
    options = parser.parse_args(arguments)
    check_data_options(parser, options)
    if not options.output.parent.is_dir():
        parser.error(f"--output: there is no folder {options.output.parent}")
    try:
        kinds = new_figure(1, 1).canvas.get_supported_filetypes()
    except ImportError as error:
        parser.error(f'{error}; python -m pip install "minnet[examples]" brings it')
    if options.output.suffix[1:] not in kinds:
        parser.error(f"--output: expected a name that ends in one of {', '.join(sorted(kinds))}")
    if options.threads is not None:
        minnet.set_num_threads(options.threads)
    with told_of_compiling():
        try:
            training_set, test_set, source = find_data(options)
        except (OSError, ValueError, ImportError) as error:
            parser.error(str(error))
        minnet.warmup()
    print(f"data: {source}", flush=True)
    return options, training_set, test_set


def batches(loader: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches without end, each image as a row."""
    while True:
        for images, labels in loader:
            yield images.flatten(1), labels


def train(
    net: nn.Module, loader: DataLoader, optimizer: optim.Optimizer, steps: int, name: str
) -> list[float]:
    """Train for some steps and return the loss at each."""
    losses = []
    with tqdm(islice(batches(loader), steps), name, steps, leave=False, disable=None) as bar:
        for images, labels in bar:
            loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, of which 8 are the width of a README."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def finish(figure: Figure, paper: str) -> Figure:
    """Take the boxes' upper and right sides away, and name the paper's figure below."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(f"after {paper}", fontsize=8, color=GREY, x=0.99, ha="right")
    return figure


def save(figure: Figure, path: Path) -> None:
    from PIL import Image  # which matplotlib brings

    figure.savefig(path, dpi=160)
    if path.suffix == ".png":  # with a palette it is a third as large
        with Image.open(path) as picture:
            picture.convert("RGB").quantize(256).save(path, optimize=True)
    print(f"picture: {path}")


def name_of(data: Dataset) -> str:
    return "MNIST" if isinstance(data, MNIST) else "generated digits"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text in columns, numbers to the right."""
    columns = []
    for column in zip(*rows, strict=True):
        width = max(map(len, column))
        number = column[-1][:1].isdigit()
        columns.append([c.rjust(width) if number else c.ljust(width) for c in column])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))
