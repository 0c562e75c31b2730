"""Data sets: torch's samples, and torch's refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minnet
from minnet.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


def test_tensor_dataset_gives_tuples_of_rows():
    x, y = minnet.arange(6).reshape(3, 2), minnet.tensor([0.5, 1.5, 2.5])
    data = TensorDataset(x, y)
    assert len(data) == 3 and data.tensors == (x, y)
    for i in (0, 2, -1):
        row, value = data[i]
        assert row.tolist() == x[i].tolist() and value.item() == y[i].item()
    assert [tuple(part.tolist() for part in sample) for sample in data] == [
        ([0, 1], 0.5), ([2, 3], 1.5), ([4, 5], 2.5),
    ]  # fmt: skip
    assert data[1:][0].tolist() == [[2, 3], [4, 5]]
    with pytest.raises(IndexError):
        data[3]


@pytest.mark.parametrize(
    ("tensors", "error", "message"),
    [
        ([], ValueError, "at least one tensor"),
        ([minnet.zeros(3), minnet.zeros(2)], ValueError, r"Size mismatch .* got \[3, 2\]"),
        ([minnet.tensor(1.0)], ValueError, r"shape \[\]"),
        ([np.zeros(3)], TypeError, "got ndarray; minnet.as_tensor"),
    ],
)
def test_tensor_dataset_refuses_what_has_no_common_length(tensors, error, message):
    with pytest.raises(error, match=message):
        TensorDataset(*tensors)


def test_a_dataset_must_say_how_to_index():
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError):
        len(Dataset())


def test_subset_maps_indices():
    part = Subset(TensorDataset(minnet.arange(10)), [7, 3, 5])
    assert len(part) == 3 and [sample.item() for (sample,) in part] == [7, 3, 5]
    assert part[-1][0].item() == 5
    assert part[[0, 2]][0].tolist() == [7, 5]
    deeper = Subset(part, [2, 0])
    assert [sample.item() for (sample,) in deeper] == [5, 7]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=5), st.integers(0, 2**64 - 1))
def test_a_split_is_a_partition(lengths, seed):
    total = sum(lengths)
    if total == 1:  # which torch, too, reads as fractions
        return
    parts = random_split(range(total), lengths, minnet.Generator().manual_seed(seed))
    assert [len(part) for part in parts] == lengths
    assert sorted(i for part in parts for i in part.indices) == list(range(total))


def test_a_split_depends_on_the_generator_alone():
    def split(seed):
        parts = random_split(range(100), [60, 40], minnet.Generator().manual_seed(seed))
        return [part.indices for part in parts]

    assert split(1) == split(1) != split(2)
    minnet.manual_seed(1)
    assert [part.indices for part in random_split(range(100), [60, 40])] == split(1)


@pytest.mark.parametrize(
    ("n", "fractions", "expected"),
    [(10, [0.5, 0.5], [5, 5]), (11, [0.3, 0.3, 0.4], [4, 3, 4]), (7, [0.9, 0.1], [7, 0])],
)
@pytest.mark.filterwarnings("ignore:Length of split")
def test_fractions_are_rounded_down_and_the_rest_dealt_out(n, fractions, expected):
    assert [len(part) for part in random_split(range(n), fractions)] == expected


def test_an_empty_part_of_a_split_by_fractions_is_warned_of():
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(3), [0.99, 0.01])


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"Sum of input lengths does not equal .* Expected 5"):
        random_split(range(5), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(range(5), [1.5, -0.5])


@pytest.mark.parametrize("fractions", [[0.5, 0.5], [0.3, 0.3, 0.4], [0.17, 0.83], [1 / 3] * 3])
def test_fractions_give_torchs_lengths(fractions):
    split = pytest.importorskip("torch").utils.data.random_split
    for n in (0, 1, 2, 10, 101):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.warn", lambda *args, **kwargs: None)
            ours = [len(part) for part in random_split(range(n), fractions)]
            theirs = [len(part) for part in split(range(n), fractions)]
        assert ours == theirs


# Data sets made of others, and data sets without an index


class Lines(IterableDataset):
    """A list as an iterable data set."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)


