"""DataLoader: every sample once, in torch's batches, however the batch is put together."""

import threading
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minnet
from minnet.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    default_collate,
    random_split,
)

Point = namedtuple("Point", "x y")


class Items(Dataset):
    """A list as a data set."""

    def __init__(self, items):
        self.items = list(items)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        assert type(i) is int
        return self.items[i]


def pairs(n):
    return TensorDataset(minnet.arange(n * 3).reshape(n, 3).float(), minnet.arange(n))


def plain(value):
    """Return tensors inside a value as (dtype, list)."""
    if isinstance(value, minnet.Tensor):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return (
            type(value)(*map(plain, value)) if hasattr(value, "_fields") else [*map(plain, value)]
        )
    return value


# Order and batches


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 23), st.integers(1, 9), st.booleans(), st.booleans())
def test_array_and_item_datasets_give_the_same_batches(n, size, shuffle, drop_last):
    if n == 0:
        shuffle = False
    data = pairs(n)

    def batches(dataset):
        loader = DataLoader(
            dataset, size, shuffle, drop_last=drop_last, generator=minnet.Generator().manual_seed(7)
        )
        got = list(loader)
        assert len(loader) == len(got)
        return plain(got)

    fast = batches(data)
    assert fast == batches(Items(data)) == batches(Subset(data, range(n)))
    labels = [label for _, (_, batch) in fast for label in batch]
    full = n - n % size if drop_last else n
    assert len(set(labels)) == len(labels) == full
    assert all(len(batch) == size for _, (_, batch) in fast[:-1])
    if not shuffle:
        assert labels == list(range(full))
    for (_, rows), (_, batch) in fast:
        assert rows == [[3 * i, 3 * i + 1, 3 * i + 2] for i in batch]


def test_a_batch_is_a_list_of_tensors_that_share_no_memory_with_the_data():
    x = minnet.zeros(4, 2)
    (batch,) = DataLoader(TensorDataset(x), batch_size=4)
    assert type(batch) is list
    batch[0].fill_(1)
    assert x.tolist() == [[0, 0]] * 4


def test_gradients_flow_into_the_data():
    x = minnet.ones(4, 2, requires_grad=True)
    (batch,) = DataLoader(TensorDataset(x), batch_size=4)
    (batch[0] * 3).sum().backward()
    assert x.grad.tolist() == [[3, 3]] * 4


def test_each_epoch_has_its_own_order_and_a_seed_repeats_them():
    def epochs(**options):
        loader = DataLoader(pairs(50), 50, shuffle=True, **options)
        return [next(iter(loader))[1].tolist() for _ in range(3)]

    minnet.manual_seed(3)
    first = epochs()
    assert first[0] != first[1] != first[2] != first[0]
    assert all(sorted(order) == list(range(50)) for order in first)
    minnet.manual_seed(3)
    assert epochs() == first
    generator = minnet.Generator().manual_seed(3)
    assert epochs(generator=generator) == first
    assert epochs(generator=generator) != first  # it went on


def test_a_loader_with_its_own_generator_leaves_the_default_one_alone():
    minnet.manual_seed(5)
    expected = minnet.rand(3).tolist()
    minnet.manual_seed(5)
    list(DataLoader(pairs(9), 2, shuffle=True, generator=minnet.Generator()))
    list(DataLoader(pairs(9), 2))
    assert minnet.rand(3).tolist() == expected


@pytest.mark.parametrize("dataset", [pairs(6), Items(pairs(6))], ids=["array", "items"])
def test_samplers_say_what_comes_when(dataset):
    def labels(**options):
        loader = DataLoader(dataset, **options)
        got = [batch[1].tolist() for batch in loader]
        assert len(loader) == len(got)
        return got

    order = [5, 0, 0, 3, 1]
    assert labels(batch_size=2, sampler=order) == [[5, 0], [0, 3], [1]]
    assert labels(batch_size=2, sampler=order, drop_last=True) == [[5, 0], [0, 3]]
    assert labels(batch_sampler=[[1], [4, 2, 0]]) == [[1], [4, 2, 0]]


