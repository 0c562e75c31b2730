"""Learning rates over hundreds of steps: torch's to the bit, resumed, chained, and by hand."""

import copy
import gc
import math
import pickle
import types
import warnings
import weakref

import numpy as np
import pytest

import minnet
from minnet.optim import lr_scheduler
from minnet.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

# torch's, too, where a chain in a sequence makes its first step again.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of")


class Decay:
    """A function with a state, which a scheduler saves."""

    def __init__(self, factor=0.7):
        self.factor = factor

    def __call__(self, epoch):
        return self.factor ** (epoch % 9)


def fall(epoch):
    return 0.95**epoch


# Each of a scheduler module and an optimizer with two groups.
EACH = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, fall),
    "LambdaLR, two": lambda s, o: s.LambdaLR(o, [fall, Decay()]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda e: 1 - 1 / (e + 2)),
    "StepLR": lambda s, o: s.StepLR(o, 7, 0.3),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 9, 9, 40], 0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.3, 11),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.3, 0.9, 11),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.97),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 30, 1.7),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 13, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 1, 0.01),
    "warm restarts, longer": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.01),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, [0.5, 0.9], 7, 5),
    "CyclicLR triangular2": lambda s, o: s.CyclicLR(o, 0.1, 0.9, 7, mode="triangular2"),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(o, 0.1, 0.9, 7, mode="exp_range", gamma=0.97),
    "CyclicLR own": lambda s, o: s.CyclicLR(o, 0.1, 0.9, 7, scale_fn=Decay(), scale_mode="cycle"),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, [0.5, 0.9], 300),
    "OneCycleLR, linear": lambda s, o: s.OneCycleLR(
        o, 0.9, epochs=30, steps_per_epoch=10, three_phase=True, anneal_strategy="linear"
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 10), s.CosineAnnealingLR(o, 20), s.ExponentialLR(o, 0.9)],
        [10, 40],
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 17)]
    ),
    "sequential of chained": lambda s, o: s.SequentialLR(
        o, [s.ChainedScheduler([s.StepLR(o, 30), s.LinearLR(o)]), s.ExponentialLR(o, 0.9)], [40]
    ),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(
        o, factor=0.9, patience=3, cooldown=2, threshold=0.1, min_lr=[0.01, 0.1]
    ),
    "plateau of a maximum": lambda s, o: s.ReduceLROnPlateau(
        o, "max", factor=0.9, patience=3, cooldown=2, threshold=0.1, threshold_mode="abs"
    ),
}  # fmt: skip
STEPS = 290


def optimizer(library=minnet, kind="SGD", **options):
    p, q = (library.nn.Parameter(library.ones(2)) for _ in range(2))
    if kind == "SGD":
        options["momentum"] = 0.9
    groups = [{"params": [p]}, {"params": [q], "lr": 0.25}]
    return getattr(library.optim, kind)(groups, lr=0.5, **options)


def options_of(optimizer):
    return [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]


def measures(scheduler, t):
    return (math.sin(t) / (1 + t / 50),) if isinstance(scheduler, ReduceLROnPlateau) else ()


def run(scheduler, start=0, stop=STEPS):
    """Return the groups' options after each step."""
    seen = []
    for t in range(start, stop):
        scheduler.optimizer.step()
        scheduler.step(*measures(scheduler, t))
        seen.append(copy.deepcopy(options_of(scheduler.optimizer)))
    return seen


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize("name", EACH)
def test_rates_are_torchs_to_the_bit_over_hundreds_of_steps(name, kind):
    torch = pytest.importorskip("torch")
    ours = EACH[name](lr_scheduler, optimizer(kind=kind))
    theirs = EACH[name](torch.optim.lr_scheduler, optimizer(torch, kind))
    assert options_of(ours.optimizer) == options_of(theirs.optimizer)
    for t in range(STEPS):
        for scheduler in (ours, theirs):
            scheduler.optimizer.step()
            scheduler.step(*measures(ours, t))
        assert ours.get_last_lr() == theirs.get_last_lr()
        assert options_of(ours.optimizer) == options_of(theirs.optimizer)
    saved, other = ours.state_dict(), theirs.state_dict()
    assert list(sorted(saved)) == list(sorted(other))
    assert {k: v for k, v in saved.items() if k != "_schedulers"} == {
        k: v for k, v in other.items() if k != "_schedulers"
    }


