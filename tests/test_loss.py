"""Losses and the softmax family as tensors: values, gradients, errors."""

import warnings

import numpy as np
import pytest
from gradcheck import check_gradient

import minnet
from minnet import functional as F

INPUT = [[0.5, -1.25, 2.0], [3.0, 0.25, -0.75]]
INDEX = [2, 1]
PROBABILITY = [[0.2, 0.3, 0.5], [0.0, 0.9, 0.1]]
NUMBER = [[1.0, 0.0, 1.5], [3.25, -2.0, -0.5]]
SHARE = [[1.0, 0.0, 0.25], [0.0, 1.0, 0.75]]
WEIGHT = [0.5, 2.0, 1.5]

# Computed by torch 2.13 in float64: function, target, options, loss, gradient of the input.
KNOWN = [
    (
        "cross_entropy",
        INDEX,
        {},
        1.53322672467,
        [
            0.088410091054,
            0.015363370163,
            -0.10377346122,
            0.45979311218,
            -0.47060640974,
            0.010813297559,
        ],
    ),
    (
        "cross_entropy",
        INDEX,
        {"reduction": "sum"},
        3.06645344934,
        [
            0.17682018211,
            0.030726740326,
            -0.20754692243,
            0.91958622436,
            -0.94121281948,
            0.021626595117,
        ],
    ),
    (
        "cross_entropy",
        INDEX,
        {"weight": WEIGHT},
        1.71902740204,
        [
            0.075780078046,
            0.013168602997,
            -0.088948681043,
            0.52547784249,
            -0.53783589685,
            0.012358054353,
        ],
    ),
    (
        "cross_entropy",
        INDEX,
        {"ignore_index": 1},
        0.232621983102,
        [0.17682018211, 0.030726740326, -0.20754692243, 0, 0, 0],
    ),
    (
        "cross_entropy",
        INDEX,
        {"label_smoothing": 0.1},
        1.58322672467,
        [
            0.071743424387,
            -0.0013032965034,
            -0.070440127884,
            0.44312644552,
            -0.43727307641,
            -0.005853369108,
        ],
    ),
    (
        "cross_entropy",
        INDEX,
        {"label_smoothing": 0.1, "weight": WEIGHT},
        1.73418003133,
        [
            0.070176172417,
            -0.0060253338617,
            -0.064150838555,
            0.50320000965,
            -0.50086041457,
            -0.0023395950781,
        ],
    ),
    (
        "cross_entropy",
        INDEX,
        {"label_smoothing": 0.1, "weight": WEIGHT, "ignore_index": 1},
        0.391148405512,
        [0.16374440231, -0.014059112344, -0.14968528996, 0, 0, 0],
    ),
    (
        "cross_entropy",
        PROBABILITY,
        {},
        2.22072672467,
        [
            -0.011589908946,
            -0.13463662984,
            0.14622653878,
            0.45979311218,
            -0.42060640974,
            -0.039186702441,
        ],
    ),
    (
        "cross_entropy",
        PROBABILITY,
        {"weight": WEIGHT, "label_smoothing": 0.2, "reduction": "sum"},
        7.80000617422,
        [0.13893012647, -0.56949651713, 0.43056639066, 1.6464441698, -1.4659487503, -0.18049541959],
    ),
    (
        "nll_loss",
        INDEX,
        {},
        -1.125,
        [0, 0, -0.5, 0, -0.5, 0],
    ),
    (
        "nll_loss",
        INDEX,
        {"weight": WEIGHT},
        -1,
        [0, 0, -0.42857142857, 0, -0.57142857143, 0],
    ),
    (
        "mse_loss",
        NUMBER,
        {},
        1.20833333333,
        [-0.16666666667, -0.41666666667, 0.16666666667, -0.083333333333, 0.75, -0.083333333333],
    ),
    (
        "l1_loss",
        NUMBER,
        {},
        0.833333333333,
        [
            -0.16666666667,
            -0.16666666667,
            0.16666666667,
            -0.16666666667,
            0.16666666667,
            -0.16666666667,
        ],
    ),
    (
        "smooth_l1_loss",
        NUMBER,
        {},
        0.46875,
        [
            -0.083333333333,
            -0.16666666667,
            0.083333333333,
            -0.041666666667,
            0.16666666667,
            -0.041666666667,
        ],
    ),
    (
        "smooth_l1_loss",
        NUMBER,
        {"beta": 0.3, "reduction": "sum"},
        4.10833333333,
        [-1, -1, 1, -0.83333333333, 1, -0.83333333333],
    ),
    (
        "huber_loss",
        NUMBER,
        {"delta": 0.7},
        0.37875,
        [
            -0.083333333333,
            -0.11666666667,
            0.083333333333,
            -0.041666666667,
            0.11666666667,
            -0.041666666667,
        ],
    ),
    (
        "binary_cross_entropy_with_logits",
        SHARE,
        {},
        1.15447197569,
        [
            -0.0629234448,
            0.037116689804,
            0.10513284633,
            0.15876235447,
            -0.072970583186,
            -0.071529783196,
        ],
    ),
    (
        "binary_cross_entropy_with_logits",
        SHARE,
        {"weight": WEIGHT, "pos_weight": WEIGHT, "reduction": "sum"},
        8.97816623279,
        [-0.0943851672, 0.44540027765, 0.92384506909, 0.47628706341, -1.7512939965, -1.025806067],
    ),
]


