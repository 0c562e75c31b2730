"""Samplers: which indices come, and what is refused in torch's words."""

import numpy as np
import pytest

import minnet
from minnet.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

draws_by_weight = pytest.mark.skipif(
    "multinomial" not in vars(minnet), reason="there is no multinomial"
)


def test_in_order():
    assert list(SequentialSampler("abc")) == [0, 1, 2] and len(SequentialSampler("abc")) == 3


def test_a_random_order_has_every_index_once():
    sampler = RandomSampler(range(100))
    orders = [list(sampler) for _ in range(3)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert orders[0] != orders[1] != orders[2] and len(sampler) == 100
    assert all(type(i) is int for i in orders[0])


def test_more_samples_than_there_are_begin_a_further_order():
    order = list(RandomSampler(range(10), num_samples=25))
    for start in (0, 10):
        assert sorted(order[start : start + 10]) == list(range(10))
    assert len(order) == 25 and len(set(order[20:])) == 5


def test_with_replacement_all_indices_are_equally_likely():
    order = list(RandomSampler(range(5), replacement=True, num_samples=10_000))
    assert len(order) == 10_000
    np.testing.assert_allclose(np.bincount(order), 2000, atol=200)


def test_the_number_of_samples_follows_the_data():
    items = [1, 2, 3]
    sampler = RandomSampler(items)
    items.append(4)
    assert sampler.num_samples == 4 and sorted(sampler) == [0, 1, 2, 3]


def test_a_subset_in_random_order():
    sampler = SubsetRandomSampler([5, 3, 8])
    assert sorted(sampler) == [3, 5, 8] and len(sampler) == 3


def test_a_generator_repeats_an_order():
    for make in (
        lambda g: RandomSampler(range(50), generator=g),
        lambda g: RandomSampler(range(50), replacement=True, generator=g),
        lambda g: SubsetRandomSampler(range(50), generator=g),
    ):
        first, same, other = (list(make(minnet.Generator(seed=s))) for s in (1, 1, 2))
        assert first == same != other


@pytest.mark.parametrize("sampler", [range(7), SequentialSampler(range(7)), iter(range(7))])
def test_batches_of_a_sampler(sampler):
    assert list(BatchSampler(sampler, 3, False)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_the_last_batch_is_left_out_where_it_is_not_full():
    for n in (6, 7, 8):
        batches = BatchSampler(SequentialSampler(range(n)), 3, True)
        assert list(batches) == [[0, 1, 2], [3, 4, 5]] and len(batches) == 2
        assert len(BatchSampler(range(n), 3, False)) == len(list(BatchSampler(range(n), 3, False)))


def test_batches_go_on_from_one_order_into_the_next():
    sampler = RandomSampler(range(10), num_samples=30, generator=minnet.Generator(seed=0))
    batches = list(BatchSampler(sampler, 4, False))
    again = RandomSampler(range(10), num_samples=30, generator=minnet.Generator(seed=0))
    assert [len(batch) for batch in batches] == [4] * 7 + [2] and [
        i for batch in batches for i in batch
    ] == list(again)


def test_a_subclass_that_changes_the_order_is_asked_for_it():
    class Backwards(SequentialSampler):
        def __iter__(self):
            return reversed(range(len(self)))

    assert list(BatchSampler(Backwards("abc"), 2, False)) == [[2, 1], [0]]
    loader = minnet.data.DataLoader(range(3), 2, sampler=Backwards("abc"))
    assert [x.tolist() for x in loader] == [[2, 1], [0]]


def test_a_sampler_must_say_how_to_iterate():
    with pytest.raises(NotImplementedError, match="should implement __iter__"):
        iter(Sampler())
    with pytest.raises(TypeError):
        len(Sampler())


@draws_by_weight
@pytest.mark.parametrize("replacement", [False, True])
def test_weights_say_how_often(replacement):
    sampler = WeightedRandomSampler([0, 1, 0, 1], 2, replacement)
    assert len(sampler) == 2 and set(sampler) <= {1, 3}
    if not replacement:
        assert sorted(sampler) == [1, 3]
    else:
        drawn = list(WeightedRandomSampler([1.0, 3.0], 10_000))
        assert sum(drawn) == pytest.approx(7500, abs=250)


@draws_by_weight
@pytest.mark.parametrize("replacement", [False, True])
def test_weighted_draws_are_torchs(replacement):
    torch = pytest.importorskip("torch")
    weights = np.random.default_rng(0).random(50).tolist()
    for seed in (0, 7):
        minnet.manual_seed(seed, engine="torch")
        torch.manual_seed(seed)
        theirs = torch.utils.data.WeightedRandomSampler(weights, 20, replacement)
        assert list(WeightedRandomSampler(weights, 20, replacement)) == list(theirs)


REFUSED = {
    "RandomSampler": [("abc", 1), ("abc", False, 0), ("abc", False, 1.5), ("",)],
    "WeightedRandomSampler": [([1], 0), ([1], True), ([1], 2.0), ([1], 1, 0), ([[1]], 1)],
    "BatchSampler": [([0], 0, False), ([0], True, False), ([0], 1.0, False), ([0], 1, 0)],
}


@pytest.mark.parametrize(
    ("name", "arguments"), [(name, args) for name, cases in REFUSED.items() for args in cases]
)
def test_what_makes_no_sense_is_refused_as_by_torch(name, arguments):
    with pytest.raises((TypeError, ValueError)) as ours:
        getattr(minnet.data, name)(*arguments)
    data = pytest.importorskip("torch").utils.data
    with pytest.raises(type(ours.value)) as theirs:
        getattr(data, name)(*arguments)
    assert str(ours.value) == str(theirs.value)