@pytest.mark.parametrize("name", EACH)
def test_a_training_that_goes_on_from_a_saved_state_is_the_whole_one(name, tmp_path):
    pytest.importorskip("safetensors")
    whole = run(EACH[name](lr_scheduler, optimizer()))
    first = EACH[name](lr_scheduler, optimizer())
    begun = run(first, stop=37)
    for steps in (lambda x: x, lambda x: pickle.loads(pickle.dumps(x)), saved_and_loaded(tmp_path)):
        state, states = copy.deepcopy((first.state_dict(), first.optimizer.state_dict()))
        resumed = EACH[name](lr_scheduler, optimizer())
        resumed.optimizer.load_state_dict(states)
        resumed.load_state_dict(steps(state))
        assert begun + run(resumed, start=37) == whole


def saved_and_loaded(folder):
    def through_a_file(state):
        minnet.save(state, folder / "scheduler.safetensors")
        return minnet.load(folder / "scheduler.safetensors")

    return through_a_file


@pytest.mark.parametrize("name", EACH)
def test_a_rate_that_is_a_tensor_is_filled(name):
    one, other = optimizer(), optimizer()
    for group in other.param_groups:
        group["lr"] = minnet.tensor(group["lr"], dtype=minnet.float64)
    rates = [group["lr"] for group in other.param_groups]
    a, b = EACH[name](lr_scheduler, one), EACH[name](lr_scheduler, other)
    for t in range(60):
        for scheduler in (a, b):
            scheduler.optimizer.step()
            scheduler.step(*measures(scheduler, t))
        assert all(g["lr"] is r for g, r in zip(other.param_groups, rates, strict=True))
        np.testing.assert_allclose([r.item() for r in rates], a.get_last_lr(), rtol=1e-12)
        assert [r.item() for r in b.get_last_lr()] == [r.item() for r in rates]
        assert all(r is not s for r, s in zip(b.get_last_lr(), rates, strict=True))


def single(make, steps=6, lr=1.0, **options):
    """Return the rates of a group from the start on."""
    o = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=lr, **options)
    scheduler, rates = make(o), []
    for t in range(steps):
        rates.append(scheduler.get_last_lr()[0])
        o.step()
        scheduler.step(*measures(scheduler, t))
    return rates


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: LambdaLR(o, lambda e: 1 / (e + 1)), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]),
        (lambda o: MultiplicativeLR(o, lambda e: 0.5), [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]),
        (lambda o: StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25, 0.25]),
        (lambda o: MultiStepLR(o, [1, 4, 4], 0.5), [1, 0.5, 0.5, 0.5, 0.125, 0.125]),
        (lambda o: ConstantLR(o, 0.25, 3), [0.25, 0.25, 0.25, 1, 1, 1]),
        (lambda o: LinearLR(o, 0.5, 1, 4), [0.5, 0.625, 0.75, 0.875, 1, 1]),
        (lambda o: ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]),
        (lambda o: PolynomialLR(o, 4, 2), [1, 0.5625, 0.25, 0.0625, 0, 0]),
        (
            lambda o: CosineAnnealingLR(o, 3, 0.5),
            [0.5 + 0.25 * (1 + math.cos(math.pi * t / 3)) for t in range(6)],
        ),
        (lambda o: CosineAnnealingWarmRestarts(o, 2), [1, 0.5, 1, 0.5, 1, 0.5]),
        (
            lambda o: CyclicLR(o, 1, 3, 2, cycle_momentum=False),
            [1, 2, 3, 2, 1, 2],
        ),
        (
            lambda o: OneCycleLR(
                o, 1, 6, pct_start=0.5, anneal_strategy="linear", cycle_momentum=False, div_factor=2
            ),
            [0.5, 0.75, 1, 1 - (1 - 5e-5) / 3, 1 - (1 - 5e-5) * 2 / 3, 5e-5],
        ),
    ],
)
def test_rates_by_hand(make, expected):
    np.testing.assert_allclose(single(make), expected, rtol=1e-12, atol=1e-15)


CLOSED = (
    "StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR".split()
)


@pytest.mark.parametrize("name", CLOSED)
def test_a_given_epoch_has_the_rate_that_steps_lead_to(name):
    chained = run(EACH[name](lr_scheduler, optimizer()), stop=60)
    jumping = EACH[name](lr_scheduler, optimizer())
    jumping.optimizer.step()
    for epoch in (3, 7, 1, 12, 40, 13, 26, 27, 60):
        with pytest.warns(UserWarning, match="epoch parameter in `scheduler.step"):
            jumping.step(epoch)
        expected = [group["lr"] for group in chained[epoch - 1]]
        np.testing.assert_allclose(jumping.get_last_lr(), expected, rtol=1e-12, atol=1e-15)