def number_tensor(values, dtype):
    return minnet.tensor(np.array(values, dtype.numpy))


def tensors(options, dtype):
    """Options with lists made into tensors."""
    return {k: number_tensor(v, dtype) if isinstance(v, list) else v for k, v in options.items()}


def target_tensor(target, dtype):
    return minnet.tensor(target) if target is INDEX else number_tensor(target, dtype)


@pytest.mark.parametrize("dtype", [minnet.float32, minnet.float64])
@pytest.mark.parametrize(("name", "target", "options", "loss", "gradient"), KNOWN)
def test_known_answers(name, target, options, loss, gradient, dtype):
    x = minnet.tensor(INPUT, dtype=dtype, requires_grad=True)
    got = getattr(F, name)(x, target_tensor(target, dtype), **tensors(options, dtype))
    got.backward()
    rtol, atol = (2e-6, 2e-7) if dtype is minnet.float32 else (1e-10, 1e-11)
    assert got.shape == () and got.dtype is dtype
    np.testing.assert_allclose(got.item(), loss, rtol=rtol)
    np.testing.assert_allclose(x.grad.numpy().ravel(), gradient, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("name", "target", "options", "loss", "gradient"), KNOWN)
def test_gradients_agree_with_finite_differences(name, target, options, loss, gradient):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3)) + np.array(INPUT)
    for reduction in ("none", "sum", "mean"):
        chosen = {**tensors(options, minnet.float64), "reduction": reduction}
        fixed = target_tensor(target, minnet.float64)
        check_gradient(lambda x, t=fixed, o=chosen: getattr(F, name)(x, t, **o), x)
        if target is not INDEX:
            t = np.array(target, np.float64) + 0.01
            check_gradient(lambda x, t, o=chosen: getattr(F, name)(x, t, **o), x, t)


