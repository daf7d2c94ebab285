"""Entropic optimal transport in the log domain: potentials, their schedule, and their derivative.

Between n sources of mass a and m targets of mass b at cost C, the plan is

    P_ij = a_i b_j exp((f_i + g_j - C_ij) / eps),

and Sinkhorn's algorithm (Cuturi, arXiv:1306.0895) makes its marginals a and b by updating the potentials f and g in
turn. Two things make few updates enough: eps falls in halves from a blurred start, and the updates are over-relaxed
(Thibault et al., arXiv:1711.01851), which near the solution turns a rate 1 - c eps into 1 - c' sqrt(eps). At
eps = 0.001 and 30 items the error of the marginals after 500 last steps is 1e-10, against 1e-4 without.

A mass of zero is a log mass of -inf: such an item takes no part, whatever its cost, as long as that is finite.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Gradient: TypeAlias = Literal["implicit", "unrolled"]
START, STAGE, PLAIN, STAGES = 0.1, 10, 5, 12
"""First eps; updates at each eps before the last; updates before over-relaxation; stages where eps is a tensor."""


def potentials(
    cost: Tensor,
    log_a: Tensor,
    log_b: Tensor,
    *,
    epsilon: float | Tensor,
    iterations: int | None = None,
    gradient: Gradient = "implicit",
) -> tuple[Tensor, Tensor]:
    """Return the potentials (f, g) of the entropic transport problem.

    Parameters
    ----------
    cost
        (..., n, m), finite, of order one: ``epsilon`` and the schedule are in its units.
    log_a, log_b
        (..., n) and (..., m) log masses, each of total mass one; -inf for items that are not there, but not for all.
    epsilon
        Blur; a tensor (..., 1, 1) gives each problem its own.
    iterations
        Updates at the last eps; by default 20 + 10 / sqrt(epsilon), which brings the error of the marginals below
        about 1e-6 for costs on a line. Needed if ``epsilon`` is a tensor.
    gradient
        ``implicit``: by the implicit function theorem at the solution, one linear solve of the smaller of n and m;
        right if converged, whatever the number of updates. ``unrolled``: through every update.

    Returns
    -------
    tuple of Tensor
        f (..., n) and g (..., m), fixed up to f + c, g - c. The last update was of g.
    """
    if iterations is None:
        if isinstance(epsilon, Tensor):
            raise ValueError("iterations must be given where epsilon is a tensor")
        iterations = 20 + round(10.0 / math.sqrt(epsilon))
    if gradient == "unrolled":
        return _iterate(cost, log_a, log_b, epsilon, iterations)
    return _Implicit.apply(cost, log_a, log_b, epsilon, iterations)


def row_plan(cost: Tensor, log_b: Tensor, g: Tensor, epsilon: float | Tensor) -> Tensor:
    """Return P_ij / sum_j P_ij (..., n, m): where each source goes, divided by the mass that it really gives."""
    return torch.softmax(log_b.unsqueeze(-2) + (g.unsqueeze(-2) - cost) / epsilon, dim=-1)


def column_plan(cost: Tensor, log_a: Tensor, f: Tensor, epsilon: float | Tensor) -> Tensor:
    """Return P_ij / sum_i P_ij (..., n, m): what each target is made of."""
    return torch.softmax(log_a.unsqueeze(-1) + (f.unsqueeze(-1) - cost) / epsilon, dim=-2)


def log_mass(mass: Tensor) -> Tensor:
    """Return log(mass) with -inf for zero, and zero gradient there."""
    there = mass > 0
    return torch.where(there, mass, torch.ones_like(mass)).log().masked_fill(~there, -torch.inf)


def _iterate(
    cost: Tensor, log_a: Tensor, log_b: Tensor, epsilon: float | Tensor, iterations: int
) -> tuple[Tensor, Tensor]:
    f = log_a.new_zeros(torch.broadcast_shapes(log_a.shape, cost.shape[:-1]))
    g = log_b.new_zeros(torch.broadcast_shapes(log_b.shape, (*cost.shape[:-2], cost.shape[-1])))
    for eps, count in _schedule(epsilon, iterations):
        relax = _relaxation(eps)
        for step in range(count):
            f = _update(f, _row_update(cost, log_b, g, eps), None if step < PLAIN else relax)
            g = _update(g, _column_update(cost, log_a, f, eps), None if step < PLAIN else relax)
    f = _row_update(cost, log_b, g, epsilon)
    return f, _column_update(cost, log_a, f, epsilon)


def _schedule(epsilon: float | Tensor, iterations: int) -> list[tuple[float | Tensor, int]]:
    """Return (eps, updates): halves from the start down to ``epsilon``, then the last stage."""
    if isinstance(epsilon, Tensor):
        stages: list[float | Tensor] = [epsilon.clamp(min=START * 0.5**k) for k in range(STAGES)]
    else:
        halvings = max(0, math.ceil(math.log2(START / epsilon))) if epsilon < START else 0
        stages = [START * 0.5**k for k in range(halvings)]
    return [*((eps, STAGE) for eps in stages), (epsilon, iterations)]


def _relaxation(eps: float | Tensor) -> float | Tensor:
    """Return the over-relaxation of one stage: near 2 / (1 + sqrt(1 - rate)) for a rate 1 - 9 eps, at most 1.8."""
    if isinstance(eps, Tensor):
        return (2.0 / (1.0 + 3.0 * eps.sqrt())).clamp(min=1.0, max=1.8).squeeze(-1)
    return min(1.8, max(1.0, 2.0 / (1.0 + 3.0 * math.sqrt(eps))))


def _update(old: Tensor, new: Tensor, relax: float | Tensor | None) -> Tensor:
    return new if relax is None else old + relax * (new - old)


def _row_update(cost: Tensor, log_b: Tensor, g: Tensor, eps: float | Tensor) -> Tensor:
    reduced = torch.logsumexp(log_b.unsqueeze(-2) + (g.unsqueeze(-2) - cost) / eps, dim=-1)
    return -reduced * (eps.squeeze(-1) if isinstance(eps, Tensor) else eps)


def _column_update(cost: Tensor, log_a: Tensor, f: Tensor, eps: float | Tensor) -> Tensor:
    reduced = torch.logsumexp(log_a.unsqueeze(-1) + (f.unsqueeze(-1) - cost) / eps, dim=-2)
    return -reduced * (eps.squeeze(-1) if isinstance(eps, Tensor) else eps)


class _Implicit(torch.autograd.Function):
    """Potentials whose derivative is that of the fixed point.

    With W = ``row_plan`` and V = ``column_plan`` at the solution,

        df_i = sum_j W_ij (dC_ij - dg_j - eps dlog b_j),   dg_j = sum_i V_ij (dC_ij - df_i - eps dlog a_i),

    so a gradient (u, v) of (f, g) gives l = u - V k, k = v - W^T l, and from these dC = W l + V k,
    dlog a = -eps V k, dlog b = -eps W^T l. Eliminating l leaves (1 - W^T V) k = v - W^T u, singular along the free
    constant (W^T V b = b); adding b 1^T picks the solution with sum k = 0.
    """

    @staticmethod
    def forward(
        ctx: Any, cost: Tensor, log_a: Tensor, log_b: Tensor, epsilon: float | Tensor, iterations: int
    ) -> tuple[Tensor, Tensor]:
        f, g = _iterate(cost, log_a, log_b, epsilon, iterations)
        ctx.save_for_backward(cost, log_a, log_b, f, g)
        ctx.epsilon = epsilon
        return f, g

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, u: Tensor, v: Tensor) -> tuple[Tensor | None, ...]:
        cost, log_a, log_b, f, g = ctx.saved_tensors
        eps = ctx.epsilon
        rows, columns = row_plan(cost, log_b, g, eps), column_plan(cost, log_a, f, eps)
        if cost.shape[-1] <= cost.shape[-2]:
            left, right = _adjoint(rows, columns, log_b.exp(), u, v)
        else:
            right, left = _adjoint(columns.mT, rows.mT, log_a.exp(), v, u)
        by_row, by_column = rows * left.unsqueeze(-1), columns * right.unsqueeze(-2)
        grad_a, grad_b = -(eps * by_column).sum(-1), -(eps * by_row).sum(-2)
        return (
            _fold(by_row + by_column, cost), _fold(grad_a, log_a), _fold(grad_b, log_b), None, None,
        )  # fmt: skip


def _adjoint(rows: Tensor, columns: Tensor, b: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return (l, k) of :class:`_Implicit` by a solve as large as the number of columns.

    A plan that is hard falls into blocks, each with a free constant that the result does not depend on; the ridge of
    a few rounding errors keeps the solve from dividing by zero there.
    """
    ridge = 1.0 + 64.0 * torch.finfo(rows.dtype).eps
    system = ridge * torch.eye(rows.shape[-1], dtype=rows.dtype, device=rows.device) - rows.mT @ columns
    side = v - (rows * u.unsqueeze(-1)).sum(-2)
    system, side = system + b.unsqueeze(-1), (side - b * side.sum(-1, keepdim=True)).unsqueeze(-1)
    k = torch.linalg.solve_ex(system, side).result.squeeze(-1)
    return u - (columns * k.unsqueeze(-2)).sum(-1), k


def _fold(grad: Tensor, like: Tensor) -> Tensor:
    """Return a gradient summed over the axes that ``like`` was broadcast along."""
    return grad.sum_to_size(like.shape)