def test_a_sampler_is_read_no_further_than_needed():
    taken = []

    def endless():
        while True:
            taken.append(len(taken) % 6)
            yield taken[-1]

    batches = iter(DataLoader(pairs(6), 2, sampler=endless()))
    assert next(batches)[1].tolist() == [0, 1] and next(batches)[1].tolist() == [2, 3]
    assert len(taken) <= 6


def test_without_batches_samples_come_one_by_one():
    loader = DataLoader(Items([(np.ones(2), 3), (np.zeros(2), 4)]), batch_size=None)
    assert len(loader) == 2
    assert plain(list(loader)) == [
        [("torch.float64", [1, 1]), 3], [("torch.float64", [0, 0]), 4],
    ]  # fmt: skip


def test_one_loader_can_be_gone_through_twice_at_once():
    loader = DataLoader(Items(range(3)))
    assert [(a.item(), b.item()) for a in loader for b in loader] == [
        (a, b) for a in range(3) for b in range(3)
    ]


# The way a batch is put together


def test_collate_fn_gets_the_list_of_samples():
    loader = DataLoader(pairs(5), 2, collate_fn=lambda samples: [int(y) for _, y in samples])
    assert list(loader) == [[0, 1], [2, 3], [4]]


def test_a_subclass_that_changes_samples_is_asked_for_them():
    class Negated(TensorDataset):
        def __getitem__(self, i):
            x, y = super().__getitem__(i)
            return x, -y

    data = Negated(*pairs(4).tensors)
    for dataset in (data, Subset(data, range(4)), Subset(Subset(data, range(4)), range(4))):
        ((_, labels),) = DataLoader(dataset, batch_size=4)
        assert labels.tolist() == [0, -1, -2, -3]


def test_a_changed_subset_is_asked_for_its_samples():
    class Marked(Subset):
        def __getitem__(self, i):
            return (*super().__getitem__(i), "mark")

    ((_, labels, marks),) = DataLoader(Marked(pairs(3), [2, 1]), batch_size=2)
    assert labels.tolist() == [2, 1] and marks == ("mark", "mark")


def test_torchs_getitems_is_used():
    class Several(Items):
        def __getitems__(self, indices):
            return [self.items[i] * 10 for i in indices]

    assert [b.tolist() for b in DataLoader(Several(range(3)), 2)] == [[0, 10], [20]]


def test_splits_of_arrays_are_read_as_arrays(monkeypatch):
    data = pairs(30)
    monkeypatch.setattr(TensorDataset, "__getitem__", None)  # no sample is taken alone
    parts = random_split(data, [20, 10])
    for part in parts:
        labels = [i for _, batch in DataLoader(part, 7) for i in batch.tolist()]
        assert labels == part.indices


SAMPLES = {
    "tensors": [minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 4.0])],
    "arrays": [np.array([[1, 2]], np.int32), np.array([[3, 4]], np.int32)],
    "numpy numbers": [np.float32(1), np.float32(2)],
    "floats": [0.1, 0.2],
    "ints": [1, 2],
    "bools": [True, False],
    "strings": ["a", "b"],
    "dicts": [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}],
    "tuples": [(1, 0.5), (2, 1.5)],
    "lists": [[1, (2, 3)], [4, (5, 6)]],
    "named tuples": [Point(1, 2.0), Point(3, 4.0)],
    "one": [(1, 2)],
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_collate_does_what_torch_does(kind):
    torch = pytest.importorskip("torch")

    def theirs(sample):
        if isinstance(sample, minnet.Tensor):
            return torch.from_numpy(sample.numpy())
        return sample

    def described(value):
        if isinstance(value, torch.Tensor):
            return str(value.dtype), value.tolist()
        if isinstance(value, dict):
            return {key: described(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            parts = [*map(described, value)]
            return type(value)(*parts) if hasattr(value, "_fields") else parts
        return value

    expected = torch.utils.data.default_collate([theirs(sample) for sample in SAMPLES[kind]])
    got = default_collate(SAMPLES[kind])
    assert plain(got) == described(expected)
    assert type(got) is type(expected) or isinstance(expected, torch.Tensor)


def test_collate_gives_these_types():
    assert plain(default_collate([(1, 0.5, True), (2, 1.5, False)])) == [
        ("torch.int64", [1, 2]), ("torch.float64", [0.5, 1.5]), ("torch.bool", [True, False]),
    ]  # fmt: skip
    assert default_collate(SAMPLES["dicts"])["y"] == ["a", "b"]
    assert isinstance(default_collate(SAMPLES["named tuples"]), Point)
    assert plain(default_collate(SAMPLES["arrays"])) == ("torch.int32", [[[1, 2]], [[3, 4]]])


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ([object(), object()], TypeError, "batch must contain tensors, .*found <class 'object'>"),
        ([None], TypeError, "found <class 'NoneType'>"),
        ([np.array(["a"])], TypeError, "of dtype <U1"),
        ([(1, 2), (1,)], RuntimeError, "each element in list of batch should be of equal size"),
        ([minnet.zeros(2), minnet.zeros(3)], RuntimeError, r"equal size, .* \[2\] .* \[3\]"),
    ],
)
def test_collate_refuses_what_does_not_fit(samples, error, message):
    with pytest.raises(error, match=message):
        list(DataLoader(Items(samples), batch_size=len(samples)))