def test_gradients_in_more_dimensions():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 4, 3, 2))
    index = minnet.tensor(rng.integers(0, 4, (2, 3, 2)))
    weight = minnet.tensor(rng.random(4))
    for options in ({}, {"weight": weight}, {"label_smoothing": 0.3}, {"reduction": "none"}):
        check_gradient(lambda x, o=options: F.cross_entropy(x, index, **o), x)
    probability = rng.random((2, 4, 3, 2))
    for reduction in ("mean", "none"):
        check_gradient(lambda x, t, r=reduction: F.cross_entropy(x, t, reduction=r), x, probability)
        check_gradient(lambda x, r=reduction: F.nll_loss(x, index, weight, reduction=r), x)
    for dim in (0, 1, -1):
        check_gradient(lambda x, d=dim: F.softmax(x, d), x)
        check_gradient(lambda x, d=dim: F.log_softmax(x, d), x)
    for dim in (0, (1, 3), (0, 1, 2, 3), -2):
        for keepdim in (False, True):
            check_gradient(lambda x, d=dim, k=keepdim: F.logsumexp(x, d, k), x)


def test_cross_entropy_is_nll_of_log_softmax():
    rng = np.random.default_rng(2)
    for shape in [(5,), (7, 5), (3, 5, 4), (2, 5, 3, 2)]:
        x = minnet.tensor(rng.standard_normal(shape))
        outer = (shape[0], *shape[2:]) if len(shape) > 1 else ()
        index = minnet.tensor(rng.integers(0, 5, outer))
        weight = minnet.tensor(rng.random(5))
        for reduction in ("mean", "sum", "none"):
            for w in (None, weight):
                got = F.cross_entropy(x, index, w, reduction=reduction)
                dim = min(1, x.dim() - 1)
                expected = F.nll_loss(F.log_softmax(x, dim), index, w, reduction=reduction)
                assert got.shape == expected.shape == (outer if reduction == "none" else ())
                np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-12)


def test_grad_fn_prints_torchs_name():
    x = minnet.zeros(2, 3, requires_grad=True)
    y, i = minnet.zeros(2, 3), minnet.tensor(INDEX)
    for loss, name in [
        (F.cross_entropy(x, i), "NllLossBackward0"),
        (F.cross_entropy(x.reshape(1, 3, 2), i[None] * 0), "NllLoss2DBackward0"),
        (F.nll_loss(x, i), "NllLossBackward0"),
        (F.mse_loss(x, y), "MseLossBackward0"),
        (F.smooth_l1_loss(x, y), "SmoothL1LossBackward0"),
        (F.huber_loss(x, y), "HuberLossBackward0"),
        (F.binary_cross_entropy_with_logits(x, y), "BinaryCrossEntropyWithLogitsBackward0"),
        (F.softmax(x, 1), "SoftmaxBackward0"),
        (F.log_softmax(x, 1), "LogSoftmaxBackward0"),
        (F.logsumexp(x, 1), "LogsumexpBackward0"),
    ]:
        assert loss.grad_fn.name() == name


def test_means_of_nothing_are_nan():
    x, none = minnet.zeros(0, 4, requires_grad=True), minnet.zeros(0, dtype=minnet.int64)
    loss = F.cross_entropy(x, none)
    assert np.isnan(loss.item())
    loss.backward()
    assert x.grad.shape == (0, 4)
    assert F.cross_entropy(x, none, reduction="sum").item() == 0
    assert F.cross_entropy(x, none, reduction="none").shape == (0,)
    assert np.isnan(F.cross_entropy(x, minnet.zeros(0, 4)).item())
    assert np.isnan(F.nll_loss(x, none).item())
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss, F.binary_cross_entropy_with_logits):
        assert np.isnan(loss(minnet.zeros(0), minnet.zeros(0)).item())


def test_ignored_targets_count_for_nothing():
    x = minnet.zeros(3, 4, requires_grad=True)
    index = minnet.tensor([-100, -100, -100])
    loss = F.cross_entropy(x, index)
    assert np.isnan(loss.item())
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.zeros((3, 4)))
    rows = F.cross_entropy(x, minnet.tensor([0, 7, 1]), ignore_index=7, reduction="none")
    np.testing.assert_allclose(rows.detach().numpy(), [np.log(4), 0, np.log(4)], rtol=1e-6)
    nothing = F.cross_entropy(minnet.zeros(2, 0), minnet.tensor([-100, -100]), reduction="none")
    assert nothing.tolist() == [0, 0]
    # An impossible logit in an ignored row does no harm, with or without smoothing.
    x = minnet.tensor([[0.0, -np.inf], [0.0, 0.0]])
    for smoothing in (0.0, 0.1):
        loss = F.cross_entropy(x, minnet.tensor([-100, 0]), label_smoothing=smoothing)
        np.testing.assert_allclose(loss.item(), np.log(2), rtol=1e-6)


