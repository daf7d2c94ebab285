"""Quadratic programs: optimality conditions, closed forms, scipy, and gradients by finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from jetlego.bricks import interior_point
from jetlego.bricks.interior_point import Point, Program
from jetlego.bricks.qp import OptNet, solve_qp


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(n: int, m: int, p: int, seed: int = 0, batch: int = 4) -> list[torch.Tensor]:
    """Return Q, q, G, h, A, b with a feasible point, Q well conditioned, some inequalities active."""
    root = draw(batch, n, n, seed=seed)
    inside = draw(batch, n, seed=seed + 1)
    G, A = draw(batch, m, n, seed=seed + 2), draw(batch, p, n, seed=seed + 3)
    h = (G @ inside[..., None]).squeeze(-1) + 0.3 * draw(batch, m, seed=seed + 4).abs()
    return [root @ root.mT / n + 0.5 * torch.eye(n).double(), 3.0 * draw(batch, n, seed=seed + 5), G, h, A,
            (A @ inside[..., None]).squeeze(-1)]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 12), m=st.integers(0, 20), p=st.integers(0, 4), seed=st.integers(0, 10_000))
def test_optimality_conditions(n, m, p, seed):
    matrices = problem(n, m, min(p, n - 1), seed)
    z, lam, nu, ok = solve_qp(*matrices)
    assert ok.all()
    Q, q, G, h, A, b = matrices
    dual = (Q @ z[..., None] + G.mT @ lam[..., None] + A.mT @ nu[..., None]).squeeze(-1) + q
    over = (G @ z[..., None]).squeeze(-1) - h
    scale = 1 + max(x.abs().max() for x in (q, h, b) if x.numel())
    for violation in (dual, over.clamp(min=0), (A @ z[..., None]).squeeze(-1) - b, lam * over, lam.clamp(max=0)):
        assert violation.numel() == 0 or violation.abs().max() <= 1e-8 * scale


def test_a_problem_on_which_predictor_and_corrector_cycle_is_solved():
    """One in some thousand random problems, on which Mehrotra's step alone never ends."""
    Q, q, G, h, A, b = problem(12, 15, 1, 550)
    found = solve_qp(Q, q, G, h, A, b)
    assert found.ok.all()
    over = (G @ found.z[..., None]).squeeze(-1) - h
    assert over.max() < 1e-7
    assert (found.inequality * over).abs().max() < 1e-7


@pytest.mark.slow
def test_of_twenty_thousand_problems_none_is_left():
    for n, m, p in ((12, 15, 1), (12, 20, 0), (8, 16, 2), (5, 20, 0), (12, 10, 4)):
        parts = [problem(n, m, p, seed) for seed in range(0, 6_000, 6)]
        assert solve_qp(*(torch.cat(matrices) for matrices in zip(*parts, strict=True))).ok.all()


def test_equalities_alone_are_a_linear_system():
    Q, q, _, _, A, b = problem(6, 0, 2)
    zero = torch.zeros(4, 2, 2).double()
    system = torch.cat([torch.cat([Q, A.mT], -1), torch.cat([A, zero], -1)], -2)
    expected = torch.linalg.solve(system, torch.cat([-q, b], -1))
    found = solve_qp(Q, q, A=A, b=b)
    torch.testing.assert_close(torch.cat([found.z, found.equality], -1), expected, atol=1e-10, rtol=1e-10)
    free = solve_qp(Q, q)
    torch.testing.assert_close(free.z, torch.linalg.solve(Q, -q), atol=1e-10, rtol=1e-10)


def test_active_bounds_against_scipy():
    Q, q, G, h, A, b = (x.numpy() for x in problem(5, 8, 1, seed=3))
    found = solve_qp(*(torch.from_numpy(x) for x in (Q, q, G, h, A, b)))
    assert (found.inequality > 1e-3).any(-1).all()
    for i in range(4):
        reference = minimize(
            lambda z, i=i: 0.5 * z @ Q[i] @ z + q[i] @ z, np.zeros(5), jac=lambda z, i=i: Q[i] @ z + q[i],
            method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
            constraints=[{"type": "ineq", "fun": lambda z, i=i: h[i] - G[i] @ z, "jac": lambda z, i=i: -G[i]},
                         {"type": "eq", "fun": lambda z, i=i: A[i] @ z - b[i], "jac": lambda z, i=i: A[i]}],
        )  # fmt: skip
        assert reference.success
        np.testing.assert_allclose(found.z[i].numpy(), reference.x, atol=1e-6)


def test_projection_on_the_simplex():
    """Against the sorting algorithm of Duchi et al. (2008)."""
    x = 2.0 * draw(6, 7)
    eye, ones = torch.eye(7).double(), torch.ones(1, 7).double()
    z = solve_qp(eye, -x, -eye, torch.zeros(7).double(), ones, torch.ones(1).double()).z
    ordered = x.sort(-1, descending=True).values
    shift = (ordered.cumsum(-1) - 1) / torch.arange(1, 8)
    count = (ordered > shift).sum(-1, keepdim=True)
    expected = (x - shift.gather(-1, count - 1)).clamp(min=0)
    torch.testing.assert_close(z, expected, atol=1e-8, rtol=0)