# Options

REFUSED = [
    ({"batch_size": 0}, "batch_size should be a positive integer value, but got batch_size=0"),
    ({"batch_size": -1}, "batch_size should be a positive integer value, but got batch_size=-1"),
    ({"batch_size": 2.0}, "batch_size should be a positive integer value, but got batch_size=2.0"),
    ({"batch_size": True}, "batch_size should be a positive integer value, but got batch_size=Tr"),
    ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
    ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive with"),
    ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler option is mutually exclusive with"),
    ({"batch_sampler": [[0]], "sampler": [0]}, "batch_sampler option is mutually exclusive with"),
    ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option is mutually exclusive wi"),
    ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching and"),
    ({"num_workers": -1}, "num_workers option should be non-negative; use num_workers=0"),
    ({"timeout": -1}, "timeout option should be non-negative"),
    ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
    ({"prefetch_factor": -1, "num_workers": 1}, "prefetch_factor option should be non-negative"),
    ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
    (
        {"multiprocessing_context": "fork"},
        "multiprocessing_context can only be used with multi-pro",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError) as error:
        DataLoader(pairs(4), **options)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_torch_refuses_them_with_the_same_words(options, message):
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError) as error:
        torch.utils.data.DataLoader(range(4), **options)
    assert str(error.value).startswith(message)


def test_an_empty_dataset_cannot_be_shuffled():
    with pytest.raises(ValueError, match="num_samples should be a positive integer value"):
        DataLoader(pairs(0), shuffle=True)
    assert list(DataLoader(pairs(0))) == []


@pytest.mark.parametrize("dataset", [(x for x in "ab"), {1, 2}, 5])
def test_a_dataset_must_have_a_length_and_be_indexable(dataset):
    with pytest.raises(TypeError, match="expects a dataset with __getitem__ and __len__, got"):
        DataLoader(dataset)


def test_workers_are_accepted_and_said_to_do_nothing():
    with pytest.warns(UserWarning, match="num_workers=2 has no effect"):
        loader = DataLoader(
            pairs(4), 2, True, num_workers=2, pin_memory=True, persistent_workers=True,
            prefetch_factor=2, worker_init_fn=print, generator=minnet.Generator(),
        )  # fmt: skip
    alone = DataLoader(pairs(4), 2, True, generator=minnet.Generator())
    assert plain(list(loader)) == plain(list(alone))


# Streams


class Stream(IterableDataset):
    """Numbers one after another, of which some fail."""

    def __init__(self, n, failing=()):
        self.n, self.failing = n, failing

    def __iter__(self):
        return map(self.sample, range(self.n))

    def sample(self, i):
        if i in self.failing:
            raise KeyError(i)
        return i


@pytest.mark.parametrize("n", [0, 1, 5, 6])
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_stream_comes_in_batches_as_in_torch(n, drop_last):
    data = pytest.importorskip("torch").utils.data

    class Theirs(data.IterableDataset):
        def __iter__(self):
            return iter(range(n))

    ours = [x.tolist() for x in DataLoader(Stream(n), 3, drop_last=drop_last)]
    assert ours == [x.tolist() for x in data.DataLoader(Theirs(), 3, drop_last=drop_last)]


def test_a_stream_without_batches_comes_sample_by_sample():
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]