def test_a_byte_target_is_taken():
    target = minnet.tensor(INDEX, dtype=minnet.uint8)
    assert F.cross_entropy(minnet.zeros(2, 3), target).item() == pytest.approx(np.log(3))


def test_a_changed_target_is_noticed():
    x, index = minnet.zeros(2, 3, requires_grad=True), minnet.tensor(INDEX)
    loss = F.cross_entropy(x, index)
    index.fill_(0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    assert x.grad is None
    shares = minnet.ones(2, 3)
    loss = F.cross_entropy(x, shares)
    shares.fill_(0.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


ZEROS = minnet.zeros
LONG = minnet.int64
ERRORS = [
    (
        F.cross_entropy,
        (ZEROS(3, 4), ZEROS(4, dtype=LONG)),
        {},
        ValueError,
        r"Expected input batch_size \(3\) to match target batch_size \(4\)",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), ZEROS(3)),
        {},
        RuntimeError,
        "to be Long or Byte, but got Float",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), ZEROS(3, 4, dtype=LONG)),
        {},
        RuntimeError,
        "Expected floating point type for target with class probabilities, got Long",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), minnet.tensor([0, 10, 11])),
        {},
        IndexError,
        "Target 10 is out of bounds",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), minnet.tensor([0, -1, 1])),
        {"label_smoothing": 0.1},
        IndexError,
        "Target -1 is out of bounds",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4, dtype=LONG), ZEROS(3, dtype=LONG)),
        {},
        NotImplementedError,
        "Long",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4, 5), ZEROS(3, 4, dtype=LONG)),
        {},
        RuntimeError,
        r"Expected target size \[3, 5\], got \[3, 4\]",
    ),
    (
        F.cross_entropy,
        (ZEROS(4), minnet.tensor([1, 2])),
        {},
        ValueError,
        "For 1D input, 1D target must have size 1, but got target size: 2",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), ZEROS(3, dtype=LONG), ZEROS(3)),
        {},
        RuntimeError,
        r"all 4 classes or no classes but got weight tensor of shape: \[3\]",
    ),
    (F.cross_entropy, (ZEROS(3, 4), ZEROS(3, 4), ZEROS(3)), {}, RuntimeError, "all 4 classes"),
    (
        F.cross_entropy,
        (ZEROS(3, 4), ZEROS(3, dtype=LONG), ZEROS(4, dtype=minnet.float64)),
        {},
        RuntimeError,
        "expected scalar type Float but found Double",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), ZEROS(3, dtype=LONG)),
        {"label_smoothing": 1.5},
        RuntimeError,
        "label_smoothing must be between 0.0 and 1.0. Got: 1.5",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), ZEROS(3, dtype=LONG)),
        {"reduction": "x"},
        ValueError,
        "x is not a valid value for reduction",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), ZEROS(3, 4)),
        {"ignore_index": 1},
        RuntimeError,
        "ignore_index is not supported for floating point target",
    ),
    (
        F.cross_entropy,
        (ZEROS(3, 4), [0, 1, 2]),
        {},
        TypeError,
        r"argument 'target' \(position 2\) must be Tensor, not list",
    ),
    (
        F.cross_entropy,
        (ZEROS(()), ZEROS(1, dtype=LONG)),
        {"label_smoothing": 0.1},
        ValueError,
        "Expected 1 or more dimensions",
    ),
    (
        F.nll_loss,
        (ZEROS(()), ZEROS((), dtype=LONG)),
        {},
        ValueError,
        "Expected 1 or more dimensions",
    ),
    (
        F.nll_loss,
        (ZEROS(3, 4), minnet.tensor([0, 4, 1])),
        {},
        IndexError,
        "Target 4 is out of bounds",
    ),
    (F.mse_loss, (ZEROS(3, dtype=LONG), ZEROS(3, dtype=LONG)), {}, NotImplementedError, "Long"),
    (F.mse_loss, (ZEROS(3), 2.0), {}, TypeError, "must be Tensor, not float"),
    (F.l1_loss, (ZEROS(3), ZEROS(3)), {"reduction": "avg"}, ValueError, "avg is not a valid value"),
    (
        F.smooth_l1_loss,
        (ZEROS(3), ZEROS(3)),
        {"beta": -1},
        RuntimeError,
        "negative values for beta",
    ),
    (
        F.huber_loss,
        (ZEROS(3), ZEROS(3)),
        {"delta": 0},
        RuntimeError,
        "non-positive values for delta",
    ),
    (
        F.binary_cross_entropy_with_logits,
        (ZEROS(3), ZEROS(4)),
        {},
        ValueError,
        r"Target size \(.*\[4\]\)\) must be the same as input size \(torch.Size\(\[3\]\)\)",
    ),
    (
        F.binary_cross_entropy_with_logits,
        (ZEROS(3), ZEROS(3, dtype=LONG)),
        {},
        RuntimeError,
        "result type Float can't be cast to the desired output type Long",
    ),
    (
        F.binary_cross_entropy_with_logits,
        (ZEROS(3), ZEROS(3), ZEROS(2)),
        {},
        RuntimeError,
        r"The size of tensor a \(3\) must match the size of tensor b \(2\)",
    ),
    (
        F.binary_cross_entropy_with_logits,
        (ZEROS(3), ZEROS(3)),
        {"pos_weight": ZEROS(2, 3)},
        RuntimeError,
        "broadcast",
    ),
    (F.softmax, (ZEROS(2, 3), 2), {}, IndexError, r"range of \[-2, 1\], but got 2"),
    (
        F.softmax,
        (ZEROS(2, 3, dtype=LONG), 1),
        {},
        NotImplementedError,
        "not implemented for 'Long'",
    ),
    (F.log_softmax, (ZEROS(2, 3), 1.0), {}, TypeError, "'dim' .* must be int, not float"),
    (F.logsumexp, (ZEROS(2, 3), 2), {}, IndexError, "Dimension out of range"),
    (F.logsumexp, (ZEROS(2, 3), (1, 1)), {}, RuntimeError, "appears multiple times"),
]


