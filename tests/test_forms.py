"""The forms that torch gives an operation: names of parameters, `out=`, in place, refusals.

What torch has is read from the stubs that it brings.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import minnet
import minnet.nn.functional as F
from minnet.operation import DECLARED, SPELLINGS, exported

torch = pytest.importorskip("torch")

# Left out on purpose: layouts, pinned memory, names of dims, gradients that are sparse, dtypes of
# products on GPUs, and what torch's Python calls itself.
LEFT_OUT = {
    "layout", "pin_memory", "names", "memory_format", "self", "implicit", "sparse_grad",
    "out_dtype", "_stacklevel", "device", "requires_grad", "scalar", "scalar1", "scalar2",
    "element", "test_element",
}  # fmt: skip
SPELLED = {"from_": "from"}  # in stubs, since it is a word of Python


@cache
def stubs(path: str, cls: str | None = None) -> dict[str, set[str]]:
    """Return torch's functions with the names of all parameters of all overloads."""
    tree = ast.parse((Path(torch.__file__).parent / "_C" / path).read_text(encoding="utf-8"))
    body = tree.body
    if cls is not None:
        body = next(n for n in body if isinstance(n, ast.ClassDef) and n.name == cls).body
    found: dict[str, set[str]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            a = node.args
            given = [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else [])]
            found.setdefault(node.name, set()).update(SPELLED.get(x.arg, x.arg) for x in given)
    return found


def torchs(where: str, name: str) -> set[str]:
    if where == "F":
        function = getattr(torch.nn.functional, name, None)
        try:
            return set(inspect.signature(function).parameters) - {"args", "kwargs"}
        except (TypeError, ValueError):
            return set()
    if where == "minnet":
        return stubs("_VariableFunctions.pyi").get(name, set())
    # The stubs have `out` for the methods of operators, which refuse it.
    return stubs("__init__.pyi", "TensorBase").get(name, set()) - {"input", "out"}


PUBLIC = [
    (where, name)
    for where in ("minnet", "Tensor", "F")
    for name in sorted(exported(where))
    if not name.startswith("__") and name != "new" and torchs(where, name)
]


@pytest.mark.parametrize(("where", "name"), PUBLIC)
def test_every_parameter_of_torchs_has_its_name_here(where, name):
    parameters = inspect.signature(exported(where)[name]).parameters
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        have = {*parameters, "size"}
    else:
        have = {*parameters, *(theirs for theirs, ours in SPELLINGS.items() if ours in parameters)}
    missing = torchs(where, name) - have - LEFT_OUT
    assert missing == set()


def test_functions_take_out_where_torchs_do_and_methods_nowhere():
    functions = stubs("_VariableFunctions.pyi")
    for name, function in exported("minnet").items():
        if "out" in functions.get(name, ()) and name not in {"argsort", "all", "any"}:
            assert "out" in inspect.signature(function).parameters, name
    for name, method in exported("Tensor").items():
        assert "out" not in inspect.signature(method).parameters, name


IN_TORCH = [n for n in exported("minnet") if n.endswith("_") and hasattr(torch, n)]

NUMBER = "fill_ clamp_ clip_ clamp_min_ clamp_max_".split()  # what is given besides the tensor
TENSOR = "ldexp_ xlogy_ gcd_ lcm_".split()


def test_functions_in_place_are_torchs():
    for d in DECLARED.values():
        if d.in_place is not None and "minnet" in d.where and hasattr(torch, f"{d.name}_"):
            assert f"{d.name}_" in IN_TORCH
    for name in [n for n in IN_TORCH if n not in ("index_put_", "addmv_")]:
        x = minnet.tensor([1.5, 0.25])
        if name in ("gcd_", "lcm_"):
            x = x.int()
        others = {
            "threshold_": (1, 1),
            **dict.fromkeys(NUMBER, (1,)),
            **dict.fromkeys(TENSOR, (x,)),
        }
        assert getattr(minnet, name)(x, *others.get(name, ())) is x