def test_the_length_of_a_stream_is_that_it_gives():
    class Sized(Stream):
        def __len__(self):
            return self.n

    assert len(DataLoader(Sized(5), 2)) == 3 and len(DataLoader(Sized(5), 2, drop_last=True)) == 2
    assert len(DataLoader(Sized(5), None)) == 5
    with pytest.raises(TypeError):
        len(DataLoader(Stream(5), 2))


@pytest.mark.parametrize("size", [3, None])
@pytest.mark.parametrize("where", ["stream", "sampler", "batch sampler"])
def test_what_users_draw_comes_when_it_comes_in_torch(where, size):
    torch = pytest.importorskip("torch")

    def program(library):
        data = library.utils.data

        class Drawn(data.IterableDataset if where == "stream" else data.Sampler):
            def __iter__(self):
                order = library.randperm(10).tolist()
                return iter([order[:4], order[4:]] if where == "batch sampler" else order)

        if where == "stream":
            loader = data.DataLoader(Drawn(), size)
        elif where == "sampler":
            loader = data.DataLoader(range(10), size, sampler=Drawn())
        else:
            loader = data.DataLoader(range(10), batch_sampler=Drawn())
        batches = [[x] if isinstance(x, int) else x.tolist() for _ in range(2) for x in loader]
        return batches, library.rand(2).tolist()

    minnet.manual_seed(5, engine="torch")
    torch.manual_seed(5)
    assert program(minnet) == program(torch)


@pytest.mark.parametrize("option", ["shuffle", "sampler", "batch_sampler"])
def test_a_stream_has_its_own_order(option):
    with pytest.raises(ValueError, match=f"IterableDataset: expected unspecified {option} option"):
        DataLoader(Stream(3), **{option: True if option == "shuffle" else [[0]]})
    assert len(list(DataLoader(Stream(3), shuffle=False))) == 3


# After an error

WAYS = {
    "samples": lambda data: DataLoader(data, 1),
    "shuffled": lambda data: DataLoader(data, 1, shuffle=True),
    "without batches": lambda data: DataLoader(data, None),
    "sampler": lambda data: DataLoader(data, 1, sampler=range(4)),
    "batch sampler": lambda data: DataLoader(data, batch_sampler=[[0], [1], [2], [3]]),
    "a subset": lambda data: DataLoader(Subset(data, range(4)), 1),
    "collating": lambda data: DataLoader(range(4), 1, collate_fn=lambda batch: data[batch[0]]),
    "stream": lambda data: DataLoader(Stream(4, failing=[1]), 1),
    "stream without batches": lambda data: DataLoader(Stream(4, failing=[1]), None),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_loader_goes_on_after_a_sample_that_raised(way):
    class Failing(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            if i == 1:
                raise KeyError("bad")
            return i

    batches, came = iter(WAYS[way](Failing())), []
    threads = threading.active_count()
    for _ in range(5):
        try:
            came.append(int(next(batches)))
        except KeyError:
            came.append("error")
        except StopIteration:
            came.append("end")
    if way == "shuffled":
        assert sorted(map(str, came)) == ["0", "2", "3", "end", "error"] and came[-1] == "end"
    else:
        assert came == [0, "error", 2, 3, "end"]
    assert threading.active_count() == threads


# What a loader says of itself


def test_the_parts_of_a_loader_are_there_and_stay():
    loader = DataLoader(range(6), 2, shuffle=True)
    assert len(loader.sampler) == 6 and loader.batch_sampler.sampler is loader.sampler
    assert type(loader.sampler) is minnet.data.RandomSampler
    assert type(DataLoader(range(6)).sampler) is minnet.data.SequentialSampler
    assert DataLoader(range(6), None).batch_sampler is None
    for name in ("batch_size", "batch_sampler", "dataset", "drop_last", "sampler"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set after"):
            setattr(loader, name, None)
    loader.collate_fn = list
    assert len(next(iter(loader))) == 2


def test_a_sampler_can_do_without_the_length_of_the_data():
    class Endless(Dataset):
        def __getitem__(self, i):
            return i

    assert [x.tolist() for x in DataLoader(Endless(), 2, sampler=[5, 7, 9])] == [[5, 7], [9]]
    with pytest.raises(TypeError, match="got Endless without __len__"):
        DataLoader(Endless())