@pytest.mark.parametrize(("function", "arguments", "options", "error", "message"), ERRORS)
def test_errors_name_what_is_wrong(function, arguments, options, error, message):
    with pytest.raises(error, match=message):
        function(*arguments, **options)


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss])
def test_broadcasting_warns_and_its_gradients_have_the_inputs_shapes(loss):
    x = minnet.ones(3, 4, requires_grad=True)
    y = minnet.zeros(4, requires_grad=True)
    text = r"target size \(torch.Size\(\[4\]\)\) that is different to the input size"
    with pytest.warns(UserWarning, match=text):
        loss(x, y).backward()
    assert x.grad.shape == (3, 4) and y.grad.shape == (4,)
    np.testing.assert_allclose(y.grad.numpy(), -x.grad.numpy().sum(0), rtol=1e-6)
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match=r"size of tensor a \(4\)"):
        loss(x, minnet.zeros(5))


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss])
def test_a_second_backward_and_a_changed_operand_are_errors(loss, reduction):
    x, y = minnet.ones(3, requires_grad=True), minnet.zeros(3)
    once = loss(x * 2, y, reduction=reduction).sum()
    once.backward()
    with pytest.raises(RuntimeError, match="second time"):
        once.backward()
    changed = loss(x, y, reduction=reduction).sum()
    y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        changed.backward()