def test_momentum_goes_against_the_rate():
    for kind, read in (("SGD", lambda g: g["momentum"]), ("Adam", lambda g: g["betas"][0])):
        o = optimizer(kind=kind)
        scheduler = OneCycleLR(o, 1.0, 20)
        lrs, momentums = [], []
        for _ in range(20):
            lrs.append(o.param_groups[0]["lr"])
            momentums.append(read(o.param_groups[0]))
            o.step()
            scheduler.step()
        assert lrs.index(max(lrs)) == momentums.index(min(momentums)) == 5
        assert momentums[0] == momentums[-1] == 0.95


def test_plateaus_are_waited_for_and_cooldowns_not_counted():
    o = optimizer()
    scheduler = ReduceLROnPlateau(o, factor=0.5, patience=2, cooldown=2)
    rates = []
    for loss in [3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1]:
        scheduler.step(minnet.tensor(float(loss)))
        rates.append(o.param_groups[0]["lr"])
    assert rates == [0.5] * 4 + [0.25] * 5 + [0.125] * 2


def test_a_group_that_is_added_later_is_scheduled_where_no_base_is_needed():
    o = optimizer()
    steps, plateau = StepLR(o, 1, 0.5), ReduceLROnPlateau(o, factor=0.5, patience=0)
    cosine = CosineAnnealingLR(optimizer(), 3)
    o.add_param_group({"params": [minnet.nn.Parameter(minnet.ones(1))], "lr": 8.0})
    o.step()
    steps.step()
    assert steps.get_last_lr() == [0.25, 0.125, 4.0]
    plateau.step(1.0)
    plateau.step(1.0)
    assert o.param_groups[2]["lr"] == 2.0
    late = LambdaLR(optimizer(), fall)
    late.optimizer.add_param_group({"params": [minnet.nn.Parameter(minnet.ones(1))]})
    late.optimizer.step()
    before = options_of(late.optimizer), copy.deepcopy(late.state_dict())
    with pytest.raises(ValueError, match="made for 2 parameter groups, and the optimizer has 3"):
        late.step()
    assert (options_of(late.optimizer), late.state_dict()) == before
    assert cosine.get_last_lr() == [0.5, 0.25]


def test_the_order_of_both_steps_is_watched():
    def warned(*steps):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for step in steps:
                step()
        return [str(w.message) for w in seen]

    o = optimizer()
    scheduler = StepLR(o, 2)
    (message,) = warned(scheduler.step)
    assert message.startswith("Detected call of `lr_scheduler.step()` before `optimizer.step()`")
    assert warned(scheduler.step) == []
    o = optimizer()
    scheduler = StepLR(o, 2)
    assert warned(o.step, scheduler.step) == []
    o = optimizer()
    scheduler, old = StepLR(o, 2), o.step
    o.step = types.MethodType(lambda self: old(), o)
    (message,) = warned(o.step, scheduler.step)
    assert "`optimizer.step()` has been overridden" in message
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        assert scheduler.get_lr() == [0.5, 0.25]


def test_neither_keeps_the_other_in_memory():
    gc.disable()
    try:
        o = optimizer()
        scheduler = LambdaLR(o, fall)
        o.step()
        scheduler.step()
        gone = weakref.ref(scheduler), weakref.ref(o)
        del scheduler
        assert gone[0]() is None
        del o
        assert gone[1]() is None
    finally:
        gc.enable()


