"""Soft ranks, sorting, top-k and quantiles: hard limits, weights as multiplicity, and two ways to the gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlego.bricks.ot import soft_quantile, soft_rank, soft_sort, soft_topk
from jetlego.bricks.sinkhorn import column_plan, potentials, row_plan

SHARP = {"epsilon": 2e-4}


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def hard_rank(x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(x.numpy().argsort(-1).argsort(-1) + 1.0)


def spread(rows: int, items: int, seed: int = 0) -> torch.Tensor:
    """Return values at least 0.3 apart, in random order."""
    rng = np.random.default_rng(seed)
    grid = np.arange(items) + rng.uniform(0, 0.7, (rows, items))
    return torch.from_numpy(rng.permuted(grid, axis=1))


def test_hard_limit():
    x = spread(3, 8)
    torch.testing.assert_close(soft_rank(x, **SHARP), hard_rank(x), atol=0.02, rtol=0)
    torch.testing.assert_close(soft_sort(x, **SHARP), x.sort(-1).values, atol=0.02, rtol=0)
    top = soft_topk(x, 3, **SHARP)
    torch.testing.assert_close(top, (hard_rank(x) > 5).double(), atol=0.02, rtol=0)


@pytest.mark.parametrize(("epsilon", "worst"), [(1e-2, 2.5), (1e-3, 1.2)])
def test_blur_of_thirty_normal_values(epsilon, worst):
    x = draw(4, 30)
    error = (soft_rank(x, epsilon=epsilon) - hard_rank(x)).abs().max()
    assert error < worst
    by_updates = soft_rank(x, epsilon=epsilon, iterations=800)
    torch.testing.assert_close(soft_rank(x, epsilon=epsilon), by_updates, atol=1e-7, rtol=0)


def test_ranks_are_monotone_and_ties_stay_tied():
    x = torch.tensor([[3.0, 1.0, 2.0, 2.0, -5.0]]).double()
    ranks = soft_rank(x)
    assert (ranks[0, [4, 1, 2, 0]].diff() > 0).all()
    assert ranks[0, 2] == ranks[0, 3]


def test_mass_is_conserved():
    x, w = draw(3, 12), draw(3, 12, seed=1).exp()
    a = w / w.sum(-1, keepdim=True)
    sorted_ = soft_sort(x, weight=w, epsilon=1e-2, targets=7)
    torch.testing.assert_close(sorted_.mean(-1), (a * x).sum(-1), atol=1e-10, rtol=0)
    ranks = soft_rank(x, weight=w, epsilon=1e-3) / 12
    torch.testing.assert_close((a * ranks).sum(-1), torch.full((3,), 13 / 24, dtype=torch.float64), atol=1e-10, rtol=0)
    top = soft_topk(x, 4, weight=w)
    torch.testing.assert_close((a * top).sum(-1), torch.full((3,), 4 / 12, dtype=torch.float64), atol=1e-10, rtol=0)


def plain_sinkhorn(cost: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> np.ndarray:
    """Return the plan by Cuturi's iteration in the linear domain, one problem, until nothing changes."""
    kernel, u = np.exp(-cost / epsilon), np.ones(len(a))
    for _ in range(20_000):
        v = b / (kernel.T @ u)
        u = a / (kernel @ v)
    return u[:, None] * kernel * v


def test_plan_is_sinkhorns():
    rng = np.random.default_rng(3)
    cost, a, b = rng.random((5, 7)), rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(7))
    expected = plain_sinkhorn(cost, a, b, 0.05)
    tensors = [torch.from_numpy(v) for v in (cost, np.log(a), np.log(b))]
    f, g = potentials(*tensors, epsilon=0.05)
    found = torch.exp((f[:, None] + g - tensors[0]) / 0.05 + tensors[1][:, None] + tensors[2])
    torch.testing.assert_close(found.numpy(), expected, atol=1e-12, rtol=0)
    rows = row_plan(tensors[0], tensors[2], g, 0.05)
    torch.testing.assert_close(rows.numpy(), expected / a[:, None], atol=1e-12, rtol=1e-9)


FUNCTIONS = {
    "rank": lambda x, **o: soft_rank(x, **o),
    "sort": lambda x, **o: soft_sort(x, **o),
    "sort5": lambda x, **o: soft_sort(x, targets=5, **o),
    "topk": lambda x, **o: soft_topk(x, 3, **o),
    "quantile": lambda x, **o: soft_quantile(x, [0.2, 0.7], **o),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_implicit_gradient_is_the_unrolled_one(name):
    mask = torch.arange(9) < torch.tensor([9, 6, 2])[:, None]
    probe, gradients = None, {}
    for gradient in ("implicit", "unrolled"):
        x, w = draw(3, 9).requires_grad_(), draw(3, 9, seed=1).exp().requires_grad_()
        updates = {"implicit": None, "unrolled": 500}[gradient]
        y = FUNCTIONS[name](x, weight=w, mask=mask, epsilon=0.1, iterations=updates, gradient=gradient)
        probe = draw(*y.shape, seed=2) if probe is None else probe
        gradients[gradient] = torch.autograd.grad((probe * y).sum(), (x, w))
    torch.testing.assert_close(gradients["implicit"], gradients["unrolled"], atol=1e-9, rtol=1e-7)
    assert (gradients["implicit"][0][~mask] == 0).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_is_that_of_finite_differences(name):
    mask = torch.arange(6) < torch.tensor([6, 4])[:, None]
    x, w = draw(2, 6).requires_grad_(), draw(2, 6, seed=1).exp().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, w: FUNCTIONS[name](x, weight=w, mask=mask, epsilon=0.05), (x, w), fast_mode=True
    )