def test_smooth_l1_without_a_smooth_part_is_l1():
    x, y = minnet.tensor([1.0, -3.0, 0.0], requires_grad=True), minnet.zeros(3)
    loss = F.smooth_l1_loss(x, y, beta=0.0, reduction="sum")
    loss.backward()
    assert loss.item() == 4
    np.testing.assert_array_equal(x.grad.numpy(), [1, -1, 0])


def test_a_wider_target_makes_a_wider_loss():
    x = minnet.ones(3, requires_grad=True)
    y = minnet.zeros(3, dtype=minnet.float64)
    for loss in (F.mse_loss(x, y), F.binary_cross_entropy_with_logits(x, y), F.l1_loss(x, y)):
        assert loss.dtype is minnet.float64
        loss.backward()
    assert x.grad.dtype is minnet.float32
    assert F.mse_loss(x, minnet.zeros(3, dtype=LONG)).item() == 1


def test_the_old_reduction_flags_still_work_and_warn():
    x, y = minnet.tensor([1.0, 3.0]), minnet.zeros(2)
    for flags, expected in [
        ({"size_average": False}, 10.0),
        ({"size_average": True}, 5.0),
        ({"reduce": False}, [1.0, 9.0]),
    ]:
        with pytest.warns(UserWarning, match="please use reduction="):
            assert F.mse_loss(x, y, **flags).tolist() == expected


def test_softmax_without_a_dim_warns_and_chooses_as_torch():
    for shape, dim in [((3,), 0), ((2, 3), 1), ((2, 3, 4), 0), ((2, 3, 4, 5), 1)]:
        x = minnet.rand(*shape)
        for function in (F.softmax, F.log_softmax):
            with pytest.warns(UserWarning, match="Implicit dimension choice"):
                got = function(x)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                np.testing.assert_array_equal(got.numpy(), function(x, dim).numpy())


def test_softmax_of_a_number_and_in_another_dtype():
    x = minnet.tensor(3.0, requires_grad=True)
    F.softmax(x, 0).backward()
    assert F.softmax(x, -1).item() == 1 and F.log_softmax(x, 0).item() == 0 and x.grad.item() == 0
    assert F.logsumexp(x, 0).item() == 3
    wide = F.softmax(minnet.ones(2, 3), 1, dtype=minnet.float64)
    np.testing.assert_allclose(wide.numpy(), np.full((2, 3), 1 / 3), rtol=1e-15)
    assert F.logsumexp(minnet.ones(2, 3, dtype=LONG), 1).dtype is minnet.float32


def test_a_mean_of_many_rows_is_rounded_once():
    x = minnet.zeros(20_000, 3)
    loss = F.cross_entropy(x, minnet.zeros(20_000, dtype=LONG))
    assert loss.item() == np.float32(np.log(3))
    x = minnet.tensor(np.full(3_000_000, 0.1, np.float32))
    assert F.l1_loss(x, minnet.zeros(3_000_000)).item() == np.float32(0.1)


def test_inputs_need_not_be_contiguous():
    rng = np.random.default_rng(3)
    values, index = rng.standard_normal((3, 5)), minnet.tensor(rng.integers(0, 3, 5))
    x = minnet.tensor(values, requires_grad=True)
    y = minnet.tensor(values.T.copy(), requires_grad=True)
    a, b = F.cross_entropy(x.t(), index), F.cross_entropy(y, index)
    a.backward()
    b.backward()
    assert a.item() == b.item()
    np.testing.assert_array_equal(x.grad.numpy(), y.grad.numpy().T)


