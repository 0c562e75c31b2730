"""Averaged models, their batch normalizations and their learning rates."""

import numpy as np
import pytest

import minnet
from minnet.optim import swa_utils
from minnet.optim.swa_utils import SWALR, AveragedModel, update_bn


def model_of(library):
    nn = library.nn
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def walk(library, steps=5, **options):
    """Return the averages of a model whose weights are set by hand."""
    rng = np.random.default_rng(0)
    model = model_of(library)
    averaged = library.optim.swa_utils.AveragedModel(model, **options)
    for _ in range(steps):
        with library.no_grad():
            for p in model.parameters():
                p.copy_(library.tensor(rng.standard_normal(tuple(p.shape)).astype(np.float32)))
            model[1].running_mean += 1
        averaged.update_parameters(model)
    return averaged


EACH = {
    "mean": lambda s: {},
    "mean, in place": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "own": lambda s: {"avg_fn": lambda a, b, n: a * 0.25 + b * 0.75},
    "ema": lambda s: {"avg_fn": s.get_ema_avg_fn(0.9)},
    "ema, in place": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.9)},
    "buffers": lambda s: {"avg_fn": s.get_ema_avg_fn(0.5), "use_buffers": True},
}


@pytest.mark.parametrize("name", EACH)
def test_averages_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours = walk(minnet, **EACH[name](swa_utils))
    theirs = walk(torch, **EACH[name](torch.optim.swa_utils))
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b) and ours.n_averaged.item() == 5
    for key in a:
        np.testing.assert_allclose(a[key].numpy(), b[key].numpy(), rtol=1e-6, atol=1e-7)


def test_the_mean_is_that_of_all_models():
    model = minnet.nn.Linear(2, 1)
    averaged, seen = AveragedModel(model), []
    for value in (1.0, 2.0, 6.0):
        minnet.nn.init.constant_(model.weight, value)
        averaged.update_parameters(model)
        seen.append(averaged.module.weight.tolist())
    assert seen == [[[1, 1]], [[1.5, 1.5]], [[3, 3]]]
    assert model.weight.tolist() == [[6, 6]] and averaged.module.weight.grad_fn is None
    x = minnet.ones(1, 2)
    np.testing.assert_allclose(averaged(x).item(), 6 + model.bias.item(), rtol=1e-6)
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        AveragedModel(model, avg_fn=max, multi_avg_fn=max)
    for make in (swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match=r"Invalid decay value 1\.5"):
            make(1.5)


def test_statistics_are_computed_anew_from_all_batches():
    model = model_of(minnet).eval()
    model[1].running_mean.fill_(7.0)
    batches = [minnet.randn(6, 3) for _ in range(4)]
    update_bn([(x, None) for x in batches], model)
    hidden = [model[0](x).detach().numpy() for x in batches]
    mean = np.mean([h.mean(0) for h in hidden], axis=0)
    variance = np.mean([h.var(0, ddof=1) for h in hidden], axis=0)
    np.testing.assert_allclose(model[1].running_mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model[1].running_var.numpy(), variance, rtol=1e-5)
    assert model[1].momentum == 0.1 and not model.training
    update_bn([], minnet.nn.Linear(2, 1))


@pytest.mark.parametrize("options", [
    {"swa_lr": 0.05}, {"swa_lr": [0.05, 0.9], "anneal_epochs": 7, "anneal_strategy": "linear"},
    {"swa_lr": 0.05, "anneal_epochs": 0},
])  # fmt: skip
def test_rates_are_torchs(options):
    torch = pytest.importorskip("torch")

    def rates(library, steps=30, resumed_at=None):
        def make():
            params = [library.nn.Parameter(library.ones(1)) for _ in range(2)]
            optimizer = library.optim.SGD([{"params": [p]} for p in params], lr=0.5)
            before = library.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
            for _ in range(3):
                optimizer.step()
                before.step()
            return optimizer, library.optim.swa_utils.SWALR(optimizer, **options)

        optimizer, scheduler = make()
        found = []
        for t in range(steps):
            if t == resumed_at:
                state, states = scheduler.state_dict(), optimizer.state_dict()
                optimizer, scheduler = make()
                optimizer.load_state_dict(states)
                scheduler.load_state_dict(state)
            optimizer.step()
            scheduler.step()
            found.append(scheduler.get_last_lr())
        return found, scheduler.state_dict()

    ours, theirs = rates(minnet), rates(torch)
    assert ours == theirs
    assert rates(minnet, resumed_at=4) == ours


def test_wrong_options_are_errors():
    optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))])
    with pytest.raises(ValueError, match="instead got x"):
        SWALR(optimizer, 0.1, anneal_strategy="x")
    with pytest.raises(ValueError, match="anneal_epochs must be equal or greater than 0, got -1"):
        SWALR(optimizer, 0.1, -1)
    with pytest.raises(ValueError, match="swa_lr must have the same length"):
        SWALR(optimizer, [0.1, 0.2])
    assert "swa_lr" not in optimizer.param_groups[0]