DTYPES = "float64 float32 int64 int32 uint8 bool".split()
# Arguments of the operations that have `out=`: x is [[1, 2], [3, 4]].
OUT = {
    **dict.fromkeys(
        "add sub mul div pow eq ne lt le gt ge remainder floor_divide maximum minimum mm matmul "
        "logical_and logical_or logical_xor atan2 hypot logaddexp logaddexp2 xlogy ldexp "
        "float_power fmod fmax fmin copysign gcd lcm bitwise_left_shift bitwise_right_shift "
        "nextafter heaviside".split(),
        lambda L, x: (x, x),
    ),
    **dict.fromkeys(
        "neg abs sign sqrt rsqrt reciprocal floor ceil round trunc exp expm1 log log1p sin cos erf "
        "tanh sigmoid square hardshrink logical_not argmax argmin tril triu diag nonzero tan asin "
        "acos atan sinh cosh asinh acosh atanh exp2 log2 log10 erfc erfinv lgamma digamma deg2rad "
        "rad2deg sinc logit frac nan_to_num isposinf isneginf signbit".split(),
        lambda L, x: (x,),
    ),
    **dict.fromkeys(
        "amax amin var std logsumexp softmax log_softmax sum mean prod cumsum".split(),
        lambda L, x: (x, 0),
    ),
    **dict.fromkeys("zeros ones eye arange".split(), lambda L, x: (3,)),
    **dict.fromkeys("hstack vstack dstack column_stack".split(), lambda L, x: ((x, x),)),
    **dict.fromkeys("clamp_min clamp_max".split(), lambda L, x: (x, 2)),
    **dict.fromkeys("addcmul addcdiv".split(), lambda L, x: (x, x, x)),
    **dict.fromkeys("scatter scatter_add".split(), lambda L, x: (x, 0, L.tensor([[0, 0]]), x)),
    **dict.fromkeys("index_add index_copy".split(), lambda L, x: (x, 0, L.tensor([0, 1]), x)),
    "scatter_reduce": lambda L, x: (x, 0, L.tensor([[0, 0]]), x, "amax"),
    "take": lambda L, x: (x, L.tensor([0, 3])),
    "take_along_dim": lambda L, x: (x, L.tensor([[0, 1]]), 0),
    "slice_scatter": lambda L, x: (x, x[:1], 0, 0, 1),
    **dict.fromkeys("nansum nanmean cumprod".split(), lambda L, x: (x, 0)),
    **dict.fromkeys("msort diff".split(), lambda L, x: (x,)),
    **dict.fromkeys("quantile nanquantile".split(), lambda L, x: (x, 0.5)),
    "histc": lambda L, x: (x, 4),
    "renorm": lambda L, x: (x, 2, 0, 1.0),
    **dict.fromkeys("inner kron".split(), lambda L, x: (x, x)),
    **dict.fromkeys("baddbmm addbmm".split(), lambda L, x: (x, x[None], x[None])),
    "mv": lambda L, x: (x, x[0]),
    "addmv": lambda L, x: (x[0], x, x[0]),
    "addr": lambda L, x: (x, x[0], x[0]),
    "vdot": lambda L, x: (x[0], x[0]),
    "cross": lambda L, x: (x[0].repeat(3)[:3], x[0].repeat(3)[:3]),
    **dict.fromkeys(
        "inverse cholesky_inverse".split(),
        lambda L, x: (x * x.new_tensor([[1, 0], [0, 1]]),),
    ),
    "cholesky_solve": lambda L, x: (x, x),
    "matrix_power": lambda L, x: (x, 2),
    "isin": lambda L, x: (x, x),
    "searchsorted": lambda L, x: (x, x),
    "bucketize": lambda L, x: (x, x[0]),
    "lerp": lambda L, x: (x, x, 0.25),
    "polygamma": lambda L, x: (1, x),
    "dot": lambda L, x: (x[0], x[0]),
    "outer": lambda L, x: (x[0], x[0]),
    "bmm": lambda L, x: (x[None], x[None]),
    "addmm": lambda L, x: (x, x, x),
    "clamp": lambda L, x: (x, 1, 2),
    "threshold": lambda L, x: (x, 2, 0),
    "where": lambda L, x: (x > 0, x, x),
    "gather": lambda L, x: (x, 0, L.tensor([[0]])),
    "index_select": lambda L, x: (x, 0, L.tensor([0])),
    "masked_select": lambda L, x: (x, x > 1),
    "cat": lambda L, x: ([x, x],),
    "stack": lambda L, x: ([x, x],),
    "full": lambda L, x: ((3,), 1),
    "linspace": lambda L, x: (0, 1, 3),
}
WITHOUT = {  # draws, several results, or torch's own rules
    "all", "any", "argsort", "bernoulli", "bitwise_and", "bitwise_not", "bitwise_or",
    "bitwise_xor", "empty", "max", "min", "rand", "randint", "randn", "randperm",
    "sort", "topk", "index_reduce", "multinomial", "normal", "median", "nanmedian", "kthvalue",
    "mode", "logspace", "slogdet", "cholesky", "cummax", "cummin", "aminmax", "histogram",
}  # fmt: skip


def test_every_out_is_tried():
    functions = stubs("_VariableFunctions.pyi")
    taking = {
        d.name
        for d in DECLARED.values()
        if "minnet" in d.where and "out" in inspect.signature(d.function).parameters
    }
    assert {n for n in taking if "out" in functions.get(n, ())} - WITHOUT == set(OUT)


def into(L, name, given, dtype):
    """Return what a function writes into `out=`, or the kind of error."""
    x = L.tensor([[1, 2], [3, 4]], dtype=getattr(L, given))
    out = L.empty(0, dtype=getattr(L, dtype))
    try:
        found = getattr(L, name)(*OUT[name](L, x), out=out)
    except (RuntimeError, TypeError):
        assert tuple(out.shape) == (0,) or L is torch
        return "refused"
    assert found is out
    return np.array(out.tolist(), np.float64)


