"""Trajectories of the optimizers: known answers, torch's, and what is done in place."""

import itertools

import numpy as np
import pytest

import minnet
from minnet import optim

# Computed by torch 2.13 in float64: five steps from START along SLOPE * p + cos(t).
START = [1.0, -2.0, 0.5, 3.0]
SLOPE = [1.0, 0.25, 4.0, 0.5]
KNOWN = [
    (
        "SGD",
        {"lr": 0.1},
        [0.67366354244293, -1.7011900123799, 0.15399466819133, 2.3905389198124],
    ),
    (
        "SGD",
        {"lr": 0.1, "momentum": 0.9},
        [-0.084224986454549, -1.5624684030551, -0.11067734613581, 1.1144997100913],
    ),
    (
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
        [-0.034171884001626, -1.7134999490508, -0.4550613441178, 1.3088770597724],
    ),
    (
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        [-0.0073825147971038, -1.0145371360356, 0.24712269180821, 0.67786253400564],
    ),
    (
        "SGD",
        {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
        [1.04097026127, -2.0201827324605, 0.60180638012202, 3.0554402178615],
    ),
    (
        "Adam",
        {"lr": 0.1},
        [0.60197750932624, -2.0010787050916, 0.087747393006731, 2.5506453992225],
    ),
    (
        "Adam",
        {"lr": 0.1, "weight_decay": 0.1, "betas": (0.8, 0.9), "eps": 0.001},
        [0.60679192220833, -1.880258811229, 0.098017167369063, 2.544507324336],
    ),
    (
        "Adam",
        {"lr": 0.1, "amsgrad": True, "betas": (0.4, 0.5), "maximize": True},
        [1.3462984548465, -2.1158833055935, 0.98297974494571, 3.3744027977194],
    ),
    (
        "Adam",
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
        [0.56524339123049, -1.9001843091991, 0.075897761765732, 2.4157468699334],
    ),
    (
        "AdamW",
        {"lr": 0.1},
        [0.59822628015694, -1.9908071884651, 0.086528723415643, 2.5368968076081],
    ),
    (
        "AdamW",
        {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True, "betas": (0.3, 0.5)},
        [0.58097352900137, -1.3881035430519, 0.16894937240218, 2.0556519978755],
    ),
]


def parameter(values, dtype=minnet.float64):
    return minnet.nn.Parameter(minnet.tensor(np.array(values, dtype.numpy)))


def give(p, gradient):
    p.grad = minnet.tensor(np.asarray(gradient, p.array.dtype))


@pytest.mark.parametrize("dtype", [minnet.float32, minnet.float64])
@pytest.mark.parametrize(("name", "options", "end"), KNOWN)
def test_known_answers(name, options, end, dtype):
    p = parameter(START, dtype)
    optimizer = getattr(optim, name)([p], **options)
    for t in range(5):
        give(p, np.array(SLOPE) * p.detach().numpy() + np.cos(t))
        optimizer.step()
    rtol = 1e-12 if dtype is minnet.float64 else 2e-6
    np.testing.assert_allclose(p.detach().numpy(), end, rtol=rtol, atol=rtol)


def combinations(**choices):
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


SGD = combinations(
    momentum=[0, 0.9],
    dampening=[0, 0.3],
    weight_decay=[0, 0.1],
    nesterov=[False, True],
    maximize=[False, True],
)
SGD = [o for o in SGD if not o["nesterov"] or (o["momentum"] and not o["dampening"])]
ADAM = list(
    combinations(
        weight_decay=[0, 0.1],
        amsgrad=[False, True],
        maximize=[False, True],
        betas=[(0.9, 0.999), (0.3, 0.5)],
    )
)
ALL = [("SGD", o) for o in SGD] + [(name, o) for name in ("Adam", "AdamW") for o in ADAM]
OTHERS = {
    "RMSprop": {"momentum": [0, 0.9], "centered": [False, True], "weight_decay": [0, 0.1]},
    "Adagrad": {
        "lr_decay": [0, 0.1], "weight_decay": [0, 0.1], "initial_accumulator_value": [0, 0.5]
    },
    "Adadelta": {"rho": [0.9, 0.5], "weight_decay": [0, 0.1]},
    "Adamax": {"betas": [(0.9, 0.999), (0.3, 0.5)], "weight_decay": [0, 0.1]},
    "NAdam": {"betas": [(0.9, 0.999), (0.3, 0.5)], "weight_decay": [0, 0.1],
              "decoupled_weight_decay": [False, True]},
    "RAdam": {"betas": [(0.9, 0.999), (0.3, 0.5)], "weight_decay": [0, 0.1],
              "decoupled_weight_decay": [False, True]},
    "Rprop": {"etas": [(0.5, 1.2), (0.3, 2.0)]},
    "ASGD": {"t0": [1e6, 10], "lambd": [1e-4, 0.1], "weight_decay": [0, 0.1]},
}  # fmt: skip
OTHERS = [
    (name, options)
    for name, choices in OTHERS.items()
    for options in combinations(**choices, maximize=[False, True])
]
WITHOUT_A_ROOT = ("Adamax", "Rprop", "ASGD")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_hundred_steps_of_the_others_have_torchs_bits_or_follow_them(dtype):
    """The bits, where no square root is taken; elsewhere torch's is not correctly rounded."""
    torch = pytest.importorskip("torch")
    vectors = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    rng = np.random.default_rng(0)
    for name, options in OTHERS:
        start = rng.standard_normal(207).astype(dtype)
        p, q = minnet.nn.Parameter(minnet.tensor(start)), torch.nn.Parameter(torch.tensor(start))
        mine = getattr(optim, name)([p], lr=0.01, **options)
        other = getattr(torch.optim, name)([q], lr=0.01, foreach=False, **options)
        for _ in range(100):
            gradient = rng.standard_normal(207).astype(dtype)
            p.grad, q.grad = minnet.tensor(gradient), torch.tensor(gradient)
            mine.step()
            other.step()
        ours, theirs = mine.state_dict(), other.state_dict()
        assert theirs["param_groups"] == [{**g, "foreach": False} for g in ours["param_groups"]]
        pairs = {k: (ours["state"][0][k].numpy(), v.numpy()) for k, v in theirs["state"][0].items()}
        assert ours["state"][0].keys() == pairs.keys()
        pairs["parameter"] = p.detach().numpy(), q.detach().numpy()
        for key, (a, b) in pairs.items():
            message = f"{name} {options} {key}"
            assert a.dtype == b.dtype and a.shape == b.shape, message
            if name in WITHOUT_A_ROOT and vectors:
                np.testing.assert_array_equal(a, b, err_msg=message)
            else:
                np.testing.assert_allclose(
                    a, b, rtol=1e-6, atol=1e-6 * abs(b).max(), err_msg=message
                )


def test_a_hundred_steps_follow_torchs():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    shapes, lr = [(7, 5), (19,)], 0.02
    starts = [rng.standard_normal(shape) for shape in shapes]
    slopes = [rng.random(shape) + 0.1 for shape in shapes]
    for (name, options), wide in [(c, True) for c in ALL] + [(c, False) for c in ALL[::3]]:
        dtype = np.float64 if wide else np.float32
        if options["maximize"]:
            slopes = [-abs(s) for s in slopes]
        else:
            slopes = [abs(s) for s in slopes]
        ours = [parameter(s, minnet.float64 if wide else minnet.float32) for s in starts]
        theirs = [torch.tensor(s.astype(dtype), requires_grad=True) for s in starts]
        mine = getattr(optim, name)(ours, lr=lr, **options)
        other = getattr(torch.optim, name)(theirs, lr=lr, foreach=False, **options)
        for t in range(100):
            for p, q, slope in zip(ours, theirs, slopes, strict=True):
                give(p, slope * p.detach().numpy() + np.cos(t))
                q.grad = torch.tensor((slope * q.detach().numpy() + np.cos(t)).astype(dtype))
            mine.step()
            other.step()
        rtol = 1e-6 if wide else 1e-4
        for p, q in zip(ours, theirs, strict=True):
            a, b = p.detach().numpy(), q.detach().numpy()
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=f"{name} {options}")
        assert other.state_dict()["param_groups"] == [
            {**g, "foreach": False} for g in mine.state_dict()["param_groups"]
        ]
        state = mine.state_dict()["state"]
        for number, values in other.state_dict()["state"].items():
            assert set(values) == set(state[number])
            for key, value in values.items():
                got = state[number][key].numpy()
                np.testing.assert_allclose(got, value.numpy(), rtol=rtol, atol=rtol)
                assert got.dtype == value.numpy().dtype and got.shape == tuple(value.shape)