def test_an_own_scheduler_gives_its_rates():
    class Inverse(LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    scheduler = Inverse(optimizer())
    run(scheduler, stop=4)
    assert scheduler.get_last_lr() == [0.1, 0.05] and lr_scheduler._LRScheduler is LRScheduler
    with pytest.raises(NotImplementedError):
        LRScheduler(optimizer())


def test_a_training_begins_at_the_epoch_that_it_had_reached():
    o = optimizer()
    with pytest.raises(KeyError, match=r"'initial_lr' is not specified in param_groups\[0\]"):
        StepLR(o, 2, last_epoch=3)
    whole = run(CosineAnnealingLR(o, 10), stop=8)
    other = optimizer()
    for group, old in zip(other.param_groups, whole[4], strict=True):
        group.update(initial_lr=old["initial_lr"], lr=old["lr"])
    resumed = CosineAnnealingLR(other, 10, last_epoch=4)
    found = run(resumed, stop=3)
    lrs = [[[g["lr"] for g in step] for step in steps] for steps in (found, whole[5:])]
    np.testing.assert_allclose(*lrs, rtol=1e-12)


NO_MOMENTUM = {"cycle_momentum": False}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: StepLR([], 2), TypeError, "list is not an Optimizer"),
        (lambda o: ReduceLROnPlateau(3), TypeError, "int is not an Optimizer"),
        (lambda o: LambdaLR(o, [fall]), ValueError, "Expected 2 lr_lambdas, but got 1"),
        (lambda o: MultiplicativeLR(o, 0.5), TypeError, "should be a function, but got float"),
        (lambda o: ConstantLR(o, 1.5), ValueError, "between 0 and 1, got 1.5"),
        (lambda o: LinearLR(o, 0), ValueError, "Starting multiplicative factor .* got 0"),
        (lambda o: LinearLR(o, 0.5, 2), ValueError, "Ending multiplicative factor .* got 2"),
        (lambda o: CosineAnnealingWarmRestarts(o, 0), ValueError, "positive integer T_0.* 0"),
        (lambda o: CosineAnnealingWarmRestarts(o, 2, 1.5), ValueError, "integer T_mult.* 1.5"),
        (lambda o: CosineAnnealingWarmRestarts(o, 2, 1, "x"), ValueError, "eta_min, but got x"),
        (lambda o: CyclicLR(o, [0.1], 0.5), ValueError, "base_lr has 1 values, param_groups has 2"),
        (lambda o: CyclicLR(o, 0.1, 0.5, mode="x"), ValueError, "mode is invalid.*got 'x'"),
        (lambda o: CyclicLR(o, 0.1, 0.5, max_momentum=[1]), ValueError, "max_momentum has 1"),
        (lambda o: OneCycleLR(o, 0.1), ValueError, "either total_steps OR"),
        (lambda o: OneCycleLR(o, 0.1, 0), ValueError, "positive integer total_steps, but got 0"),
        (lambda o: OneCycleLR(o, 0.1, epochs=1.5, steps_per_epoch=2), ValueError, "epochs.* 1.5"),
        (lambda o: OneCycleLR(o, 0.1, 9, pct_start=2.0), ValueError, "pct_start, but got 2.0"),
        (lambda o: OneCycleLR(o, 0.1, 9, anneal_strategy="x"), ValueError, "instead got x"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0, got 1"),
        (lambda o: ReduceLROnPlateau(o, "x"), ValueError, "mode x is unknown"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold mode x is"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0]), ValueError, "expected 2 min_lrs, got 1"),
        (lambda o: ChainedScheduler([]), ValueError, "expects at least one scheduler"),
        (lambda o: ChainedScheduler([1]), TypeError, "at index 0 should have `optimizer`"),
        (lambda o: ChainedScheduler([ReduceLROnPlateau(o)]), ValueError, "does not support"),
        (
            lambda o: ChainedScheduler([StepLR(o, 2), StepLR(optimizer(), 2)]),
            ValueError,
            "scheduler StepLR at index 1 has SGD",
        ),
        (lambda o: SequentialLR(o, [StepLR(o, 2)], [3]), ValueError, "schedulers 1 and .* to 1"),
    ],
)
def test_what_is_wrong_is_an_error(make, error, message):
    o = optimizer()
    before = options_of(o)
    with pytest.raises(error, match=message):
        make(o)
    after = [{k: v for k, v in g.items() if k != "initial_lr"} for g in options_of(o)]
    assert after == before


def test_a_step_that_fails_changes_nothing():
    scheduler = OneCycleLR(optimizer(), 0.5, 3)
    run(scheduler, stop=3)
    before = options_of(scheduler.optimizer), copy.deepcopy(scheduler.state_dict())
    with pytest.raises(ValueError, match=r"Tried to step 4 times.* total steps is 3"):
        scheduler.step()
    assert (options_of(scheduler.optimizer), scheduler.state_dict()) == before
    with pytest.raises(ValueError, match="momentum or beta1"):
        CyclicLR(minnet.optim.Optimizer([minnet.ones(1)], {"lr": 1.0}), 0.1, 0.2)
    restarts = CosineAnnealingWarmRestarts(optimizer(), 3)
    with pytest.raises(ValueError, match="non-negative epoch, but got -1"):
        restarts.step(-1)
    assert restarts.last_epoch == 0


def test_a_state_of_another_form_is_refused():
    scheduler = LambdaLR(optimizer(), fall)
    run(scheduler, stop=2)
    before = copy.deepcopy(scheduler.state_dict())
    with pytest.raises(TypeError, match="dict-like, got <class 'int'>"):
        scheduler.load_state_dict(3)
    with pytest.raises(ValueError):
        scheduler.load_state_dict({**before, "lr_lambdas": [None], "last_epoch": 9})
    with pytest.raises(KeyError):
        scheduler.load_state_dict({"last_epoch": 9})
    assert scheduler.state_dict() == before
