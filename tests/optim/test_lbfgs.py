"""L-BFGS: torch's losses and evaluations, and Rosenbrock's valley."""

import numpy as np
import pytest

import minnet
from minnet.optim import LBFGS


def network(library):
    """Return the losses of some steps of a small network in float64, and how they came."""

    def losses(steps=8, **options):
        rng = np.random.default_rng(3)
        shapes = (8, 5), (8,), (1, 8), (1,)
        a, b, c, d = params = [
            library.nn.Parameter(library.tensor(rng.standard_normal(shape) * 0.4))
            for shape in shapes
        ]
        x, y = (library.tensor(rng.standard_normal((40, n))) for n in (5, 1))
        optimizer = library.optim.LBFGS(params, **options)
        evaluations = 0

        def closure():
            nonlocal evaluations
            evaluations += 1
            optimizer.zero_grad()
            loss = (((x @ a.t() + b).tanh() @ c.t() + d - y) ** 2).mean()
            loss.backward()
            return loss

        found = [optimizer.step(closure).item() for _ in range(steps)]
        state = optimizer.state_dict()["state"][0]
        assert state["func_evals"] == evaluations
        return found, evaluations, state["n_iter"]

    return losses


OPTIONS = [
    {"lr": 0.1},
    {"lr": 0.1, "max_iter": 4, "history_size": 3},
    {"line_search_fn": "strong_wolfe", "max_iter": 10},
    {"line_search_fn": "strong_wolfe", "max_iter": 5, "history_size": 4},
    {"line_search_fn": "strong_wolfe", "max_eval": 3},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_losses_and_evaluations_are_torchs(options):
    torch = pytest.importorskip("torch")
    ours, theirs = network(minnet)(**options), network(torch)(**options)
    assert ours[1:] == theirs[1:]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)


def valley(steps=6, start=(-1.5, 2.0), **options):
    p = minnet.nn.Parameter(minnet.tensor(start, dtype=minnet.float64))
    optimizer = LBFGS([p], **options)

    def closure():
        optimizer.zero_grad()
        loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        loss.backward()
        return loss

    return p, optimizer, closure, [optimizer.step(closure).item() for _ in range(steps)]


def test_the_line_search_follows_a_narrow_valley():
    p, optimizer, closure, losses = valley(line_search_fn="strong_wolfe")
    known = [12.5, 1.3070983150500, 1.8840481378e-7, 1.8769270132829514e-10]  # torch 2.13's
    np.testing.assert_allclose(losses[:4], known, rtol=1e-6)
    np.testing.assert_allclose(p.detach().numpy(), [1, 1], atol=1e-4)
    before = optimizer.state_dict()["state"][0]["func_evals"]
    optimizer.step(closure)
    assert optimizer.state_dict()["state"][0]["func_evals"] - before <= 2


def test_a_quadratic_is_solved():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((6, 6))
    matrix = minnet.tensor(root @ root.T + np.eye(6))
    target = minnet.tensor(rng.standard_normal(6))
    p = minnet.nn.Parameter(minnet.zeros(6, dtype=minnet.float64))
    optimizer = LBFGS([p], max_iter=40, line_search_fn="strong_wolfe", tolerance_change=0)

    def closure():
        optimizer.zero_grad()
        loss = (p * (matrix @ p)).sum() / 2 - (target * p).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(matrix.numpy() @ p.detach().numpy(), target.numpy(), atol=1e-6)


def test_a_loaded_state_goes_on_as_if_nothing_had_happened(tmp_path):
    pytest.importorskip("safetensors")
    whole = valley(steps=4, max_iter=3, line_search_fn="strong_wolfe")[3]
    p, optimizer, _, _ = valley(steps=2, max_iter=3, line_search_fn="strong_wolfe")
    minnet.save({"p": p.detach(), "optimizer": optimizer.state_dict()}, tmp_path / "a.safetensors")
    state = minnet.load(tmp_path / "a.safetensors")
    _, other, closure, _ = valley(0, state["p"].tolist(), max_iter=3, line_search_fn="strong_wolfe")
    other.load_state_dict(state["optimizer"])
    assert [other.step(closure).item() for _ in range(2)] == whole[2:]


def test_parameters_without_a_gradient_do_not_move():
    p, q = (minnet.nn.Parameter(minnet.ones(2)) for _ in range(2))
    optimizer = LBFGS([p, q])

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    with minnet.no_grad():
        assert optimizer.step(closure).item() == 2
    assert q.tolist() == [1, 1] and abs(p.detach().numpy()).max() < 1e-3


def test_wrong_options_are_errors():
    p, q = (minnet.nn.Parameter(minnet.ones(2)) for _ in range(2))
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        LBFGS([{"params": [p]}, {"params": [q]}])
    with pytest.raises(RuntimeError, match=r"only 'strong_wolfe' is supported .* got armijo"):
        LBFGS([p], line_search_fn="armijo")
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        LBFGS([p], lr=-1)
    with pytest.raises(TypeError):
        LBFGS([p]).step()
