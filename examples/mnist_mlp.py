"""Train an MLP to read handwritten digits: from the data to the test accuracy.

    python examples/mnist_mlp.py            # MNIST: from the cache, else downloaded
    python examples/mnist_mlp.py --help     # all options

Without a network it trains on digits that minnet draws itself, and says so.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

import minnet
import minnet.nn as nn
import minnet.nn.functional as F
from minnet import optim
from minnet.data import MNIST, DataLoader, Dataset, GeneratedDigits, ToFloat

# The mean and standard deviation of MNIST's training pixels, scaled to [0, 1].
NORMALIZED = ToFloat(mean=0.1307, std=0.3081)
OPTIMIZERS = {"sgd": (optim.SGD, 0.2), "adam": (optim.Adam, 1e-3)}  # with their learning rates
INITS = ("kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform", "default")


def build_model() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def initializer(name: str) -> Callable[[nn.Module], None]:
    """Return a function for `Module.apply` that initializes a linear layer."""
    fill = getattr(nn.init, f"{name}_")
    options = {"nonlinearity": "relu"} if name.startswith("kaiming") else {}

    def initialize(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            fill(module.weight, **options)
            nn.init.zeros_(module.bias)

    return initialize


def train(
    model: nn.Module, loader: DataLoader, optimizer: optim.Optimizer, description: str
) -> float:
    """Train for one epoch and return the mean loss."""
    model.train()
    device = next(model.parameters()).device
    total, seen = 0.0, 0
    # disable=None: a bar on a terminal only, so that logs stay clean
    with tqdm(loader, description, unit="batch", leave=False, disable=None) as bar:
        for images, labels in bar:
            images, labels = images.to(device), labels.to(device)
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            seen += len(labels)
            bar.set_postfix_str(f"loss {total / seen:.4f}", refresh=False)
    return total / seen


@minnet.no_grad()
def accuracy(model: nn.Module, loader: DataLoader) -> float:
    """Return the fraction of images whose largest output is their label's."""
    model.eval()
    device = next(model.parameters()).device
    correct, seen = 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        correct += (model(images).argmax(1) == labels).sum().item()
        seen += len(labels)
    return correct / seen


def resume(path: Path, model: nn.Module, optimizer: optim.Optimizer) -> int:
    """Set everything as a checkpoint says, and return the number of epochs that were trained."""
    checkpoint = minnet.load(path)
    if not {"model", "optimizer", "generator", "epoch"} <= set(checkpoint):
        raise ValueError(f"{path} is no checkpoint of this program")
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    minnet.set_rng_state(checkpoint["generator"])
    return checkpoint["epoch"]


def find_mnist(folder: Path | None, verify: bool) -> tuple[Dataset, Dataset, str]:
    """Return MNIST's training set and test set, and where they come from."""
    try:
        both = [
            MNIST(folder, train, transform=NORMALIZED, verify=verify) for train in (True, False)
        ]
        return *both, f"MNIST, found in {both[0].root}"
    except FileNotFoundError:
        if folder is not None:
            raise
    print("MNIST is not in the cache; downloading it", flush=True)
    both = [
        MNIST(folder, train, download=True, transform=NORMALIZED, verify=verify)
        for train in (True, False)
    ]
    return *both, f"MNIST, downloaded to {both[0].root}"


def find_data(options: argparse.Namespace) -> tuple[Dataset, Dataset, str]:
    """Return the training set and the test set, and a sentence on which data they are and why."""
    reason = "as --data generated asks"
    if options.data != "generated":
        try:
            return find_mnist(options.data_dir, not options.no_verify)
        except (OSError, ImportError) as error:
            if options.data == "mnist" or options.data_dir is not None:
                raise
            reason = f"because MNIST is not at hand: {error}"
    both = [GeneratedDigits(train, transform=NORMALIZED) for train in (True, False)]
    return *both, f"digits drawn by minnet, {reason}"


class CompilingNotice(logging.Handler):
    """Says that kernels are being compiled: in a line, and on a terminal with their number."""

    bar: tqdm | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if not record.msg.startswith("compiling"):
            tqdm.write(record.getMessage())
            return
        if self.bar is None:
            self.bar = tqdm(desc="compiling kernels, first run only", unit=" kernels", disable=None)
            if self.bar.disable:
                print("compiling kernels, first run only ...", flush=True)
        self.bar.update()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        super().close()


@contextmanager
def told_of_compiling() -> Iterator[None]:
    """Say so while kernels are compiled that are not in the cache yet."""
    log = logging.getLogger("minnet.kernels")
    log.setLevel(logging.INFO)
    notice = CompilingNotice()
    log.addHandler(notice)
    try:
        yield
    finally:
        log.removeHandler(notice)
        notice.close()


def positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    """Return a converter for argparse that takes finite numbers above 0 only."""

    def convert(text: str) -> float:
        value = kind(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
        return value

    convert.__name__ = kind.__name__  # argparse names it where the text is no number at all
    return convert


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the images come from, the seed and the threads."""
    add = parser.add_argument
    # fmt: off
    add("--data", choices=("auto", "mnist", "generated"), default="auto",
        help="auto, the default: MNIST, or generated digits where it cannot be had")
    add("--data-dir", type=Path, metavar="DIR",
        help="folder with MNIST's four IDX files, gzipped or not, instead of the cache")
    add("--no-verify", action="store_true",
        help="accept files that only look like MNIST's, such as Fashion-MNIST")
    add("--seed", type=int, default=0, metavar="N",
        help="of the weights and of the order of the images (%(default)s)")
    add("--device", choices=("cpu", "cuda"), default="cpu",
        help="where to train: cuda is the GPU (%(default)s)")
    add("--threads", type=positive(int), metavar="N", help="threads to compute with (all)")
    # fmt: on


def check_data_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.device == "cuda" and not minnet.cuda.is_available():
        parser.error(f"--device cuda: {minnet.cuda.why_not()}")
    if options.data == "generated" and options.data_dir is not None:
        parser.error("--data-dir has no meaning with --data generated; leave one of them out")
    if not 0 <= options.seed < 2**64:
        parser.error(f"--seed: expected a number from 0 to 2**64 - 1, got {options.seed}")


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(
        usage="%(prog)s [options]",
        description="Train a 784-128-10 MLP on handwritten digits.",
    )
    add_data_options(parser)
    add = parser.add_argument
    # fmt: off
    add("--epochs", type=positive(int), default=5, metavar="N",
        help="times through the data (%(default)s)")
    add("--batch-size", type=positive(int), default=64, metavar="N",
        help="images in a step (%(default)s)")
    add("--optimizer", choices=OPTIMIZERS, default="sgd", help="%(default)s, if not given")
    add("--lr", type=positive(float), metavar="X",
        help="learning rate (0.2 for sgd, 0.001 for adam); it falls from epoch to epoch")
    add("--init", choices=INITS, default=INITS[0], help="initial weights (%(default)s)")
    add("--save", type=Path, metavar="FILE", help="write the trained weights")
    add("--checkpoint", type=Path, metavar="FILE",
        help="keep the state of the training there after each epoch, and go on from it")
    # fmt: on
    options = parser.parse_args(arguments)
    check_data_options(parser, options)
    for name, path in (("save", options.save), ("checkpoint", options.checkpoint)):
        if path is not None and not path.parent.is_dir():
            parser.error(f"--{name}: there is no folder {path.parent}")
    return options, parser


def main(arguments: Sequence[str] | None = None) -> None:
    options, parser = parse(arguments)
    if options.threads is not None:
        minnet.set_num_threads(options.threads)
    minnet.manual_seed(options.seed)

    with told_of_compiling():
        try:
            training_set, test_set, source = find_data(options)
        except (OSError, ValueError, ImportError) as error:
            parser.error(str(error))
        minnet.warmup()  # so that no epoch waits for it
    print(f"data: {source}", flush=True)
    training = DataLoader(training_set, options.batch_size, shuffle=True)
    test = DataLoader(test_set, batch_size=1000)

    model = build_model()
    if options.init != "default":  # which is what nn.Linear starts from by itself
        model.apply(initializer(options.init))
    model.to(options.device)
    make_optimizer, usual_rate = OPTIMIZERS[options.optimizer]
    rate = options.lr or usual_rate
    optimizer = make_optimizer(model.parameters(), lr=rate)

    done = 0
    if options.checkpoint is not None and options.checkpoint.exists():
        try:
            done = resume(options.checkpoint, model, optimizer)
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            parser.error(f"--checkpoint: {error}")
        score = accuracy(model, test)
        print(f"resumed from {options.checkpoint}: epoch {done}, test accuracy {score:.4f}")
    for epoch in range(done + 1, options.epochs + 1):
        start = time.perf_counter()
        for group in optimizer.param_groups:  # large steps first, small ones to settle
            group["lr"] = rate * (1 - (epoch - 1) / options.epochs)
        name = f"epoch {epoch}/{options.epochs}"
        loss = train(model, training, optimizer, name)
        seconds = time.perf_counter() - start
        score = accuracy(model, test)
        print(f"{name}: loss {loss:.4f}, test accuracy {score:.4f}, {seconds:.1f} s", flush=True)
        if options.checkpoint is not None:
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "generator": minnet.get_rng_state(),
                "epoch": epoch,
            }
            minnet.save(state, options.checkpoint)

    if options.save is not None:
        minnet.save(model.state_dict(), options.save)
        print(f"weights: {options.save}")
    print(f"test accuracy: {score:.4f}")


if __name__ == "__main__":
    main()