BROADER = {  # where torch refuses and we take the dtype as that of the computation
    ("mean", "int64", "float32"), ("mean", "int64", "float64"), ("arange", "float32", "bool"),
    ("arange", "int64", "bool"), ("linspace", "float32", "bool"), ("linspace", "int64", "bool"),
    *(("nansum", "float32", d) for d in ("int64", "int32", "uint8", "bool")),
    ("cumprod", "float32", "bool"), ("cumprod", "int64", "bool"), ("round", "int64", "int64"),
    ("cumsum", "float32", "bool"), ("cumsum", "int64", "bool"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUT)
def test_the_dtype_of_out_is_taken_or_refused_as_by_torch(name):
    for given in ("float32", "int64"):
        for dtype in DTYPES:
            if (name, given, dtype) in BROADER:
                continue
            want, got = into(torch, name, given, dtype), into(minnet, name, given, dtype)
            if isinstance(want, str) or isinstance(got, str):
                assert isinstance(want, str) and isinstance(got, str), (given, dtype, want, got)
            else:
                np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-12)


def test_out_of_an_inference_tensor_or_of_no_tensor_is_refused():
    with minnet.inference_mode():
        out = minnet.empty(0)
    with pytest.raises(RuntimeError, match="inference tensor"):
        minnet.add(minnet.ones(2), 1, out=out)
    with pytest.raises(TypeError, match="argument 'out' must be Tensor, not list"):
        minnet.max(minnet.ones(2), 0, out=([1], out))
    with pytest.raises(TypeError, match="must be 2 tensors"):
        minnet.max(minnet.ones(2), 0, out=out)


# Calls that torch refuses with a TypeError, or answers.
CALLS = """
x.flip() | L.flip(x) | x.reshape() | x.view() | x.permute() | x.expand() | x.repeat()
L.zeros() | L.rand() | L.zeros(True) | L.full((True,), 1.) | x.view(True, -1) | x.repeat(True)
L.cat(x) | L.stack(x) | L.cat([x, 1]) | L.cat(y for y in [x]) | x.tril(1.5)
L.logical_and(x, 2) | x.logical_or(2) | L.logical_xor(x, True) | L.maximum(x, 2)
x.index_select(0, [0]) | x.index_select(0, L.tensor(1)) | L.index_select([1], 0, L.tensor([0]))
x.index_select(0, L.tensor([[0]])) | x.index_select(0, L.tensor([0.]))
x.gather(0, [0]) | L.gather([1], 0, L.tensor([0])) | x.masked_select(True) | x.masked_fill(x > 1, x)
L.nn.functional.dropout([1.]) | L.nn.functional.elu(x, 'a') | L.nn.functional.celu(x, 'a')
L.add(x, 1, alpha='a') | L.sub(x, x, alpha=x) | L.where([True], x, x) | L.addmm(1, x, x)
x.view_as([1]) | x.expand_as([1]) | L.equal(x, 1) | L.allclose(x, 1) | L.numel([1])
L.ones_like([1]) | L.nonzero(x, as_tuple=True) | x.nonzero(as_tuple=False)
L.nonzero(L.tensor(2.), as_tuple=True) | L.nonzero(L.tensor(2.))
L.round(x * 1.234, decimals=1) | (x * 123.4).round_(decimals=-1) | L.round(x.int(), decimals=1)
L.arange(end=3) | L.arange(start=1, end=3) | L.arange(1, end=3) | L.arange() | L.arange(end=0)
x.split_with_sizes([1, 1]) | L.split_with_sizes(x, [1, 1]) | x.split(split_size=1)
L.dropout(x, p=0.5, train=False) | L.swapaxes(x, axis0=0, axis1=1) | L.is_floating_point(x)
x.bernoulli(0.0) | x.copy_(other=x) | x.add(1, out=x) | x.relu(inplace=True) | L.is_inference(x)
""".replace("\n", " | ").split(" | ")


@pytest.mark.parametrize("call", [c for c in CALLS if c])
def test_calls_are_answered_or_refused_as_by_torch(call):
    def outcome(L):
        def plain(r):
            if isinstance(r, tuple | list):
                return tuple(map(plain, r))
            if hasattr(r, "tolist"):
                return str(r.dtype), np.array(r.tolist()).round(5).tolist(), tuple(r.shape)
            return r

        x = L.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        try:
            return plain(eval(call, {"L": L, "x": x}))
        except Exception as error:
            return type(error)

    assert outcome(minnet) == outcome(torch)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weights_of_losses_are_torchs(name, reduction):
    def gradients(L):
        x, y, w = (L.tensor(v, requires_grad=True) for v in ([1.0, 2, 5], [0.0, 2, 2], [3.0, 1, 2]))
        loss = getattr(L.nn.functional, name)(x, y, reduction=reduction, weight=w)
        loss.sum().backward()
        return [loss.tolist(), *(v.grad.tolist() for v in (x, y, w))]

    for got, want in zip(gradients(minnet), gradients(torch), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)
    with pytest.raises(ValueError, match="same size"):
        getattr(F, name)(minnet.ones(3), minnet.ones(3), weight=minnet.ones(2))


def test_all_of_nn_functional_is_torchs():
    ours = {"hardsigmoid_", "hardswish_", "mish_", "silu_"}  # as `relu_`
    assert {name for name in F.__all__ if not hasattr(torch.nn.functional, name)} == ours
