"""Pointers: what they choose is a distribution over real items, and turns with them."""

import pytest
import torch

from jetlego.bricks.pointer import IMPOSSIBLE, Pointer

MASK = torch.tensor([[True] * 5, [True, True, True, False, False], [False] * 5])
X = torch.randn(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * MASK.unsqueeze(-1)
TARGET = torch.tensor([[4, 0, 2, -1], [1, 0, -1, -1], [-1, -1, -1, -1]])


def made(**how):
    torch.manual_seed(0)
    return Pointer(in_dim=4, **how).double()


@pytest.mark.parametrize("how", [{}, {"no_repeat": False}, {"closed": True}, {"hidden": 6, "kind": "general"}])
def test_probabilities_sum_to_one_over_what_may_be_chosen(how):
    log_prob = made(**how)(X, MASK, TARGET)
    assert log_prob.shape == (3, 4, 6)
    torch.testing.assert_close(log_prob.exp().sum(-1), torch.ones(3, 4, dtype=torch.float64))
    forbidden = torch.cat([torch.zeros(3, 1, dtype=torch.bool), ~MASK], 1).unsqueeze(1).expand_as(log_prob)
    assert (log_prob.exp()[forbidden] == 0).all()
    without = made(end_token=False, **how)(X[:2], MASK[:2], TARGET[:2, :2])
    assert (without[..., 0] == IMPOSSIBLE).all()


def test_no_item_twice_but_the_first_one_closes():
    taken = made()(X, MASK, TARGET)
    assert (taken[0, 3, [5, 1, 3]] == IMPOSSIBLE).all()
    assert (taken[0, 0] > IMPOSSIBLE).all()
    closing = made(closed=True)(X, MASK, TARGET)
    assert closing[0, 3, 5] > IMPOSSIBLE
    assert (closing[0, 3, [1, 3]] == IMPOSSIBLE).all()
    assert closing[0, 2, 5] == IMPOSSIBLE


def test_permuting_the_items_permutes_the_columns():
    order = torch.tensor([3, 1, 4, 0, 2])
    model = made()
    turned = model(X[:1, order], MASK[:1], order.argsort()[TARGET[:1].clamp(min=0)].masked_fill(TARGET[:1] < 0, -1))
    torch.testing.assert_close(turned[..., 1:], model(X[:1], MASK[:1], TARGET[:1])[..., 1:][..., order])


def test_more_padding_moves_nothing():
    model = made()
    longer = torch.cat([X, torch.full((3, 2, 4), torch.nan, dtype=torch.float64)], 1)
    mask = torch.cat([MASK, torch.zeros(3, 2, dtype=torch.bool)], 1)
    torch.testing.assert_close(model(longer, mask, TARGET)[..., :6], model(X, MASK, TARGET))


@pytest.mark.parametrize("how", [{}, {"no_repeat": False}, {"closed": True}, {"end_token": False}])
@pytest.mark.parametrize("drawn", [False, True])
def test_what_was_chosen_is_rescored_to_the_same(how, drawn):
    model = made(**how)
    generator = torch.Generator().manual_seed(1) if drawn else None
    choices, log_prob = model.choose(X, MASK, steps=6, generator=generator)
    again = model(X, MASK, choices).gather(2, (choices + 1).unsqueeze(-1)).squeeze(-1)
    over = (choices < 0).long().cumsum(1)
    live = over <= 1 if how.get("end_token", True) else over == 0
    torch.testing.assert_close(log_prob[live], again[live])
    assert (log_prob[~live] == 0).all()
    for row, count in zip(choices.tolist(), MASK.sum(1).tolist(), strict=True):
        items = [c for c in row if c >= 0]
        assert all(c < count for c in items)
        if how.get("no_repeat", True) and not how.get("closed"):
            assert len(set(items)) == len(items)
    if not drawn and how.get("end_token", True):
        assert (choices == model.choose(X, MASK, steps=6)[0]).all()


def test_drawn_choices_follow_the_probabilities():
    model = made()
    x, mask = X[:1].expand(4000, -1, -1), MASK[:1].expand(4000, -1)
    choices, _ = model.choose(x, mask, steps=1, generator=torch.Generator().manual_seed(2))
    share = torch.bincount(choices[:, 0] + 1, minlength=6) / 4000
    expected = model(X[:1], MASK[:1], TARGET[:1, :1])[0, 0].exp()
    assert (share - expected).abs().max() < 0.03


def test_pointer_needs_a_target():
    with pytest.raises(ValueError, match="needs the choices"):
        made()(X, MASK)