def test_float32_sgd_is_torchs_bit_for_bit():
    torch = pytest.importorskip("torch")
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("torch has fused multiply-adds in its vector paths only")
    rng = np.random.default_rng(2)
    start = rng.standard_normal(1027).astype(np.float32)
    for options in SGD:
        p, q = parameter(start, minnet.float32), torch.tensor(start.copy(), requires_grad=True)
        mine = optim.SGD([p], lr=0.02, **options)
        other = torch.optim.SGD([q], lr=0.02, foreach=False, **options)
        for _ in range(20):
            gradient = rng.standard_normal(1027).astype(np.float32)
            give(p, gradient)
            q.grad = torch.tensor(gradient)
            mine.step()
            other.step()
        np.testing.assert_array_equal(p.array, q.detach().numpy(), err_msg=str(options))


def test_adamw_is_adam_with_decoupled_decay():
    p, q = parameter(START), parameter(START)
    a = optim.AdamW([p], weight_decay=0.1)
    b = optim.Adam([q], weight_decay=0.1, decoupled_weight_decay=True)
    for _ in range(3):
        for x, optimizer in ((p, a), (q, b)):
            give(x, np.cos(x.detach().numpy()))
            optimizer.step()
    np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


EACH = [
    lambda p: optim.SGD(p, lr=0.1),
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    lambda p: optim.Adam(p, lr=0.1),
    lambda p: optim.AdamW(p, lr=0.1, amsgrad=True),
    lambda p: optim.RMSprop(p, lr=0.02),
    lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5),
    lambda p: optim.RMSprop(p, lr=0.02, centered=True),
    lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    lambda p: optim.Adagrad(p, lr=0.5),
    lambda p: optim.Adadelta(p, lr=10),
    lambda p: optim.Adamax(p, lr=0.1),
    lambda p: optim.NAdam(p, lr=0.1),
    lambda p: optim.RAdam(p, lr=0.1),
    lambda p: optim.Rprop(p),
    lambda p: optim.ASGD(p, lr=0.1),
]


