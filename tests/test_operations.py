"""Every declared operation, by enumeration: its derivatives, what it saves, its forms, its shape.

Each call of an operation that the cases make is noted, also those of derivatives, and tried again
in all forms that the declaration promises. An operation, or a tensor argument of one, that no case
calls fails the last tests.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pytest
from cases import CASES, SECOND_ORDER_EXEMPT
from gradcheck import check_gradient

import minnet
from minnet import operation
from minnet.autograd import grad
from minnet.variable import Variable, wrap

OPERATIONS = {
    f.operation.name: f.operation
    for f in vars(operation.tensors).values()
    if hasattr(f, "operation")
}
DIFFERENTIABLE = {name: op for name, op in OPERATIONS.items() if any(op.flows) or op.variadic}
DECLARED = {d.function.operation.name: d for d in operation.DECLARED.values()
            if hasattr(d.function, "operation")}  # fmt: skip


EXEMPT = {
    ("moved", 0),  # copies to another device
    ("copied_slices", 0), ("copied_slices", 1),  # made by changes in place of views, not called
    ("_soft_cross_entropy", 3), ("cross_entropy_backward", 2),  # a mask, and class indices
    ("cross_entropy_backward", 3),  # class weights, which have no gradient in torch either
    ("multi_margin", 1), ("multi_margin", 2), ("multi_margin", 3),  # indices, weights, a mask
    ("multilabel_margin", 1), ("multilabel_margin", 2), ("multilabel_margin", 3),  # the same
}  # fmt: skip


def copied(x):
    """Return a tensor, or several, with the values of now and without a history."""
    if isinstance(x, tuple | list):
        return type(x)(*map(copied, x)) if hasattr(x, "_fields") else tuple(map(copied, x))
    return wrap(x.array.copy(order="K")) if isinstance(x, Variable) else x


class Call(NamedTuple):
    """A call of an operation, and copies of what it took and gave."""

    operation: operation.Operation
    inputs: list
    constants: tuple
    out: object
    values: tuple
    result: object


@contextmanager
def noted():
    """Give a list that fills with the calls of operations."""
    calls = []
    original = operation.apply

    def apply(op, inputs, constants, into=None):
        inputs = list(inputs)
        values = copied(inputs)
        out = original(op, inputs, constants, into)
        calls.append(Call(op, inputs, constants, out, values, copied(out)))
        return out

    ours = [m for name, m in list(sys.modules.items()) if name.startswith("minnet")]
    holders = [m for m in ours if vars(m).get("apply") is original]
    for holder in holders:
        holder.apply = apply
    try:
        yield calls
    finally:
        for holder in holders:
            holder.apply = original


def leaves(arrays):
    return [minnet.tensor(np.array(a, np.float64), requires_grad=True) for a in arrays]


def gradients(f, xs, create_graph=False):
    out = f(*xs)
    v = minnet.tensor(np.random.default_rng(0).standard_normal(out.shape), dtype=out.dtype)
    v.requires_grad_(create_graph)
    return grad(out, xs, v, create_graph=create_graph, allow_unused=True)


def flat(xs):
    return minnet.cat([x.reshape(-1) for x in xs])


@pytest.mark.parametrize("name", CASES)
def test_first_order_bits_do_not_depend_on_create_graph(name):
    f, *arrays = CASES[name]
    for dtype in (np.float64, np.float32):
        xs = [minnet.tensor(np.array(a, dtype), requires_grad=True) for a in arrays]
        for a, b in zip(gradients(f, xs), gradients(f, xs, create_graph=True), strict=True):
            if a is not None:
                np.testing.assert_array_equal(a.numpy(), b.detach().numpy())


@pytest.mark.parametrize("name", [name for name in CASES if name not in SECOND_ORDER_EXEMPT])
def test_second_derivatives_are_those_of_differences(name):
    f, *arrays = CASES[name]
    out = f(*leaves(arrays))
    v = np.random.default_rng(0).standard_normal(out.shape)
    n = len(arrays)

    def slopes(*args):
        xs, u = args[:n], args[n]
        if not xs[0].requires_grad:  # a run for differences
            with minnet.enable_grad():
                xs = [x.detach().requires_grad_() for x in xs]
                found = grad(f(*xs), xs, u, allow_unused=True)
        else:
            found = grad(f(*xs), xs, u, create_graph=True, allow_unused=True)
        # An input that the slopes do not depend on has a gradient of zeros.
        return flat([g for g in found if g is not None]) + 0 * flat(args).sum()

    check_gradient(slopes, *arrays, v)


def tensors_of(calls):
    """Return all tensors that the calls take and return, once each."""
    found = {}
    for call in calls:
        for x in (*call.inputs, *(call.out if isinstance(call.out, tuple) else (call.out,))):
            if isinstance(x, Variable):
                found[id(x)] = x
    return list(found.values())


def change(x):
    if x.array.dtype.kind == "f":
        x.array *= -0.37
        x.array -= 0.11
    elif x.array.dtype.kind == "b":
        np.logical_not(x.array, out=x.array)
    else:
        x.array[...] = x.array.max(initial=0) - x.array
    x.bump()


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_tensor_changed_before_backward_is_noticed_or_does_no_harm(name, create_graph):
    f, *arrays = CASES[name]
    expected = gradients(f, leaves(arrays))
    with noted() as calls:
        f(*leaves(arrays))
    for k in range(len(tensors_of(calls))):
        xs = leaves(arrays)
        with noted() as calls:
            out = f(*xs)
        x = tensors_of(calls)[k]
        v = np.random.default_rng(0).standard_normal(out.shape)
        if not x.array.flags.writeable or not x.array.size:
            continue
        before = x.array.copy()
        try:
            change(x)
            found = grad(out, xs, minnet.tensor(v, dtype=out.dtype), allow_unused=True,
                         create_graph=create_graph)  # fmt: skip
        except RuntimeError as error:
            assert "modified by an inplace operation" in str(error)
        else:
            for g, e in zip(found, expected, strict=True):
                if e is not None:
                    np.testing.assert_array_equal(g.detach().numpy(), e.numpy())
        finally:
            x.array[...] = before


def every_call():
    """Return the calls of all cases, those of first and second derivatives included."""
    found = []
    for f, *arrays in CASES.values():
        with noted() as calls:
            xs = leaves(arrays)
            out = f(*xs)
            v = minnet.ones_like(out).requires_grad_()
            first = grad(out, xs, v, create_graph=True, allow_unused=True)
            first = [g for g in first if g is not None and g.requires_grad]
            us = [minnet.ones_like(g).requires_grad_() for g in first]
            if first:
                grad(first, [*xs, v], us, create_graph=True, allow_unused=True)
        found += calls
    return found


CALLS = every_call()


def same(x, y):
    if isinstance(x, tuple):
        return all(map(same, x, y))
    return x.dtype is y.dtype and x.shape == y.shape and np.array_equal(
        x.array, y.array, equal_nan=x.array.dtype.kind == "f"
    )  # fmt: skip


SHARE = {"alias", "spread"}  # in derivatives alone, though they are no views


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_all_forms_of_an_operation_give_the_same(name):
    op = OPERATIONS[name]
    declared = DECLARED[name]
    for call in [call for call in CALLS if call.operation is op and not op.draws][:40]:
        out = call.result
        inputs = list(copied(call.values))
        named = dict(zip(op.names[1 if op.variadic else op.tensors :], call.constants, strict=True))
        tensors = [inputs] if op.variadic else inputs
        arguments = dict(zip(op.names, tensors, strict=False)) | named
        first = arguments[op.names[0]]
        with minnet.no_grad():
            again = op.function(**arguments)
            assert same(again, out)
            if op.writes:
                continue
            spelled = {"dim": "axis", "keepdim": "keepdims"}
            assert same(op.function(**{spelled.get(k, k): v for k, v in arguments.items()}), out)
            if "out" in op.function.__signature__.parameters and not op.several:
                target = minnet.empty(0, dtype=out.dtype)
                assert op.function(**arguments, out=target) is target and same(target, out)
            if not op.several and isinstance(first, Variable):
                shares = np.shares_memory(again.array, first.array)
                assert op.view or not shares or name in SHARE
                if declared.in_place is not None and first.shape == out.shape:
                    others = {k: v for k, v in arguments.items() if k != op.names[0]}
                    if first.dtype is out.dtype:
                        assert declared.in_place(first, **others) is first and same(first, out)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_declared_shape_is_the_results(name):
    op = OPERATIONS[name]
    if op.dynamic:
        return
    for call in [call for call in CALLS if call.operation is op]:
        shapes = [tuple(getattr(x, "shape", ())) for x in call.values]
        found = op.result_shape(shapes, call.constants)
        out = call.result
        assert found == (tuple(tuple(x.shape) for x in out) if op.several else tuple(out.shape))


def test_every_operation_and_every_tensor_argument_has_a_case():
    flowed, given = set(), set()
    for call in CALLS:
        for position, x in enumerate(call.inputs):
            if isinstance(x, Variable):
                place = call.operation.name, 0 if call.operation.variadic else position
                given.add(place)
                if x.requires_grad:
                    flowed.add(place)
    wanted = {
        (name, position)
        for name, op in DIFFERENTIABLE.items()
        for position, flows in enumerate(op.flows or [True])
        if flows
    }
    assert wanted - flowed - EXEMPT == set()
    others = {
        (name, position) for name, op in DIFFERENTIABLE.items() for position in range(op.tensors)
    }
    assert others - given - EXEMPT == set()