SHAPES = [(5,), (6, 5), (4, 5, 3), (2, 5, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_classification_is_torchs(shape, reduction):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    x = rng.standard_normal(shape) * 3
    outer = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    index = np.asarray(rng.integers(0, 5, outer))
    some = np.where(rng.random(outer) < 0.3, 3, index) if outer else index
    probability, weight = rng.random(shape), rng.random(5)
    cases = [
        ("cross_entropy", index, {}),
        ("cross_entropy", index, {"weight": weight}),
        ("cross_entropy", some, {"ignore_index": 3, "weight": weight}),
        ("cross_entropy", some, {"ignore_index": 3, "weight": weight, "label_smoothing": 0.2}),
        ("cross_entropy", some, {"ignore_index": 3, "label_smoothing": 0.2}),
        ("cross_entropy", probability, {}),
        ("cross_entropy", probability, {"weight": weight, "label_smoothing": 0.2}),
        ("nll_loss", some, {"ignore_index": 3, "weight": weight}),
    ]
    for name, target, options in cases:
        ours = minnet.tensor(x, requires_grad=True)
        theirs = torch.tensor(x, requires_grad=True)
        t, s = minnet.tensor(target), torch.tensor(target)
        if target is probability:
            t.requires_grad_(True)
            s.requires_grad_(True)
        mine = {k: minnet.tensor(v) if k == "weight" else v for k, v in options.items()}
        other = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
        a = getattr(F, name)(ours, t, reduction=reduction, **mine)
        b = getattr(torch.nn.functional, name)(theirs, s, reduction=reduction, **other)
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)
        v = rng.standard_normal(tuple(b.shape))
        a.backward(minnet.tensor(v))
        b.backward(torch.tensor(v))
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)
        if target is probability:
            np.testing.assert_allclose(t.grad.numpy(), s.grad.numpy(), rtol=1e-9, atol=1e-12)


RNG = np.random.default_rng(6)
X, WEIGHTS, FACTORS = RNG.standard_normal((4, 3, 2)), RNG.random(3), RNG.random((4, 3, 2))
SOME = minnet.tensor(np.array([[0, 2], [1, 2], [2, 0], [1, 1]]))  # one of the three is ignored
Y, P = RNG.standard_normal((4, 3, 2)), RNG.random((4, 3, 2))
BCE = F.binary_cross_entropy_with_logits
# A function of its differentiable inputs and a reduction, and the inputs.
DIFFERENTIABLE = {
    "cross_entropy": (lambda x, r: F.cross_entropy(x, SOME, reduction=r), X),
    "cross_entropy ignoring": (
        lambda x, r: F.cross_entropy(
            x, SOME, minnet.tensor(WEIGHTS).to(x.dtype), ignore_index=2, reduction=r
        ),
        X,
    ),
    "cross_entropy smoothed": (
        lambda x, r: F.cross_entropy(
            x, SOME, ignore_index=2, reduction=r, label_smoothing=0.2,
            weight=minnet.tensor(WEIGHTS).to(x.dtype),
        ),
        X,
    ),
    "cross_entropy of probabilities": (lambda x, p, r: F.cross_entropy(x, p, reduction=r), X, P),
    "cross_entropy of weighted probabilities": (
        lambda x, p, w, r: F.cross_entropy(x, p, w, reduction=r, label_smoothing=0.2),
        X, P, WEIGHTS,
    ),
    "nll_loss": (
        lambda x, r: F.nll_loss(
            x, SOME, minnet.tensor(WEIGHTS).to(x.dtype), ignore_index=2, reduction=r
        ),
        X,
    ),
    "mse_loss": (lambda x, y, r: F.mse_loss(x, y, reduction=r), X, Y),
    "l1_loss": (lambda x, y, r: F.l1_loss(x, y, reduction=r), X, Y),
    "smooth_l1_loss": (lambda x, y, r: F.smooth_l1_loss(x, y, reduction=r, beta=0.7), X, Y),
    "huber_loss": (lambda x, y, r: F.huber_loss(x, y, reduction=r, delta=0.7), X, Y),
    "bce": (lambda x, y, r: BCE(x, y, reduction=r), X, P),
    "bce weighted": (
        lambda x, y, w, p, r: BCE(x, y, w, pos_weight=p, reduction=r),
        X, P, FACTORS, FACTORS[0, :1],
    ),
    "bce by one weight": (
        lambda x, y, w, p, r: BCE(x, y, w, pos_weight=p, reduction=r),
        X[0, 0, 0], P[0, 0, 0], WEIGHTS[:1], WEIGHTS[1],
    ),
    "softmax": (lambda x, r: F.softmax(x, 1), X),
    "log_softmax": (lambda x, r: F.log_softmax(x, 1), X),
    "softmax of a number": (lambda x, r: F.softmax(x, 0), X[0, 0, 0]),
    "logsumexp": (lambda x, r: F.logsumexp(x, (0, 2)), X),
}  # fmt: skip


