"""Views, joins and indexing, against torch's answers and for minnet's own promises."""

import numpy as np
import pytest
from oracle import check, table

import minnet


@table("shape")
def test_known_answers(library, program, known):
    check(library, program, known)


VIEWS = {
    "reshape": lambda x: x.reshape(6),
    "view": lambda x: x.view(3, 2),
    "flatten": lambda x: x.flatten(),
    "t": lambda x: x.t(),
    "permute": lambda x: x.permute(1, 0),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "squeeze": lambda x: x.squeeze(),
    "expand": lambda x: x.expand(4, 2, 3),
    "element": lambda x: x[1, 2],
    "row": lambda x: x[1],
    "slice": lambda x: x[:, ::2],
    "None": lambda x: x[None],
    "chunk": lambda x: x.chunk(2)[0],
    "unbind": lambda x: x.unbind(1)[0],
    "narrow": lambda x: x.narrow(0, 0, 1),
    "bits": lambda x: x.view(minnet.int32),
}
COPIES = {
    "array": lambda x: x[[0, 1]],
    "mask": lambda x: x[x > -1],
    "clone": lambda x: x.clone(),
    "cat": lambda x: minnet.cat([x]),
    "stack": lambda x: minnet.stack([x]),
    "flip": lambda x: x.flip(0),
    "repeat": lambda x: x.repeat(1, 1),
    "tril": lambda x: x.tril(5),
    "reshape of a transpose": lambda x: x.t().reshape(6),
    "diag": lambda x: x.diag(),
    "cast": lambda x: x.double(),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_the_version_counter(name):
    x = minnet.arange(6.0).reshape(2, 3)
    y = VIEWS[name](x)
    assert np.shares_memory(x.numpy(), y.numpy())
    assert y.counter() is x.counter()


@pytest.mark.parametrize("name", COPIES)
def test_copies_do_not_share_memory(name):
    x = minnet.arange(6.0).reshape(2, 3)
    y = COPIES[name](x)
    assert not np.shares_memory(x.numpy(), y.numpy())
    assert y.counter() is not x.counter()


def test_indexing_is_as_numpys_where_no_integer_stands_beside_an_array():
    a = np.arange(60).reshape(3, 4, 5)
    x = minnet.from_numpy(a)
    i, j = np.array([[0], [2]]), np.array([1, 3, 3])
    whole = slice(None)
    for key in (0, -1, (1, 2), (..., 2), slice(1, 3), (whole, None, 1), i, (i, j), (i, slice(2)),
                (whole, i, j), (i, whole, j), (None, j - 1), a > 30, a[..., 0] > 7):  # fmt: skip
        np.testing.assert_array_equal(x[key].numpy(), a[key])


def test_a_failing_assignment_changes_nothing():
    x = minnet.zeros(2, 3)
    for key, value in ((5, 1.0), ((0, 0, 0), 1.0), (0, minnet.ones(2)), ([0, 7], 1.0)):
        with pytest.raises((IndexError, RuntimeError)):
            x[key] = value
    assert not x.any()
    assert x.counter() == [0]
