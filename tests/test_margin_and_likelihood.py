"""Losses of probabilities, counts, margins and embeddings: values, gradients, errors."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.nn import functional as F

RNG = np.random.default_rng(23)
X, Y, Z = RNG.standard_normal((3, 4, 3))
P, Q = RNG.uniform(0.05, 0.95, (2, 4, 3))
SIGN = np.where(RNG.random((4, 3)) < 0.5, -1.0, 1.0)
CLASSES = np.array([2, 0, 1, 1])
LABELS = np.array([[2, 0, -1], [-1, 1, 2], [0, 1, 2], [1, 1, -1]])
SHARE = np.array([0.5, 2.0, 1.5])

# name: a function (library, F, reduction) of the differentiable inputs, and these.
CASES = {
    "binary_cross_entropy": (lambda L, F, x, t, **r: F.binary_cross_entropy(x, t, **r), P, Q),
    "binary_cross_entropy weighted": (
        lambda L, F, x, t, **r: F.binary_cross_entropy(x, t, L.tensor(SHARE), **r), P, Q,
    ),
    "kl_div": (lambda L, F, x, t, **r: F.kl_div(x, t, **r), X, P),
    "kl_div of logarithms": (lambda L, F, x, t, **r: F.kl_div(x, t, log_target=True, **r), X, Y),
    "kl_div of wide targets": (lambda L, F, x, t, **r: F.kl_div(x, t, **r), X[:1], P),
    "poisson_nll_loss": (lambda L, F, x, t, **r: F.poisson_nll_loss(x, t, **r), X, 3 * P),
    "poisson_nll_loss full": (
        lambda L, F, x, t, **r: F.poisson_nll_loss(x, t, False, True, **r), P, 3 * Q,
    ),
    "gaussian_nll_loss": (lambda L, F, x, t, v, **r: F.gaussian_nll_loss(x, t, v, **r), X, Y, P),
    "gaussian_nll_loss full": (
        lambda L, F, x, t, v, **r: F.gaussian_nll_loss(x, t, v, True, 0.5, **r), X, Y, P[:, 0],
    ),
    "gaussian_nll_loss of one dim": (
        lambda L, F, x, t, v, **r: F.gaussian_nll_loss(x, t, v, **r), X, Y, P[:1],
    ),
    "gaussian_nll_loss of a number": (
        lambda L, F, x, t, **r: F.gaussian_nll_loss(x, t, 0.5, **r), X, Y,
    ),
    "soft_margin_loss": (lambda L, F, x, **r: F.soft_margin_loss(x, L.tensor(SIGN), **r), X),
    "soft_margin_loss of a row": (
        lambda L, F, x, **r: F.soft_margin_loss(x, L.tensor(SIGN[0]), **r), X,
    ),
    "hinge_embedding_loss": (
        lambda L, F, x, **r: F.hinge_embedding_loss(x, L.tensor(SIGN), 0.7, **r), X,
    ),
    "hinge_embedding_loss of other targets": (
        lambda L, F, x, **r: F.hinge_embedding_loss(x, L.tensor(CLASSES[:3]), **r), X,
    ),
    "multilabel_soft_margin_loss": (
        lambda L, F, x, t, **r: F.multilabel_soft_margin_loss(x, t, L.tensor(SHARE), **r), X, P,
    ),
    "multilabel_soft_margin_loss of a row": (
        lambda L, F, x, t, **r: F.multilabel_soft_margin_loss(x, t, **r), X[0], P[0],
    ),
    "multi_margin_loss": (
        lambda L, F, x, **r: F.multi_margin_loss(x, L.tensor(CLASSES), **r), X,
    ),
    "multi_margin_loss weighted": (
        lambda L, F, x, **r: F.multi_margin_loss(
            x, L.tensor(CLASSES), 2, 0.6, L.tensor(SHARE), **r
        ),
        X,
    ),
    "multi_margin_loss of a row": (
        lambda L, F, x, **r: F.multi_margin_loss(x, L.tensor(CLASSES[:1]), **r), X[0],
    ),
    "multilabel_margin_loss": (
        lambda L, F, x, **r: F.multilabel_margin_loss(x, L.tensor(LABELS), **r), X,
    ),
    "multilabel_margin_loss of a row": (
        lambda L, F, x, **r: F.multilabel_margin_loss(x, L.tensor(LABELS[0]), **r), X[0],
    ),
    "margin_ranking_loss": (
        lambda L, F, x, y, **r: F.margin_ranking_loss(x, y, L.tensor(SIGN), 0.3, **r), X, Y,
    ),
    "cosine_embedding_loss": (
        lambda L, F, x, y, **r: F.cosine_embedding_loss(x, y, L.tensor(SIGN[:, 0]), 0.1, **r), X, Y,
    ),
    "cosine_embedding_loss of a row": (
        lambda L, F, x, y, **r: F.cosine_embedding_loss(x, y, L.tensor(1), **r), X[0], Y[0],
    ),
    "triplet_margin_loss": (
        lambda L, F, x, y, z, **r: F.triplet_margin_loss(x, y, z, **r), X, Y, Z,
    ),
    "triplet_margin_loss swapped": (
        lambda L, F, x, y, z, **r: F.triplet_margin_loss(x, y, z, 2.0, 1, swap=True, **r), X, Y, Z,
    ),
    "triplet_margin_with_distance_loss": (
        lambda L, F, x, y, z, **r: F.triplet_margin_with_distance_loss(x, y, z, swap=True, **r),
        X, Y, Z,
    ),
    "triplet_margin_with_distance_loss of a distance": (
        lambda L, F, x, y, z, **r: F.triplet_margin_with_distance_loss(
            x, y, z, distance_function=lambda a, b: ((a - b) ** 2).sum(-1), **r
        ),
        X, Y, Z,
    ),
}  # fmt: skip
REDUCTIONS = ["mean", "sum", "none"]
quiet_kl = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")


def of(library, name, **options):
    """Return the value and the gradients of a case, as arrays, and the name of its node."""
    f, *arrays = CASES[name]
    inputs = [library.tensor(a, requires_grad=True) for a in arrays]
    loss = f(library, library.nn.functional, *inputs, **options)
    node = loss.grad_fn.name()
    (
        loss * library.linspace(1, 2, loss.numel(), dtype=library.float64).reshape(loss.shape)
    ).sum().backward()
    return node, [loss.detach().numpy(), *(x.grad.numpy() for x in inputs)]


@quiet_kl
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", CASES)
def test_values_gradients_and_nodes_are_torchs(name, reduction):
    torch = pytest.importorskip("torch")
    (node, got), (expected, want) = (of(L, name, reduction=reduction) for L in (minnet, torch))
    if reduction != "none":
        assert node == expected
    for ours, theirs in zip(got, want, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@quiet_kl
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_both_orders_agree_with_differences(name, reduction):
    f, *arrays = CASES[name]
    inputs = [minnet.tensor(a, requires_grad=True) for a in arrays]
    if name.startswith("gaussian_nll_loss full"):  # as torch, gradients do not see the floor
        inputs[2] = (minnet.tensor(arrays[2]) + 0.5).requires_grad_()

    def loss(*xs):
        return f(minnet, F, *xs, reduction=reduction)

    assert minnet.autograd.gradcheck(loss, inputs)
    if "triplet" not in name or "distance_loss of" in name:
        assert minnet.autograd.gradgradcheck(loss, inputs)


def test_known_answers():
    """Of minnet alone: written out, or limits."""
    x, t = minnet.tensor([0.5, 0.25, 0.0, 1.0]), minnet.tensor([1.0, 0.0, 1.0, 1.0])
    found = F.binary_cross_entropy(x, t, reduction="none")
    np.testing.assert_allclose(found.numpy(), [np.log(2), np.log(4 / 3), 100, 0], rtol=1e-6)
    found = F.soft_margin_loss(minnet.tensor([-1000.0, 1000.0]), minnet.ones(2), reduction="none")
    assert found.tolist() == [1000.0, 0.0]
    logs = minnet.tensor([[0.5, 0.5]]).log()
    zeros = minnet.tensor([[0.0, 1.0]], requires_grad=True)
    loss = F.kl_div(logs, zeros, reduction="batchmean")
    np.testing.assert_allclose(loss.item(), np.log(2), rtol=1e-6)
    loss = F.multi_margin_loss(minnet.tensor([[0.0, 1.0, 3.0]]), minnet.tensor([1]), p=2)
    assert loss.item() == pytest.approx((0 + 9) / 3)
    scores, labels = minnet.tensor([[0.0, 2.0, 0.5]]), minnet.tensor([[1, -1, 0]])
    assert F.multilabel_margin_loss(scores, labels).item() == 0.0
    assert F.multilabel_margin_loss(scores, minnet.tensor([[0, -1, 1]])).item() == pytest.approx(
        (3 + 1.5) / 3
    )


LONG = minnet.int64
ERRORS = [
    (F.binary_cross_entropy, ([1.5], [1.0]), {}, RuntimeError, "input should be between 0 and 1"),
    (F.binary_cross_entropy, ([np.nan], [1.0]), {}, RuntimeError, "input should be between 0"),
    (F.binary_cross_entropy, ([0.5], [-1.0]), {}, RuntimeError, "target should be between 0"),
    (F.binary_cross_entropy, ([0.5], [1]), {}, RuntimeError, "Found dtype Long but expected Fl"),
    (F.binary_cross_entropy, ([0.5], [[1.0]]), {}, ValueError, "different to the input size"),
    (F.binary_cross_entropy, ([0.5], [1.0], [1.0, 2.0]), {}, RuntimeError, "does not broadcast"),
    (F.kl_div, ([1], [1]), {"reduction": "sum"}, RuntimeError, "Integral inputs not supported"),
    (F.gaussian_nll_loss, ([1.0], [1.0], [-1.0]), {}, ValueError, "var has negative entry"),
    (F.gaussian_nll_loss, ([[1.0, 2.0]], [1.0], [1.0, 2.0]), {}, ValueError, "incorrect size"),
    (F.soft_margin_loss, ([1], [1]), {}, RuntimeError, "Long"),
    (F.multi_margin_loss, ([[1.0]], [1]), {}, RuntimeError, "target out of range"),
    (F.multi_margin_loss, ([[1.0]], [0.0]), {}, RuntimeError, "type Long but found Float"),
    (F.multi_margin_loss, ([[1.0]], [0, 0]), {}, RuntimeError, r"target size \[1\], but got \[2"),
    (F.multi_margin_loss, ([[[1.0]]], [0]), {}, RuntimeError, "non-empty vector or matrix"),
    (F.multi_margin_loss, ([[1.0]], [0]), {"p": 3}, ValueError, "only p == 1 and p == 2"),
    (F.multi_margin_loss, ([[1.0]], [0], 1, 1.0, [[1.0]]), {}, ValueError, "one-dimensional"),
    (F.multi_margin_loss, ([[1.0]], [0], 1, 1.0, [1.0, 2]), {}, RuntimeError, "expected 1 but"),
    (F.multilabel_margin_loss, ([[1.0]], [[1]]), {}, RuntimeError, "out of range"),
    (F.multilabel_margin_loss, ([[1.0]], [[-2]]), {}, RuntimeError, "out of range"),
    (F.multilabel_margin_loss, ([[1.0]], [1]), {}, RuntimeError, "inconsistent target size"),
    (F.margin_ranking_loss, ([1.0], [1.0], [[1]]), {}, RuntimeError, "same dimension"),
    (F.cosine_embedding_loss, ([1.0], [1.0], [1]), {}, RuntimeError, "1D target tensor expects 2"),
    (F.cosine_embedding_loss, ([1.0], [1.0], [[1]]), {}, RuntimeError, "multi-target"),
    (F.triplet_margin_loss, ([1.0], [1.0], [[1.0]]), {}, RuntimeError, "same number of dim"),
    (F.triplet_margin_loss, ([1.0], [1.0], [1.0], 0), {}, ValueError, "greater than 0, got 0"),
]


@pytest.mark.parametrize(("function", "arguments", "options", "error", "message"), ERRORS)
def test_errors(function, arguments, options, error, message):
    def call(library, name):
        args = [library.tensor(a) if isinstance(a, list) else a for a in arguments]
        getattr(library.nn.functional, name)(*args, **options)

    with pytest.raises(error, match=message):
        call(minnet, function.__name__)
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        call(torch, function.__name__)


def test_every_loss_refuses_what_is_no_tensor_and_no_reduction():
    for name, cls in losses().items():
        if name == "LinearCrossEntropyLoss":
            continue
        inputs = list(inspect.signature(cls.forward).parameters)[1:]
        function = cls._function
        with pytest.raises(TypeError, match=f"argument '{inputs[0]}' .* must be Tensor, not float"):
            function(*[0.5] * len(inputs), **{"reduction": "sum"})
        with pytest.raises(ValueError, match="x is not a valid value for reduction"):
            function(*[minnet.ones(1)] * len(inputs), reduction="x")


def losses():
    return {name: getattr(nn, name) for name in nn.__all__ if name.endswith("Loss")}


def test_modules_have_torchs_parameters_and_attributes():
    torch = pytest.importorskip("torch")
    names = {n for n in vars(torch.nn) if n.endswith("Loss")}
    assert names - set(losses()) == {"AdaptiveLogSoftmaxWithLoss", "CTCLoss"}
    for name, cls in losses().items():
        theirs = getattr(torch.nn, name)
        ours = [(p.name, p.default) for p in inspect.signature(cls).parameters.values()]
        want = [(p.name, p.default) for p in inspect.signature(theirs).parameters.values()]
        assert ours == want, name
        if name == "LinearCrossEntropyLoss":
            continue
        ours, theirs = cls(), theirs()
        for attribute, _ in want:
            if attribute not in ("size_average", "reduce", "distance_function"):
                assert getattr(ours, attribute) == getattr(theirs, attribute), (name, attribute)
        assert repr(ours) == repr(theirs)


def test_modules_give_what_functions_give():
    modules = {
        nn.BCELoss(minnet.tensor(SHARE)): "binary_cross_entropy weighted",
        nn.KLDivLoss(log_target=True, reduction="sum"): "kl_div of logarithms",
        nn.PoissonNLLLoss(False, True): "poisson_nll_loss full",
        nn.GaussianNLLLoss(full=True, eps=0.5): "gaussian_nll_loss full",
        nn.TripletMarginLoss(2.0, 1, swap=True): "triplet_margin_loss swapped",
        nn.TripletMarginWithDistanceLoss(swap=True): "triplet_margin_with_distance_loss",
    }
    for module, name in modules.items():
        f, *arrays = CASES[name]
        inputs = [minnet.tensor(a) for a in arrays]
        assert minnet.equal(module(*inputs), f(minnet, F, *inputs, reduction=module.reduction))
    x, y, t = (minnet.tensor(a) for a in (X, Y, SIGN))
    assert minnet.equal(
        nn.MarginRankingLoss(0.3)(input1=x, input2=y, target=t),
        F.margin_ranking_loss(x, y, t, 0.3),
    )
    assert list(nn.BCELoss(minnet.tensor(SHARE)).state_dict()) == ["weight"]


def test_tensors_given_to_the_constructor_are_refused():
    for make in (nn.CrossEntropyLoss, nn.MSELoss, nn.BCELoss, nn.KLDivLoss):
        with pytest.raises(RuntimeError, match=r"takes the tensors when it is called, \w+\(\)\(in"):
            make(minnet.ones(2, 3), minnet.tensor([0, 1]))
    for call in (
        lambda: nn.MSELoss(weight=minnet.ones(2)),
        lambda: nn.L1Loss(1, 2, 3, 4),
        lambda: nn.GaussianNLLLoss(True),
        lambda: nn.CrossEntropyLoss(2),
    ):
        with pytest.raises(TypeError):
            call()
    for call in (
        lambda: nn.MultiMarginLoss(3),
        lambda: nn.MultiMarginLoss(weight=minnet.ones(1, 2)),
        lambda: nn.TripletMarginLoss(0),
        lambda: nn.TripletMarginWithDistanceLoss(margin=-1.0),
    ):
        with pytest.raises(ValueError):
            call()


def test_old_flags_are_heeded_in_every_loss_that_takes_them():
    reductions = {(True, True): "mean", (False, None): "sum", (0, 1): "sum", (None, False): "none"}
    taking = [c for c in losses().values() if "reduce" in inspect.signature(c).parameters]
    assert len(taking) == 17
    for cls in taking:
        for (average, reduce), expected in reductions.items():
            with pytest.warns(UserWarning, match=f"please use reduction='{expected}'") as seen:
                assert cls(size_average=average, reduce=reduce).reduction == expected
            assert seen[0].filename == __file__
    x = minnet.tensor(P)
    for call, expected in [
        (lambda: F.binary_cross_entropy(x, x, None, False), "sum"),
        (lambda: F.kl_div(x, x, reduce=False), "none"),
        (lambda: F.soft_margin_loss(x, x, size_average=True), "mean"),
        (lambda: F.mse_loss(x, x, reduce=False), "none"),
    ]:
        with pytest.warns(UserWarning, match=f"please use reduction='{expected}'") as seen:
            call()
        assert seen[0].filename == __file__


def test_warnings_are_torchs():
    x = minnet.tensor(P)
    with pytest.warns(UserWarning, match="'batchmean' divides only by the batch size") as seen:
        F.kl_div(x, x)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.kl_div(x, x, reduction="batchmean")
    for f in (F.mse_loss, F.binary_cross_entropy):
        with pytest.warns(UserWarning, match="'elementwise_mean' is deprecated") as seen:
            assert minnet.equal(f(x, x, reduction="elementwise_mean"), f(x, x))
        assert seen[0].filename == __file__


def test_losses_of_nothing():
    nothing = minnet.zeros(0)
    assert minnet.isnan(F.binary_cross_entropy(nothing, nothing))
    assert F.binary_cross_entropy(nothing, nothing, reduction="sum").item() == 0.0
    labels = minnet.zeros(0, 3, dtype=LONG)
    assert F.multilabel_margin_loss(labels.double(), labels, reduction="none").shape == (0,)
    for f, target in ((F.multi_margin_loss, minnet.zeros(2, dtype=LONG)),):
        with pytest.raises(RuntimeError, match="non-empty"):
            f(minnet.zeros(2, 0), target)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("out_features", [(), (2, 3)])
def test_linear_cross_entropy_is_torchs(out_features, bias):
    torch = pytest.importorskip("torch")
    target = RNG.integers(0, 3, (4, *out_features))
    weights, biases = RNG.standard_normal((18, 5))[: 18 if out_features else 3], None
    biases = RNG.standard_normal(len(weights))
    found = []
    for L in (minnet, torch):
        options = {"weight": L.tensor(SHARE), "ignore_index": 1, "label_smoothing": 0.1}
        loss = L.nn.LinearCrossEntropyLoss(5, 3, out_features=out_features, bias=bias, **options)
        loss.double()
        with L.no_grad():
            loss.linear.weight.copy_(L.tensor(weights))
            if bias:
                loss.linear.bias.copy_(L.tensor(biases))
        value = loss(L.tensor(np.arange(20.0).reshape(4, 5) / 7), L.tensor(target))
        value.backward()
        found.append((repr(loss), value.item(), loss.linear.weight.grad.numpy()))
    (ours, value, gradient), (theirs, expected, want) = found
    assert ours == theirs
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, want, rtol=1e-9, atol=1e-12)
    with pytest.raises(RuntimeError, match="expected an input"):
        F.linear_cross_entropy(minnet.ones(2, 3), minnet.ones(4, 2), minnet.tensor([0, 0]))