def test_concatenated_data_sets_are_indexed_through():
    both = TensorDataset(minnet.arange(2)) + TensorDataset(minnet.arange(3)) + ["end"]
    assert type(both) is ConcatDataset and len(both) == 6
    assert [both[i] for i in (5, -1)] == ["end", "end"]
    assert [both[i][0].item() for i in (0, 1, 2, 4, -2, -6)] == [0, 1, 0, 2, 2, 0]
    with pytest.raises(IndexError, match="index 6 is out of range for 6 samples"):
        both[6]
    with pytest.raises(ValueError, match="absolute value of index should not exceed"):
        both[-7]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="ChainDataset joins such"):
        ConcatDataset([Lines([1])])


def test_empty_data_sets_within_a_concatenation_are_passed_over():
    assert list(ConcatDataset([[], [1], [], [2, 3], []])) == [1, 2, 3]


def test_chained_data_sets_come_one_after_another():
    both = Lines([1, 2]) + Lines([3])
    assert type(both) is ChainDataset and len(both) == 3 and list(both) == [1, 2, 3]
    assert [x.tolist() for x in DataLoader(both, batch_size=2)] == [[1, 2], [3]]
    wrong = ChainDataset([Lines([1]), [2]])
    with pytest.raises(AssertionError, match="only supports IterableDataset, got list"):
        list(wrong)
    with pytest.raises(AssertionError, match="only supports IterableDataset, got list"):
        len(wrong)


def test_stacked_data_sets_give_their_samples_side_by_side():
    assert list(StackDataset("ab", [1, 2])) == [("a", 1), ("b", 2)]
    named = StackDataset(x="ab", y=[1, 2])
    assert len(named) == 2 and named[1] == {"x": "b", "y": 2}
    for args, kwargs in [
        ((), {}),
        (("ab",), {"x": "ab"}),
        (("ab", "a"), {}),
        ((), {"x": "", "y": "a"}),
    ]:
        with pytest.raises(
            ValueError, match=r"Size mismatch|expects data sets, all of them by name"
        ):
            StackDataset(*args, **kwargs)


def test_a_subset_hands_on_torchs_getitems():
    class Several(Dataset):
        def __getitems__(self, indices):
            return [10 * i for i in indices]

    assert Subset(Several(), [4, 5, 6]).__getitems__([2, 0]) == [60, 40]
    assert Subset("abc", [2, 1]).__getitems__([1, 0]) == ["b", "c"]


def test_a_stream_cannot_be_without_iter_and_has_no_index():
    class Nothing(IterableDataset):
        pass

    with pytest.raises(NotImplementedError, match="should implement __iter__"):
        iter(Nothing())
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        Nothing()[0]


@pytest.mark.parametrize(
    "generic", [Dataset, IterableDataset, Subset, ConcatDataset, Sampler, DataLoader]
)
def test_types_can_be_named(generic):
    """`DataLoader[...]` as an annotation, `Dataset[...]` as a base."""
    assert generic[int] is not None

    class Own(generic[tuple[minnet.Tensor, int]]):
        pass

    assert issubclass(Own, generic)


def test_one_module_under_both_names():
    from minnet.utils.data.dataloader import default_collate
    from minnet.utils.data.dataset import random_split as split
    from minnet.utils.data.sampler import SubsetRandomSampler

    import minnet.utils.data as theirs
    from minnet.utils.data import DataLoader as Loader

    assert theirs is minnet.data is minnet.utils.data
    assert (Loader, default_collate) == (minnet.data.DataLoader, minnet.data.default_collate)
    assert (split, SubsetRandomSampler) == (random_split, minnet.data.SubsetRandomSampler)
    assert minnet.utils.data.get_worker_info() is None
