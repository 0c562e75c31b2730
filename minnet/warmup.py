"""`warmup`: compile the kernels of training before they are needed."""

from __future__ import annotations

from minnet import data, optim
from minnet.creation import empty, zeros
from minnet.data.images import LabelledImages
from minnet.dtypes import float32, int64, uint8
from minnet.functional.loss.classification import cross_entropy
from minnet.functional.mlp import mlp
from minnet.mode import enable_grad
from minnet.nn import init
from minnet.random import Generator

BATCH, HIDDEN = 64, 128


def warmup() -> None:
    """Compile the kernels that an MLP in float32 trains with, or load them from the disk.

    These are the kernels of a shuffling `DataLoader`, `ToFloat`, a `Sequential` of `Linear` and
    `ReLU`, `cross_entropy`, `SGD` with and without momentum, `Adam`, and uniform and normal fills,
    as a network of the size 784-128-10 uses them with batches of 64. All others, and the parallel
    forms that pay in larger networks only, are compiled when they are first called, as these are
    without this function. It changes nothing else, neither the default generator nor the grad mode.

    Example:
        >>> import minnet
        >>> minnet.warmup()
    """
    generator = Generator(seed=0)
    weights = [empty(HIDDEN, 784, dtype=float32), empty(10, HIDDEN, dtype=float32)]
    for weight in weights:
        init.kaiming_uniform_(weight, generator=generator)
        init.kaiming_normal_(weight, generator=generator)
    biases = [zeros(HIDDEN, dtype=float32), zeros(10, dtype=float32)]
    parameters = [weights[0], biases[0], weights[1], biases[1]]
    for tensor in parameters:
        tensor.requires_grad_()
    labels = zeros(BATCH, dtype=int64)
    images = data.TensorDataset(zeros(BATCH, 784, dtype=float32), labels)
    pixels = zeros(BATCH, 28, 28, dtype=uint8)
    scaled = LabelledImages(pixels.array, labels.array, data.ToFloat())
    next(iter(data.DataLoader(scaled, BATCH, generator=generator)))
    with enable_grad():
        for inputs, targets in data.DataLoader(images, BATCH, shuffle=True, generator=generator):
            cross_entropy(mlp(inputs, parameters, ("relu", None)), targets).backward()
    for optimizer in (
        optim.SGD(parameters, lr=0.1),
        optim.SGD(parameters, lr=0.1, momentum=0.9),
        optim.Adam(parameters),
    ):
        optimizer.step()
