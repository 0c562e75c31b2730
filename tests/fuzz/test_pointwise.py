"""Fuzzed: arithmetic, comparison, elementary functions and activations, with their gradients."""

from __future__ import annotations

import numpy as np
from fuzz.compare import check, fuzzed
from fuzz.strategies import ANY, FLOATS, PLAIN, broadcast, tensors
from hypothesis import strategies as st

UNARY = (
    "abs neg sign square sqrt rsqrt reciprocal floor ceil round trunc exp expm1 log log1p sin cos "
    "erf tanh sigmoid relu isnan isinf isfinite logical_not clone"
).split()
ACTIVATIONS = {
    "relu": [],
    "relu6": [],
    "leaky_relu": [(0.01,), (0.0,), (-0.5,), (1.5,)],
    "elu": [(1.0,), (0.5,)],
    "selu": [],
    "silu": [],
    "gelu": [],
    "softplus": [(1.0, 20.0), (3.0, 2.0)],
    "logsigmoid": [],
    "hardtanh": [(-1.0, 1.0), (0.0, 6.0), (2.0, 2.0)],
    "hardswish": [],
    "celu": [(1.0,), (0.5,)],
    "mish": [],
    "softsign": [],
}
BY_LOOP = ("hardtanh", "relu6", "elu", "selu", "hardswish", "celu")
BINARY = (
    "add sub mul div floor_divide remainder maximum minimum eq ne lt le gt ge logical_and "
    "logical_or isclose"
).split()
NUMPY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "abs": np.abs,
    "maximum": np.maximum, "minimum": np.minimum, "eq": np.equal, "lt": np.less, "exp": np.exp,
    "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "sin": np.sin, "floor": np.floor,
}  # fmt: skip


def tiny(x):
    """Say whether the square of an element's reciprocal is too large for a float32."""
    return ((x.base != 0) & (np.abs(x.base, dtype=float) < 1e-18)).any()


@fuzzed(st.sampled_from(UNARY), tensors(values=ANY))
def test_functions_of_one_tensor(name, x):
    numpy = NUMPY.get(name) if x.base.dtype.kind == "f" else None
    check("pointwise", lambda t, x: getattr(t, name)(x), x, numpy=numpy)


@fuzzed(st.data(), st.sampled_from(sorted(ACTIVATIONS)), tensors(dtypes=FLOATS, values=ANY))
def test_activations(data, name, x):
    options = data.draw(st.sampled_from(ACTIVATIONS[name] or [()]))
    # torch's gradient at a NaN is one thing in its vector loop and another in what is left of it.
    grad = name not in BY_LOOP or not np.isnan(x.base).any()
    grad &= name != "mish" or not np.isinf(x.base).any()  # NaN in torch: 0 times infinity
    check(
        "pointwise", lambda t, x: getattr(t.nn.functional, name)(x, *options), x,
        atol=8, grad=grad,
    )  # fmt: skip


@fuzzed(st.sampled_from(BINARY), broadcast(values=ANY))
def test_functions_of_two_tensors(name, pair):
    a, b = (r.base.dtype for r in pair)
    numpy = NUMPY.get(name) if a == b and a.kind == "f" else None  # NumPy has rules of its own
    # torch's slope is dy · (x / y / y), and the quotient overflows before dy = 0 counts.
    grad = name != "div" or not tiny(pair[1])
    check("pointwise", lambda t, x, y: getattr(t, name)(x, y), *pair, numpy=numpy, grad=grad)


NUMBERS = st.sampled_from([0, 1, 2, 3, -1, 0.5, 2.5, -0.75, True, 1e10])
OPERATORS = {
    "x + n": lambda x, n: x + n,
    "n - x": lambda x, n: n - x,
    "x * n": lambda x, n: x * n,
    "x / n": lambda x, n: x / n,
    "n / x": lambda x, n: n / x,
    "x // n": lambda x, n: x // n,
    "x % n": lambda x, n: x % n,
    "x < n": lambda x, n: x < n,
    "x == n": lambda x, n: x == n,
    "clamp": lambda x, n: x.clamp(min=n),
}


@fuzzed(st.sampled_from(sorted(OPERATORS)), tensors(values=ANY), NUMBERS)
def test_a_tensor_and_a_number(name, x, n):
    if name == "n / x" and tiny(x):  # torch multiplies with 1 / x, which overflows
        return
    check("pointwise", lambda t, x: OPERATORS[name](x, n), x)


@fuzzed(tensors(dtypes=FLOATS, values=PLAIN), st.sampled_from([0, 1, 2, 3, 0.5, -1, 2.5, -2]))
def test_powers(x, n):
    check("pointwise", lambda t, x: x**n, x, rtol=20)


@fuzzed(broadcast(3, dtypes=FLOATS, values=ANY))
def test_where_and_clamp_of_three_tensors(three):
    check("pointwise", lambda t, a, b, c: t.where(a > 0, b, c), *three)
    # torch compares the bounds before they are rounded to the result's dtype, if both have no dims.
    grad = three[1].base.dtype == three[2].base.dtype
    check("pointwise", lambda t, a, b, c: t.clamp(a, b, c), *three, grad=grad)


IN_PLACE = "add_ sub_ mul_ div_".split()


@fuzzed(st.sampled_from(IN_PLACE), broadcast(values=PLAIN))
def test_changes_in_place(name, pair):
    def program(t, x, y):
        x = x.clone()
        return x, getattr(x, name)(y)

    check("pointwise", program, *pair, grad=False)