@pytest.mark.parametrize(("n", "m", "p"), [(6, 4, 2), (4, 3, 0), (4, 0, 2), (5, 8, 1)])
def test_gradients_batched(n, m, p):
    """More variables than active constraints, multipliers away from 1: the case that hides a wrong gradient of G."""
    matrices = problem(n, m, p, seed=7, batch=2)
    found = solve_qp(*matrices)
    active = (found.inequality > 1e-4).sum(-1) + p
    assert (active < n).all()
    assert m in (0, 8) or (found.inequality > 0.05).any()
    inputs = [x.requires_grad_() for x in matrices]

    def run(Q, *rest):
        return solve_qp(0.5 * (Q + Q.mT), *rest).z

    assert torch.autograd.gradcheck(run, inputs, eps=1e-5, atol=1e-6, rtol=1e-5, fast_mode=True)


def test_gradients_shared():
    """Shared matrices get the sum over the batch."""
    Q, _, G, h, A, b = (x[0].requires_grad_() for x in problem(5, 4, 1, seed=2))
    q = problem(5, 4, 1, seed=2)[1].requires_grad_()
    assert torch.autograd.gradcheck(
        lambda Q, *rest: solve_qp(0.5 * (Q + Q.mT), *rest).z, (Q, q, G, h, A, b),
        eps=1e-5, atol=1e-6, rtol=1e-5, fast_mode=True,
    )  # fmt: skip
    each = [solve_qp(Q, q[i], G, h, A, b).z for i in range(4)]
    torch.testing.assert_close(torch.stack(each), solve_qp(Q, q, G, h, A, b).z)


def test_degenerate_problem():
    """A bound that is active with zero multiplier, and one given twice."""
    Q, q = torch.eye(2).double(), torch.tensor([-1.0, -3.0]).double().requires_grad_()
    G = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]).double()
    found = solve_qp(Q, q, G, torch.tensor([1.0, 2.0, 2.0]).double())
    assert found.ok
    torch.testing.assert_close(found.z, torch.tensor([1.0, 2.0]).double(), atol=1e-4, rtol=0)
    found.z.sum().backward()
    assert torch.isfinite(q.grad).all()


def test_redundant_equalities():
    Q, q, _, _, A, b = problem(5, 0, 2)
    twice = solve_qp(Q, q, A=torch.cat([A, A[:, :1]], 1), b=torch.cat([b, b[:, :1]], 1))
    torch.testing.assert_close(twice.z, solve_qp(Q, q, A=A, b=b).z, atol=1e-6, rtol=0)


def test_infeasible_items_are_flagged_and_finite():
    Q, q, G, h, _, _ = problem(3, 2, 0, batch=3)
    G = torch.stack([G[0], torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]]).double(), G[2]])
    h = torch.stack([h[0], torch.tensor([-1.0, -1.0]).double(), h[2]])  # x <= -1 and x >= 1
    q.requires_grad_()
    found = solve_qp(Q, q, G, h)
    assert found.ok.tolist() == [True, False, True]
    assert torch.isfinite(found.z).all()
    found.z.square().sum().backward()
    assert torch.isfinite(q.grad).all()
    assert (q.grad[1] == 0).all()
    torch.testing.assert_close(found.z[[0, 2]], solve_qp(Q[[0, 2]], q[[0, 2]], G[[0, 2]], h[[0, 2]]).z)


def test_float32():
    matrices = problem(6, 8, 2, seed=5)
    expected = solve_qp(*matrices).z
    inside = solve_qp(*(x.float() for x in matrices))
    assert inside.z.dtype == torch.float32
    torch.testing.assert_close(inside.z.double(), expected, atol=1e-5, rtol=1e-5)
    single = solve_qp(*(x.float() for x in matrices), double=False)
    assert single.ok.all()
    torch.testing.assert_close(single.z.double(), expected, atol=2e-3, rtol=1e-3)


def test_adjoint_solves_its_system():
    program = Program(*problem(5, 4, 1, seed=9))
    point, ok = interior_point.solve(program, 20)
    grad = draw(4, 5, seed=1)
    dz, w, dv = interior_point.adjoint(program, point, grad)
    assert ok.all()
    assert isinstance(point, Point)
    Q, _, G, _, A, _ = program
    for found, expected in (
        ((Q @ dz[..., None] + G.mT @ w[..., None] + A.mT @ dv[..., None]).squeeze(-1), -grad),
        (point.l * (G @ dz[..., None]).squeeze(-1), point.s * w),
        ((A @ dz[..., None]).squeeze(-1), torch.zeros(4, 1).double()),
    ):
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


def test_brick_keeps_its_constraints():
    net = OptNet(in_dim=4, out_dim=6, equalities=2, inequalities=3, learn_curvature=True).double()
    y, ok = net(draw(5, 4))
    assert ok.all()
    assert (y >= -1e-9).all()
    point = net.log_point.exp()
    torch.testing.assert_close(y @ net.A.T, (net.A @ point).expand(5, 2), atol=1e-7, rtol=0)
    assert (y @ net.G.T <= net.G @ point + net.log_slack.exp() + 1e-8).all()
