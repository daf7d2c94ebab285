"""Losses between sets against brute force, scipy's assignment, linear programmes and rigid motions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from jetlego import losses
from jetlego.errors import ConfigError
from jetlego.losses.matching import match


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masks(*counts: int, slots: int) -> torch.Tensor:
    return torch.arange(slots) < torch.tensor(counts)[:, None]


def spoil(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return x.masked_fill(~mask[..., None], torch.nan)


# chamfer


def test_chamfer_by_brute_force():
    x, y = draw(3, 4, 2), draw(3, 6, 2, seed=1)
    mx, my = masks(4, 2, 1, slots=4), masks(3, 6, 1, slots=6)
    for power in (1.0, 2.0):
        each = []
        for i in range(3):
            d = torch.cdist(x[i][mx[i]], y[i][my[i]]) ** power
            each.append(d.amin(1).mean() + d.amin(0).mean())
        found = losses.chamfer(spoil(x, mx), spoil(y, my), mask=(mx, my), power=power, reduction="none")
        torch.testing.assert_close(found, torch.stack(each))


def test_chamfer_is_symmetric_and_zero_on_equal_supports():
    x, y = draw(2, 4, 3), draw(2, 5, 3, seed=1)
    torch.testing.assert_close(losses.chamfer(x, y), losses.chamfer(y, x))
    assert losses.chamfer(x, x[:, [2, 0, 1, 3, 3, 0]]) == 0
    assert losses.chamfer(x, torch.cat([x, x[:, :1] + 1e-3], 1)) > 0


# assignment and matching


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 12), seed=st.integers(0, 10_000), whole=st.booleans())
def test_assignment_is_scipys(n, seed, whole):
    rng = np.random.default_rng(seed)
    cost = rng.integers(-3, 4, (5, n, n)).astype(float) if whole else rng.normal(size=(5, n, n))
    columns = losses.assign(torch.from_numpy(cost)).numpy()
    for c, found in zip(cost, columns, strict=True):
        assert sorted(found) == list(range(n))
        assert c[np.arange(n), found].sum() == pytest.approx(c[linear_sum_assignment(c)].sum(), abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(5, 5), (6, 4), (3, 6)])
def test_matching_with_masks_is_scipys(n, m):
    cost = draw(4, n, m).abs()
    x_real, y_real = masks(n, n - 1, 2, 0, slots=n), masks(m, m - 2, m, 1, slots=m)
    column, real = match(cost, x_real, y_real)
    for i in range(4):
        c = cost[i][x_real[i]][:, y_real[i]].numpy()
        expected = c[linear_sum_assignment(c)].sum()
        rows = real[i].nonzero().flatten()
        assert len(rows) == min(c.shape)
        assert len(set(column[i, rows].tolist())) == len(rows)
        assert float(cost[i, rows, column[i, rows]].sum()) == pytest.approx(expected, abs=1e-12)


def test_hungarian_written_out():
    """The presence terms enter the matching: the square problem with null columns, by scipy."""
    x, logit, y = draw(3, 5, 2), draw(3, 5, seed=1), draw(3, 4, 2, seed=2)
    y_real = masks(4, 2, 0, slots=4)
    each = []
    for i in range(3):
        d = torch.cdist(x[i], y[i][y_real[i]]) ** 2 - logit[i].sigmoid().log()[:, None]
        null = -(1 - logit[i].sigmoid()).log()
        square = torch.cat([d, null[:, None].expand(5, 5 - d.shape[1])], 1).numpy()
        each.append(square[linear_sum_assignment(square)].sum() / max(1, d.shape[1]))
    found = losses.hungarian((x, logit), spoil(y, y_real), mask=y_real, reduction="none")
    np.testing.assert_allclose(found.numpy(), each, rtol=1e-12)


def test_hungarian_does_not_see_order():
    x, y = draw(2, 5, 2), draw(2, 5, 2, seed=1)
    torch.testing.assert_close(losses.hungarian(x, y), losses.hungarian(x[:, [3, 1, 0, 4, 2]], y[:, [1, 0, 2, 4, 3]]))
    assert losses.hungarian(x, x[:, [3, 1, 0, 4, 2]]) == 0


# sinkhorn


def test_sinkhorn_becomes_the_assignment():
    x, y = draw(3, 6, 2), draw(3, 6, 2, seed=1)
    cost = torch.cdist(x, y) ** 2
    expected = [float(c[linear_sum_assignment(c.numpy())].mean()) for c in cost]
    found = losses.sinkhorn(x, y, epsilon=1e-3, reduction="none")
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-2)
    torch.testing.assert_close(losses.hungarian(x, y), torch.tensor(expected).double().mean(), rtol=1e-6, atol=0)


def test_debiased_sinkhorn_is_zero_on_equal_sets_alone():
    x = draw(2, 5, 2)
    assert losses.sinkhorn(x, x[:, [4, 2, 0, 1, 3]], epsilon=0.1).abs() < 1e-12
    assert losses.sinkhorn(x, x + 0.1, epsilon=0.1) > 1e-3
    assert losses.sinkhorn(x, x, epsilon=0.1, debiased=False).abs() > 1e-2


def test_sinkhorn_of_different_sizes_and_masks():
    x, y = draw(2, 4, 2), draw(2, 6, 2, seed=1)
    mx, my = masks(4, 3, slots=4), masks(6, 2, slots=6)
    found = losses.sinkhorn(spoil(x, mx), spoil(y, my), mask=(mx, my), reduction="none")
    alone = [losses.sinkhorn(x[i][mx[i]], y[i][my[i]]) for i in range(2)]
    torch.testing.assert_close(found, torch.stack(alone))


def test_problems_solved_at_once_are_those_solved_in_turn():
    x, y = draw(3, 5, 2), draw(3, 5, 2, seed=1)
    longer, there = torch.cat([y, y[:, :1]], 1), torch.arange(6).expand(3, 6) < 5
    in_turn = losses.sinkhorn(x, longer, mask=(None, there), reduction="none")
    torch.testing.assert_close(losses.sinkhorn(x, y, reduction="none"), in_turn)


# energy mover's distance


def emd_programme(x: np.ndarray, y: np.ndarray, radius: float, beta: float) -> float:
    """Return the EMD by its defining linear programme."""
    shift = x[:, None, 1:] - y[None, :, 1:]
    shift[..., -1] = (shift[..., -1] + np.pi) % (2 * np.pi) - np.pi
    cost = (np.linalg.norm(shift, axis=-1) / radius) ** beta
    n, m = cost.shape
    rows, columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    a, b = x[:, 0], y[:, 0]
    solved = linprog(cost.ravel(), A_ub=np.vstack([rows, columns]), b_ub=np.concatenate([a, b]),
                     A_eq=np.ones((1, n * m)), b_eq=[min(a.sum(), b.sum())])  # fmt: skip
    assert solved.success
    return solved.fun + abs(a.sum() - b.sum())


def jet(rng: np.random.Generator, items: int) -> np.ndarray:
    return np.stack([rng.exponential(10.0, items), rng.uniform(-1, 1, items), rng.uniform(2.5, 3.8, items)], -1)


@pytest.mark.parametrize(("radius", "beta"), [(1.0, 1.0), (2.0, 2.0), (1.5, 0.5)])
def test_emd_is_the_linear_programme(radius, beta):
    rng = np.random.default_rng(5)
    pairs = [(jet(rng, 5), jet(rng, 6)) for _ in range(6)]
    expected = [emd_programme(x, y, radius, beta) for x, y in pairs]
    x, y = (torch.from_numpy(np.stack(side)) for side in zip(*pairs, strict=True))
    found = losses.emd(x, y, radius=radius, beta=beta, reduction="none")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3)
    finer = losses.emd(x, y, radius=radius, beta=beta, epsilon=2e-4, reduction="none")
    np.testing.assert_allclose(finer.numpy(), expected, rtol=1e-4)


def test_emd_of_one_particle_and_of_none():
    x = torch.tensor([[[10.0, 0.1, 3.1]], [[7.0, 0.0, 0.0]]], dtype=torch.float64)
    y = torch.tensor([[[6.0, 0.1, -3.1]], [[3.0, 0.0, 0.0]]], dtype=torch.float64)
    mask = (torch.ones(2, 1, dtype=torch.bool), torch.tensor([[True], [False]]))
    found = losses.emd(x, y, mask=mask, reduction="none")
    expected = torch.tensor([6.0 * (2 * math.pi - 6.2) + 4.0, 7.0], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_emd_does_not_see_splitting_or_soft_items():
    rng = np.random.default_rng(1)
    x, y = (torch.from_numpy(jet(rng, n))[None] for n in (5, 6))
    split = torch.cat([x, x[:, :1]], 1)
    split[:, [0, -1], 0] *= 0.5
    soft = torch.cat([x, torch.tensor([[[0.0, 5.0, 0.0]]]).double()], 1)
    expected = losses.emd(x, y, epsilon=2e-4)
    for other in (split, soft):
        torch.testing.assert_close(losses.emd(other, y, epsilon=2e-4), expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(losses.emd(y, x, epsilon=2e-4), expected, rtol=1e-6, atol=0)


# geometry


def rotation(seed: int) -> torch.Tensor:
    q, r = torch.linalg.qr(draw(3, 3, seed=seed))
    q = q * r.diagonal().sign()
    return q * torch.linalg.det(q)


def test_distance_sees_no_rigid_motion():
    x, y = draw(2, 5, 3), draw(2, 5, 3, seed=1)
    moved = x @ rotation(3).T + draw(3, seed=4)
    torch.testing.assert_close(losses.distance(moved, y), losses.distance(x, y), atol=1e-10, rtol=0)
    assert losses.distance(-moved, x) < 1e-20
    by_hand = (torch.pdist(x[0]) - torch.pdist(y[0])).square().mean()
    torch.testing.assert_close(losses.distance(x[0], y[0]), by_hand)


def framed(seed: int) -> losses.Framed:
    frames = torch.stack([torch.stack([rotation(10 * seed + 3 * i + j) for j in range(3)]) for i in range(2)])
    return losses.Framed(frames, draw(2, 3, 3, seed=seed), draw(2, 6, 3, seed=seed + 50))


def moved(v: losses.Framed, turn: torch.Tensor, shift: torch.Tensor) -> losses.Framed:
    return losses.Framed(turn @ v.rotation, v.origin @ turn.T + shift, v.points @ turn.T + shift)


def test_fape_sees_no_rigid_motion_but_reflections():
    x, y = framed(1), framed(2)
    other = moved(x, rotation(5), draw(3, seed=6))
    expected = losses.fape(x, y, clamp=2.0)
    torch.testing.assert_close(losses.fape(other, y, clamp=2.0), expected, atol=1e-10, rtol=0)
    assert losses.fape(other, x) < 1e-10
    mirrored = losses.Framed(x.rotation, -x.origin, -x.points)
    assert losses.fape(mirrored, x) > 1e-2


def test_fape_by_hand():
    x, y = framed(1), framed(2)
    mask = (torch.tensor([True, False, True]), torch.arange(6) < 4)
    each = []
    for i in (0, 2):
        for j in range(4):
            local = [v.rotation[0, i].T @ (v.points[0, j] - v.origin[0, i]) for v in (x, y)]
            each.append((local[0] - local[1]).norm().clamp(max=2.0) / 5.0)
    one = [losses.Framed(*(t[0] for t in v)) for v in (x, y)]
    found = losses.fape(*one, mask=mask, clamp=2.0, unit=5.0)
    torch.testing.assert_close(found, torch.stack(each).mean())


# what all of them promise


def points(n: int, seed: int, masked: bool, name: str) -> torch.Tensor:
    x = draw(3, n, 3, seed=seed)
    return torch.cat([x[..., :1].abs(), x[..., 1:]], -1) if name == "emd" else x


SETS = ("chamfer", "hungarian", "sinkhorn", "emd", "distance")


@pytest.mark.parametrize("name", SETS)
def test_weights_masks_and_gradients(name):
    function = losses.get(name)
    m = 4 if name == "distance" else 5
    x, y = points(4, 0, True, name), points(m, 1, True, name)
    mx = masks(4, 2, 0, slots=4)
    my = mx if name == "distance" else masks(5, 3, 0, slots=5)
    mask = mx if name == "distance" else (mx, my)
    w = torch.tensor([2.0, 1.0, 7.0]).double()
    options = {"epsilon": 0.5} if name == "sinkhorn" else {}

    dirty = spoil(x, mx).requires_grad_()
    found = function(dirty, spoil(y, my), weight=w, mask=mask, **options)
    if name != "emd":  # an empty jet has a distance, of zero, from an empty jet
        twice = [function(x[i][mx[i]], y[i][my[i]], **options) for i in (0, 0, 1)]
        torch.testing.assert_close(found, torch.stack(twice).mean())
    found.backward()
    assert torch.isfinite(dirty.grad).all()
    assert (dirty.grad[~mx] == 0).all()
    assert dirty.grad.abs().sum() > 0
    if name != "emd":
        assert torch.autograd.gradcheck(
            lambda x: function(x, y, weight=w, mask=mask, **options), x.requires_grad_(), atol=1e-5, fast_mode=True
        )


def test_emd_gradient_in_the_limit():
    """Of positions and momenta, by finite differences of the linear programme."""
    rng = np.random.default_rng(8)
    x, y = jet(rng, 4), jet(rng, 5)
    tensor = torch.from_numpy(x)[None].requires_grad_()
    losses.emd(tensor, torch.from_numpy(y)[None], epsilon=2e-4).backward()
    step = 1e-5
    for i in range(4):
        for k in range(3):
            up, down = x.copy(), x.copy()
            up[i, k] += step
            down[i, k] -= step
            slope = (emd_programme(up, y, 1.0, 1.0) - emd_programme(down, y, 1.0, 1.0)) / (2 * step)
            assert float(tensor.grad[0, i, k]) == pytest.approx(slope, abs=5e-3 * (1 + abs(slope)))


@pytest.mark.parametrize("name", SETS)
def test_coinciding_points_have_finite_gradients(name):
    x = torch.zeros(1, 3, 3, dtype=torch.float64, requires_grad=True)
    options = {"power": 1.0} if name in ("chamfer", "hungarian", "sinkhorn") else {}
    losses.get(name)(x, torch.zeros(1, 3, 3).double(), **options).backward()
    assert torch.isfinite(x.grad).all()


def test_shapes_are_checked():
    for name in SETS:
        with pytest.raises(ConfigError, match="cannot be compared"):
            losses.get(name)(draw(2, 3, 2), draw(2, 3, 3))
    with pytest.raises(ConfigError, match="epsilon"):
        losses.sinkhorn(draw(2, 3, 2), draw(2, 3, 2), epsilon=0.0)
