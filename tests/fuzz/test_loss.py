"""Fuzzed: losses, their options, and targets that are in and out of range."""

from __future__ import annotations

from fuzz.compare import check, fuzzed
from fuzz.strategies import ANY, FLOATS, PLAIN, Recipe, arrays, tensors
from hypothesis import strategies as st

REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


@fuzzed(st.data(), REDUCTIONS, st.sampled_from(FLOATS), examples=150)
def test_classification(data, reduction, dtype):
    n, c = data.draw(st.sampled_from([0, 1, 2, 5])), data.draw(st.sampled_from([1, 2, 7]))
    extra = data.draw(st.sampled_from([(), (), (3,), (2, 2)]))
    shape = data.draw(st.sampled_from([(n, c, *extra), (n, c, *extra), (c,)]))
    outer = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    values = ANY if reduction == "none" else PLAIN
    x = data.draw(tensors(shape, (dtype,), values=values))
    wrong = data.draw(st.integers(0, 5)) == 0
    classes = st.integers(-1, c) if wrong else st.integers(0, c - 1)
    ignore = data.draw(st.sampled_from([-100, 0, 1]))
    target = Recipe(data.draw(arrays(outer, "int64", classes | st.just(ignore))))
    options = {"reduction": reduction, "ignore_index": ignore}
    # Where all is finite, gradients are compared; torch's own differ between its loops elsewhere.
    finite = bool((abs(x.base) < 1e5).all())
    name = data.draw(st.sampled_from(["cross_entropy", "nll_loss"]))
    if name == "cross_entropy" and data.draw(st.booleans()) and finite:
        options["label_smoothing"] = data.draw(st.sampled_from([0.0, 0.1, 1.0]))
    weighted = data.draw(st.booleans()) and finite
    weight = Recipe(data.draw(arrays((c,), dtype, st.integers(1, 4).map(lambda k: k / 2))))

    def program(t, x, target, weight):
        w = weight.detach() if weighted else None
        return getattr(t.nn.functional, name)(x, target, weight=w, **options)

    check("loss", program, x, target, weight, atol=20, rtol=20, grad=finite)


LOSSES = {
    "mse_loss": [{}],
    "l1_loss": [{}],
    "smooth_l1_loss": [{}, {"beta": 0.5}, {"beta": 0.0}, {"beta": -1.0}],
    "huber_loss": [{}, {"delta": 2.0}, {"delta": 0.0}],
    "binary_cross_entropy_with_logits": [{}],
}


@fuzzed(st.data(), st.sampled_from(sorted(LOSSES)), REDUCTIONS, examples=120)
def test_regression(data, name, reduction):
    # Sums of huge numbers overflow in torch, and not here, where they are rounded once.
    values = ANY if reduction == "none" else PLAIN
    x = data.draw(tensors(dtypes=FLOATS, values=values))
    shape = (
        x.shape if data.draw(st.integers(0, 4)) else data.draw(st.sampled_from([(), (1,), (4,)]))
    )
    if name == "binary_cross_entropy_with_logits":
        # A target that is no number has no meaning, and any result. Beside huge logits, one that is
        # no probability overflows in torch.
        targets = PLAIN if values is PLAIN else st.integers(0, 8).map(lambda k: k / 8)
    else:
        targets = values
    y = data.draw(tensors(shape, (str(x.base.dtype),), values=targets))
    options = data.draw(st.sampled_from(LOSSES[name]))
    finite = all((abs(r.base) < 1e5).all() for r in (x, y))

    def program(t, x, y):
        return getattr(t.nn.functional, name)(x, y, reduction=reduction, **options)

    check("loss", program, x, y, atol=20, rtol=20, grad=bool(finite))


@fuzzed(st.data(), st.sampled_from(FLOATS))
def test_weights_of_binary_cross_entropy(data, dtype):
    x = data.draw(
        tensors(dtypes=(dtype,), values=st.sampled_from([-1e4, -20.0, -1.0, 0.0, 2.0, 1e4]))
    )
    t = data.draw(tensors(x.shape, (dtype,), values=st.sampled_from([0.0, 0.25, 1.0])))
    w, p = (data.draw(tensors(x.shape[-1:], (dtype,), st.integers(0, 3))) for _ in range(2))

    def program(lib, x, t, w, p):
        f = lib.nn.functional.binary_cross_entropy_with_logits
        return f(x, t, weight=w.detach(), pos_weight=p.detach(), reduction="none")

    check("loss", program, x, t, w, p, atol=20, rtol=20)