@pytest.mark.parametrize("make", EACH)
def test_parameters_and_gradients_need_not_be_contiguous(make):
    values = np.arange(12.0).reshape(3, 4)
    straight = parameter(values)
    base = minnet.tensor(values.T.copy())
    turned = minnet.nn.Parameter(base.t())
    assert not turned.array.flags.c_contiguous
    for p in (straight, turned):
        optimizer = make([p])
        for t in range(3):
            p.grad = minnet.tensor(np.cos(values + t).T.copy()).t()
            optimizer.step()
    np.testing.assert_array_equal(turned.array, straight.array)
    np.testing.assert_array_equal(base.array, straight.array.T)  # in place


@pytest.mark.parametrize("make", EACH)
def test_a_parameter_without_a_gradient_is_left_alone(make):
    p, q = parameter(START), parameter(START)
    optimizer = make([p, q])
    give(p, START)
    optimizer.step()
    np.testing.assert_array_equal(q.array, START)
    assert q not in optimizer.state or optimizer.state[q]["step"].item() == 0  # Adagrad's
    assert (p.array != START).all()


@pytest.mark.parametrize("make", EACH)
def test_a_step_is_noticed_by_a_graph_that_needs_the_old_values(make):
    p = parameter(START)
    optimizer = make([p])
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    array = p.array
    optimizer.step()
    assert p.array is array and p.requires_grad and p.grad_fn is None
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("make", EACH)
def test_the_gradient_itself_is_not_changed(make):
    p = parameter(START)
    give(p, START)
    make([p]).step()
    np.testing.assert_array_equal(p.grad.numpy(), START)


@pytest.mark.parametrize("make", EACH)
def test_state_that_does_not_fit_is_an_error(make):
    p = parameter(START)
    optimizer = make([p])
    give(p, START)
    optimizer.step()
    p.data = minnet.zeros(2, dtype=minnet.float64)
    with pytest.raises(RuntimeError, match="they have to agree"):
        optimizer.step()
    p.grad = minnet.ones(2, dtype=minnet.float64)
    if optimizer.state:
        with pytest.raises(RuntimeError, match=r"of shape \[4\], but the parameter"):
            optimizer.step()
        np.testing.assert_array_equal(p.array, [0, 0])


def test_training_makes_a_network_fit():
    rng = np.random.default_rng(1)
    x = minnet.tensor(rng.standard_normal((64, 3)).astype(np.float32))
    target = minnet.tensor((x.array @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype(np.float32))
    for make in EACH:
        weight = parameter(np.zeros((1, 3)), minnet.float32)
        bias = parameter([0.0], minnet.float32)
        optimizer = make([weight, bias])
        for _ in range(200):
            optimizer.zero_grad()
            loss = ((x @ weight.t() + bias - target) ** 2).mean()
            loss.backward()
            optimizer.step()
        assert loss.item() < 1e-2
