"""Sequences of several lengths, against torch."""

from __future__ import annotations

import pytest

import minnet
from minnet.nn.utils.rnn import pad_sequence, unpad_sequence


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["right", "left"])
def test_padded_sequences_are_torchs_and_come_back(batch_first, side):
    torch = pytest.importorskip("torch")
    data = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]], [[7.0, 8.0]] * 3]
    ours, theirs = ([library.tensor(rows) for rows in data] for library in (minnet, torch))
    want = torch.nn.utils.rnn.pad_sequence(theirs, batch_first, -1.0, side)
    found = pad_sequence(ours, batch_first, -1.0, side)
    assert found.tolist() == want.tolist()
    if side == "right":
        back = unpad_sequence(found, minnet.tensor([2, 1, 3]), batch_first)
        assert [row.tolist() for row in back] == data


def test_gradients_flow_into_the_sequences():
    rows = [minnet.ones(n, requires_grad=True) for n in (2, 3)]
    (pad_sequence(rows) * minnet.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).sum().backward()
    assert [row.grad.tolist() for row in rows] == [[1.0, 3.0], [2.0, 4.0, 6.0]]


def test_what_cannot_be_padded_is_refused():
    with pytest.raises(RuntimeError, match="empty list"):
        pad_sequence([])
    with pytest.raises(RuntimeError, match="first dim alone"):
        pad_sequence([minnet.ones(2, 3), minnet.ones(2, 4)])
    with pytest.raises(RuntimeError, match="padding_side"):
        pad_sequence([minnet.ones(2)], padding_side="middle")
    with pytest.raises(ValueError, match="zip"):
        unpad_sequence(minnet.ones(2, 3), [2])
