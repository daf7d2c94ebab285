"""Packed = padded, exactly; nothing leaks from the padding."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.special
import torch

from jetlego.bricks.masks import (
    blank,
    masked_softmax,
    pack,
    pad,
    padded_mask,
    per_item,
    segment_index,
    set_max,
    set_mean,
    set_softmax,
    set_sum,
    unpad,
)  # fmt: skip

COUNTS = [3, 0, 5, 1, 0]
PTR = torch.tensor(np.concatenate([[0], np.cumsum(COUNTS)]))
TOTAL = int(PTR[-1])


def packed(*shape):
    return torch.randn(TOTAL, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def loop(x, function):
    """Reduce set by set in numpy; an empty set gives zeros."""
    rows = [x[a:b].numpy() for a, b in pairwise(PTR.tolist())]
    return torch.tensor(np.stack([function(r) if len(r) else np.zeros(x.shape[1:]) for r in rows]))


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
@pytest.mark.parametrize("n_max", [5, 9])
def test_pad_and_pack_are_inverse(shape, n_max):
    x = packed(*shape)
    padded, mask = pad(x, PTR, n_max), padded_mask(PTR, n_max)
    assert padded.shape == (5, n_max, *shape)
    assert mask.sum(1).tolist() == COUNTS
    assert torch.equal(pack(padded, mask, TOTAL), x)
    assert torch.equal(unpad(padded, PTR, TOTAL), x)
    assert (padded[~mask] == 0).all()


def test_pad_cuts_long_sets_and_gives_them_no_gradient():
    x = packed(2).requires_grad_()
    padded = pad(x, PTR, 2)
    assert torch.equal(padded[2], x[3:5])
    padded.sum().backward()
    assert x.grad[:, 0].tolist() == [1, 1, 0, 1, 1, 0, 0, 0, 1]


def test_pack_with_holes_in_the_mask():
    x, mask = torch.arange(6.0).reshape(2, 3), torch.tensor([[True, False, True], [False, True, False]])
    assert pack(x, mask, 3).tolist() == [0, 2, 4]


def test_no_items_at_all():
    ptr, x = torch.zeros(3, dtype=torch.int64), torch.zeros(0, 4)
    assert pad(x, ptr, 2).abs().sum() == 0
    assert set_sum(x, ptr=ptr).shape == set_max(x, ptr=ptr).shape == set_mean(x, ptr=ptr).shape == (2, 4)
    assert set_softmax(x, ptr=ptr).shape == (0, 4)
    assert segment_index(ptr, 0).shape == (0,)


@pytest.mark.parametrize(
    ("ours", "numpy"), [(set_sum, lambda r: r.sum(0)), (set_mean, lambda r: r.mean(0)), (set_max, lambda r: r.max(0))]
)
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_reductions_equal_a_loop(ours, numpy, shape):
    x, expected = packed(*shape), loop(packed(*shape), numpy)
    spoiled = pad(x, PTR, 7).masked_fill(~padded_mask(PTR, 7).reshape(5, 7, *(1,) * len(shape)), torch.nan)
    torch.testing.assert_close(ours(x, ptr=PTR), expected)
    torch.testing.assert_close(ours(spoiled, padded_mask(PTR, 7)), expected)


def test_softmax_equals_scipy_and_empty_rows_are_zero():
    x = packed()
    weights = set_softmax(x, ptr=PTR)
    expected = np.concatenate([scipy.special.softmax(x[a:b].numpy()) for a, b in pairwise(PTR.tolist()) if b > a])
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-14)
    padded = pad(x, PTR, 6).requires_grad_()
    dense = set_softmax(padded, padded_mask(PTR, 6))
    torch.testing.assert_close(pack(dense, padded_mask(PTR, 6), TOTAL), weights)
    assert (dense[1] == 0).all()
    dense.square().sum().backward()
    assert torch.isfinite(padded.grad).all()
    assert (padded.grad[1] == 0).all()


def test_half_precision_softmax_keeps_its_dtype_and_its_sum():
    score = torch.linspace(-30, 30, 400).to(torch.bfloat16)
    weight = masked_softmax(score, torch.ones(400, dtype=torch.bool))
    assert weight.dtype == torch.bfloat16
    assert abs(weight.float().sum().item() - 1) < 0.01


def test_blank_stops_nan_and_gradient():
    x = torch.full((1, 2, 3), torch.nan)
    x[0, 0] = 1
    x.requires_grad_()
    mask = torch.tensor([[True, False]])
    (blank(x, mask) * 2).sum().backward()
    assert x.grad.tolist() == [[[2, 2, 2], [0, 0, 0]]]


def test_per_item_both_views():
    value, x = torch.arange(5.0).unsqueeze(1), packed(1)
    assert per_item(value, x, PTR)[:, 0].tolist() == [0, 0, 0, 2, 2, 2, 2, 2, 3]
    assert torch.equal(per_item(value, torch.zeros(5, 3, 1)), value.unsqueeze(1).expand(5, 3, 1))


@pytest.mark.parametrize("reduce", [set_sum, set_mean, set_max, set_softmax])
def test_gradients(reduce):
    x = packed(2).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: reduce(v, ptr=PTR), (x,))
    dense, mask = pad(x.detach(), PTR, 5).requires_grad_(), padded_mask(PTR, 5)
    assert torch.autograd.gradcheck(lambda v: reduce(v, mask), (dense,))
