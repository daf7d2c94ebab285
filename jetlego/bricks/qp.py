"""OptNet: a quadratic program as a layer (Amos and Kolter, arXiv:1703.00443).

:func:`solve_qp` is the function with gradients to all of its matrices; :class:`OptNet` learns the constraints.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from jetlego.bricks import interior_point
from jetlego.bricks.interior_point import Point, Program
from jetlego.bricks.masks import at_least_float32
from jetlego.bricks.registry import brick

_AXES = (2, 1, 2, 1, 2, 1)
"""Axes of Q, q, G, h, A, b without the batch."""


class Solution(NamedTuple):
    """z (B, n) with gradients; multipliers of the inequalities (B, m) and equalities (B, p); ok (B,) bool."""

    z: Tensor
    inequality: Tensor
    equality: Tensor
    ok: Tensor


def solve_qp(
    Q: Tensor,
    q: Tensor,
    G: Tensor | None = None,
    h: Tensor | None = None,
    A: Tensor | None = None,
    b: Tensor | None = None,
    *,
    steps: int = 20,
    double: bool = True,
) -> Solution:
    """Return argmin 1/2 z^T Q z + q^T z subject to A z = b and G z <= h, for a batch of problems.

    Parameters
    ----------
    Q, q
        (n, n) symmetric positive definite, and (n,). Everything may have a leading batch axis B or be shared by the
        batch; gradients of shared arguments are the sum over it.
    G, h
        (m, n) and (m,); None for no inequalities.
    A, b
        (p, n) of rank p, and (p,); None for no equalities.
    steps
        Interior-point steps; 20 solve any problem that is not nearly degenerate.
    double
        Compute in float64 inside, whatever the input; otherwise in the input's precision, at least float32.

    Returns
    -------
    Solution
        ``ok`` is False for problems that are infeasible or unsolved after ``steps``. Their z is finite and has zero
        gradient.

    Notes
    -----
    The gradient of G is D(l) dl z^T + l dz^T. The form with D(l) on both terms that circulates is wrong as soon as an
    active multiplier differs from 1 and the constraints leave z some freedom. Only z has a gradient, once.
    """
    inside = torch.float64 if double else at_least_float32(q).dtype
    full = [x.to(inside) for x in (Q, q, *_complete(q, G, h, A, b))]
    batch = torch.broadcast_shapes(*(x.shape[: x.ndim - d] for x, d in zip(full, _AXES, strict=True)))
    # shared matrices stay one; vectors get the batch axis
    shaped = [
        x if x.ndim == d == 2 else x.expand(*(batch or (1,)), *x.shape[x.ndim - d :])
        for x, d in zip(full, _AXES, strict=True)
    ]
    with torch.autocast(q.device.type, enabled=False):
        *found, ok = _Optimum.apply(*shaped, steps)
    z, inequality, equality = (x.to(q.dtype) for x in found)
    solution = Solution(z, inequality, equality, ok)
    return solution if batch else Solution(*(x.squeeze(0) for x in solution))


def _complete(q: Tensor, *given: Tensor | None) -> list[Tensor]:
    """Return G, h, A, b with empty ones in place of None."""
    empty = q.new_zeros(0, q.shape[-1]), q.new_zeros(0)
    return [e if x is None else x for x, e in zip(given, empty * 2, strict=True)]


class _Optimum(torch.autograd.Function):
    """The solution as a function of the matrices; backward solves the adjoint of the optimality conditions."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, ...]:
        *matrices, steps = arguments
        program = Program(*matrices)
        point, ok = interior_point.solve(program, steps)
        ctx.save_for_backward(*program, *point, ok)
        ctx.mark_non_differentiable(point.l, point.v, ok)
        return point.z, point.l, point.v, ok

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        program, point, ok = Program(*saved[:6]), Point(*saved[6:10]), saved[10]
        found = interior_point.adjoint(program, point, grad)
        dz, w, dv = (torch.where(ok.unsqueeze(-1), d, torch.zeros_like(d)) for d in found)
        half = _outer(dz, point.z, program.Q)
        return (
            0.5 * (half + half.mT),
            dz,
            _outer(w, point.z, program.G) + _outer(point.l, dz, program.G),
            -w,
            _outer(dv, point.z, program.A) + _outer(point.v, dz, program.A),
            -dv,
            None,
        )


def _outer(x: Tensor, y: Tensor, like: Tensor) -> Tensor:
    """Return x y^T of each problem, or its sum over the batch where the matrix is shared."""
    return x.mT @ y if like.ndim == 2 else x.unsqueeze(-1) * y.unsqueeze(-2)


@brick(
    "optnet", takes={"x": "vector[in_dim]"}, gives={"y": "vector[out_dim]", "ok": "vector"}, paper="arXiv:1703.00443"
)
class OptNet(nn.Module):
    """The point nearest to what the input asks for that satisfies learned constraints.

    y = argmin stiffness / 2 |z|^2 - x'.z subject to A z = A exp(u), G z <= G exp(u) + exp(r), and z >= 0 if asked, so
    that z = exp(u) is always feasible. x' is the input, or a linear map of it where the widths differ.

    Parameters
    ----------
    in_dim
        Width of the input.
    out_dim
        Number of variables; by default ``in_dim``.
    equalities, inequalities
        Numbers of learned rows of A and G.
    nonnegative
        Adds z >= 0.
    stiffness
        Curvature; with it learned (``learn_curvature``) the matrix is L L^T + stiffness 1.
    learn_curvature
        Learn L.
    steps
        Interior-point steps.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, equalities: int = 0, inequalities: int = 0,
                 nonnegative: bool = True, stiffness: float = 0.1, learn_curvature: bool = False,
                 steps: int = 20) -> None:  # fmt: skip
        super().__init__()
        if stiffness <= 0:
            raise ValueError(f"stiffness must be positive, not {stiffness}")
        n = self.out_dim = in_dim if out_dim is None else out_dim
        self.nonnegative, self.stiffness, self.steps = nonnegative, stiffness, steps
        self.wish = None if out_dim in (None, in_dim) else nn.Linear(in_dim, n)
        self.A = nn.Parameter(torch.empty(equalities, n))
        self.G = nn.Parameter(torch.empty(inequalities, n))
        self.log_slack = nn.Parameter(torch.empty(inequalities))
        self.log_point = nn.Parameter(torch.empty(n))
        self.L = nn.Parameter(torch.empty(n, n)) if learn_curvature else None
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Draw the constraints; the feasible point starts at one, the curvature without L."""
        with torch.no_grad():
            for rows in (self.A, self.G):
                rows.copy_(torch.rand(rows.shape, generator=generator, dtype=rows.dtype).to(rows.device))
            self.log_slack.zero_()
            self.log_point.zero_()
            if self.L is not None:
                self.L.zero_()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return y (B, out_dim) and whether each problem was solved (B,) of ``x (B, in_dim)``."""
        wish = x if self.wish is None else self.wish(x)
        eye = torch.eye(self.out_dim, dtype=self.A.dtype, device=self.A.device)
        curvature = self.stiffness * eye
        if self.L is not None:
            curvature = curvature + self.L @ self.L.mT
        point = self.log_point.exp()
        h = (self.G * point).sum(-1) + self.log_slack.exp()
        G = torch.cat([-eye, self.G]) if self.nonnegative else self.G
        h = F.pad(h, (self.out_dim, 0)) if self.nonnegative else h
        b = (self.A * point).sum(-1)
        found = solve_qp(curvature, -wish.to(G.dtype), G, h, self.A, b, steps=self.steps)
        return found.z.to(x.dtype), found.ok
