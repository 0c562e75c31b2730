"""NumPy's warnings about numbers never reach a user: torch computes with infinities in silence."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from cases import CASES

import minnet

INF, NAN = float("inf"), float("nan")
FILLINGS = {
    "zeros": [0.0],
    "infinity": [INF],
    "nan": [NAN],
    "huge": [3e38],
    "tiny": [1e-45],
    "mixed": [INF, -INF, NAN, 0.0, 3e38, -1e-42, 1.0],
}
REFUSED = (
    RuntimeError,
    ValueError,
    IndexError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
)


@pytest.fixture(autouse=True)
def raising():
    """Let every warning of NumPy's be an error, whatever the user's settings."""
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.mark.parametrize("name", CASES)
def test_operations_and_their_derivatives_are_silent(name):
    f, *arrays = CASES[name]
    for filling, numbers in FILLINGS.items():
        for dtype in (minnet.float32, minnet.float64)[: 2 if filling == "mixed" else 1]:
            inputs = [
                minnet.tensor(np.resize(numbers, np.shape(a)), dtype=dtype, requires_grad=True)
                for a in arrays
            ]
            try:
                slopes = minnet.autograd.grad(
                    f(*inputs).sum(), inputs, create_graph=True, allow_unused=True
                )
                second = [s.sum() for s in slopes if s is not None and s.requires_grad]
                if second:
                    sum(second).backward()
            except REFUSED:
                pass  # a FloatingPointError is none of these


INPUTS = {
    "float32": ([0, 0], [], [[]], [INF, 1], [NAN, -INF], [3e38] * 3, [-3e38, 1e-45], INF),
    "float64": ([-3e38, INF], 1e300),
    "int64": ([0, 1], [2**62, -1]),
    "uint8": ([100, 200], []),
    "bool": ([True, False],),
}


def inputs():
    for dtype, data in INPUTS.items():
        for numbers in data:
            yield minnet.tensor(numbers, dtype=getattr(minnet, dtype))


PLACES = {
    "minnet": minnet,
    "Tensor": minnet.Tensor,
    "F": minnet.nn.functional,
    "init": minnet.nn.init,
}
ASIDE = {"backward", "save", "load", "manual_seed"}
PUBLIC = [
    (place, name)
    for place, namespace in PLACES.items()
    for name in dir(namespace)
    if not name.startswith(("_", "set_")) and name not in ASIDE
    if inspect.isroutine(getattr(namespace, name))
]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("place", "name"), PUBLIC)
def test_every_public_function_is_silent(place, name):
    function = getattr(PLACES[place], name)
    for x in inputs():
        for others in ((), (0,), (-1,), (0.5,), (1e39,), (x,), (x, x), (0, 1)):
            try:
                function(x.clone(), *others)
            except REFUSED:
                pass
