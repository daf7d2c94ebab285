"""Recurrent bricks against torch's own nets and its packed sequences."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from jetlego.bricks.build import build
from jetlego.bricks.recurrent import GRU, LSTM, RNN, turned

COUNTS = torch.tensor([6, 2, 1, 4])
MASK = torch.arange(6) < COUNTS.unsqueeze(1)
X = torch.randn(4, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("cls", [RNN, GRU, LSTM])
def test_equals_torch_on_packed_sequences(cls, both_ways):
    torch.manual_seed(1)
    net = cls.kind(3, 5, 2, batch_first=True, bidirectional=both_ways, dtype=torch.float64)
    mine = cls.from_torch(net)
    packed, end = net(pack_padded_sequence(X, COUNTS, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True)
    torch.testing.assert_close(mine(X, MASK), expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(mine(X), net(X)[0], rtol=0, atol=1e-14)
    mine.last = True
    h = end[0] if cls is LSTM else end
    last = h[-2:].permute(1, 0, 2).flatten(1) if both_ways else h[-1]
    torch.testing.assert_close(mine(X, MASK), last, rtol=0, atol=1e-14)


@pytest.mark.parametrize("cls", [RNN, GRU, LSTM])
def test_the_state_carries_on_from_each_rows_own_end(cls):
    torch.manual_seed(2)
    net = cls(in_dim=3, hidden=5, layers=2).double()
    _, state = net.run(X, MASK)
    more = torch.randn(4, 3, 3, dtype=torch.float64)
    steps = []
    carried = state
    for t in range(3):
        y, carried = net.step(more[:, t], carried)
        steps.append(y)
    for row, count in enumerate(COUNTS):
        whole = net(torch.cat([X[row : row + 1, :count], more[row : row + 1]], 1))[:, count:]
        torch.testing.assert_close(torch.stack(steps, 1)[row : row + 1], whole, rtol=0, atol=1e-13)
    torch.testing.assert_close(net(more, None, state), torch.stack(steps, 1), rtol=0, atol=1e-13)
    nothing = torch.zeros(4, 6, dtype=torch.bool)
    for before, after in zip(state, net.run(X, nothing, state)[1], strict=True):
        assert torch.equal(before, after)


def test_rows_turn_within_their_length():
    x = torch.arange(12.0).reshape(2, 6, 1)
    found = turned(x, torch.arange(6) < torch.tensor([[3], [6]])).squeeze(-1)
    assert found.tolist() == [[2, 1, 0, 3, 4, 5], [11, 10, 9, 8, 7, 6]]


def test_both_ways_have_no_step():
    with pytest.raises(ValueError, match="reads the whole sequence"):
        GRU(in_dim=2, bidirectional=True).step(torch.zeros(1, 2))


def test_a_chain_ends_with_the_last_state():
    spec = {"brick": "chain", "parts": [{"brick": "lstm", "hidden": 4, "last": True}, {"brick": "mlp", "hidden": [3]}]}
    chain = build(spec, in_dim=3, out_dim=2).double()
    assert chain(X, MASK).shape == (4, 2)
    packed, ptr = X[MASK], torch.cat([torch.zeros(1, dtype=torch.int64), COUNTS.cumsum(0)])
    torch.testing.assert_close(chain(packed, ptr=ptr, n_max=6), chain(X, MASK))


def test_forget_gates_start_open():
    net = build("lstm", in_dim=2, hidden=3, seed=1)
    assert (net.onward[0].bias_ih_l0[3:6] + net.onward[0].bias_hh_l0[3:6] == 1).all()


def test_only_plain_nets_are_taken_over():
    with pytest.raises(ValueError, match="projection"):
        LSTM.from_torch(nn.LSTM(2, 4, proj_size=2))