def inputs_of(arrays, dtype):
    return [minnet.tensor(np.array(a, dtype), requires_grad=True) for a in arrays]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivatives(name, reduction):
    f, *arrays = DIFFERENTIABLE[name]
    inputs = inputs_of(arrays, np.float64)
    assert minnet.autograd.gradgradcheck(lambda *xs: f(*xs, reduction), inputs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_recorded_gradients_have_the_same_bits(name, reduction, dtype):
    f, *arrays = DIFFERENTIABLE[name]
    inputs, found = inputs_of(arrays, dtype), []
    for create_graph in (False, True):
        loss = f(*inputs, reduction)
        dy = minnet.linspace(1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape)
        found.append(minnet.autograd.grad(loss, inputs, dy, create_graph=create_graph))
    assert all(minnet.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_any_input_changed_before_backward_is_noticed_or_does_no_harm(name, create_graph):
    f, *arrays = DIFFERENTIABLE[name]
    expected = minnet.autograd.grad(f(*(xs := inputs_of(arrays, np.float64)), "sum").sum(), xs)
    for i in range(len(arrays)):
        xs = inputs_of(arrays, np.float64)
        loss = f(*xs, "sum").sum()
        with minnet.no_grad():
            xs[i].add_(0.5)
        try:
            found = minnet.autograd.grad(loss, xs, create_graph=create_graph)
        except RuntimeError as error:
            assert "modified by an inplace operation" in str(error)
        else:
            assert all(minnet.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_changed_weight_that_needs_no_gradient_is_noticed_or_does_no_harm(create_graph):
    x, p, w = (minnet.tensor(a) for a in (X, P, WEIGHTS))
    x.requires_grad_()
    losses = {
        "cross_entropy": lambda w: F.cross_entropy(x, SOME, w),
        "smoothed": lambda w: F.cross_entropy(x, SOME, w, label_smoothing=0.1),
        "probabilities": lambda w: F.cross_entropy(x, p, w),
        "nll_loss": lambda w: F.nll_loss(x, SOME, w),
        "weight": lambda w: BCE(x, p, w.reshape(3, 1)),
        "pos_weight": lambda w: BCE(x, p, pos_weight=w.reshape(3, 1)),
    }
    for loss in losses.values():
        (expected,) = minnet.autograd.grad(loss(w), x)
        changing = w.clone()
        value = loss(changing)
        changing.mul_(2)
        try:
            (found,) = minnet.autograd.grad(value, x, create_graph=create_graph)
        except RuntimeError as error:
            assert "modified by an inplace operation" in str(error)
        else:
            assert minnet.equal(found, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_what_is_ignored_has_a_loss_of_plus_zero(smoothing):
    loss = minnet.nn.functional.cross_entropy(
        minnet.zeros(2, 2),
        minnet.tensor([0, -100]),
        label_smoothing=smoothing,
        reduction="none",
    )
    assert np.copysign(1.0, loss.numpy()).tolist() == [1.0, 1.0]