def test_gradient_of_costs_and_masses():
    """All three inputs, more sources than targets and the other way round."""
    for n, m in ((5, 3), (3, 5)):
        cost, la, lb = draw(2, n, m).abs(), draw(2, n, seed=1).log_softmax(-1), draw(2, m, seed=2).log_softmax(-1)
        tensors = [t.requires_grad_() for t in (cost, la, lb)]

        def plan(cost, la, lb):
            la, lb = la.log_softmax(-1), lb.log_softmax(-1)  # total mass stays one
            f, g = potentials(cost, la, lb, epsilon=0.3)
            return row_plan(cost, lb, g, 0.3), column_plan(cost, la, f, 0.3)

        assert torch.autograd.gradcheck(plan, tensors, fast_mode=True)


@settings(max_examples=10, deadline=None)
@given(counts=st.lists(st.integers(0, 3), min_size=3, max_size=7).filter(lambda c: sum(c) > 1), seed=st.integers(0, 99))
def test_weight_is_multiplicity(counts, seed):
    x, w = draw(len(counts), seed=seed), torch.tensor(counts).double()
    index = [i for i, c in enumerate(counts) for _ in range(c)]
    options = {"epsilon": 0.02}
    real = sum(c > 0 for c in counts)
    found = soft_rank(x, weight=w, targets=6, **options) / real
    twice = soft_rank(x[index], targets=6, **options) / len(index)
    torch.testing.assert_close(found[index], twice)
    torch.testing.assert_close(
        soft_sort(x, weight=w, targets=6, **options), soft_sort(x[index], targets=6, **options)
    )
    torch.testing.assert_close(
        soft_quantile(x, [0.3, 0.9], weight=w, **options), soft_quantile(x[index], [0.3, 0.9], **options)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_masked_items_are_absent(name):
    x, w = draw(9), draw(9, seed=1).exp()
    mask = torch.tensor([1, 0, 1, 1, 1, 0, 1, 1, 0]).bool()
    dirty = torch.where(mask, x, torch.nan)
    found = FUNCTIONS[name](dirty, weight=torch.where(mask, w, torch.nan), mask=mask)
    alone = FUNCTIONS[name](x[mask], weight=w[mask])
    found = found[mask] if name in ("rank", "topk") else found
    torch.testing.assert_close(found[: len(alone)], alone)
    assert (found[len(alone) :] == 0).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_batches_and_degenerate_sets(name):
    x = draw(2, 3, 6)
    mask = torch.arange(6) < torch.tensor([[6, 0, 1], [2, 6, 3]])[..., None]
    together = FUNCTIONS[name](x.requires_grad_(), mask=mask)
    together.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert (together[0, 1] == 0).all()
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(together[i, j], FUNCTIONS[name](x[i, j], mask=mask[i, j]))
    assert FUNCTIONS[name](torch.ones(2, 4)).isfinite().all()


def test_values_are_carried_along():
    x, other = spread(2, 6), draw(2, 6, 3)
    order = x.argsort(-1)
    found = soft_sort(x, values=other, **SHARP)
    torch.testing.assert_close(found, other.gather(1, order[..., None].expand(-1, -1, 3)), atol=0.02, rtol=0)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_weighted_quantile(level):
    x, w = draw(400), torch.linspace(0.2, 2.0, 400).double()
    order = x.argsort()
    cumulative = w[order].cumsum(0) / w.sum()
    inside = (cumulative > level - 0.02) & (cumulative <= level + 0.02)
    expected = (w[order] * x[order])[inside].sum() / w[order][inside].sum()
    torch.testing.assert_close(soft_quantile(x, level, width=0.04, weight=w, **SHARP), expected, atol=0.02, rtol=0)


def test_small_sets_belong_to_the_top():
    mask = torch.arange(6) < torch.tensor([2, 3, 0])[:, None]
    assert torch.equal(soft_topk(draw(3, 6), 3, mask=mask), mask.double())


def test_negative_weights():
    x, w = draw(6), torch.tensor([1.0, -2.0, 1.0, 1.0, 0.5, 1.0]).double()
    with pytest.raises(RuntimeError, match="negative='drop'"):
        soft_rank(x, weight=w)
    keep = w > 0
    torch.testing.assert_close(soft_rank(x, weight=w, negative="drop")[keep], soft_rank(x[keep], weight=w[keep]))
    torch.testing.assert_close(soft_rank(x, weight=w, negative="abs"), soft_rank(x, weight=w.abs()))
    with pytest.raises(ValueError, match="'error', 'drop' or 'abs'"):
        soft_rank(x, weight=w, negative="ignore")


def test_float32_and_shift_and_scale():
    x = draw(4, 30)
    for epsilon, tolerance in ((1e-2, 1e-3), (1e-3, 1e-2)):
        expected = soft_rank(x, epsilon=epsilon)
        found = soft_rank(x.float(), epsilon=epsilon)
        torch.testing.assert_close(found.double(), expected, atol=tolerance, rtol=0)
    torch.testing.assert_close(soft_rank(3.0 * x + 100.0), soft_rank(x), atol=1e-7, rtol=0)


def test_levels_are_checked():
    with pytest.raises(ValueError, match="levels"):
        soft_quantile(draw(4), 1.2)
