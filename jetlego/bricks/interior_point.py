"""Batched convex quadratic programs by a primal-dual interior point, with exact gradients.

    z* = argmin 1/2 z^T Q z + q^T z   subject to   A z = b,  G z <= h

Mehrotra's predictor-corrector (SIAM J. Optim. 2 (1992) 575) with a fixed number of steps, a step length and a stop
for each problem of the batch. The gradient is one more solve with the matrix of the last step (Amos and Kolter,
arXiv:1703.00443, eq. (8)).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

TOLERANCE = 1e-8
"""Residuals below this, relative to the size of the problem, make a solution ``ok`` (float32: 1e-4)."""
_STUCK = 0.9
"""A step that leaves more than this of the residual helps little: 17 of 100,000 random problems would never end."""
_TINY = 1e-14
_SMALL = 2**22
"""Numbers in the table of row products up to which a shared G is squared by one product for the whole batch."""


class Program(NamedTuple):
    """A batch of quadratic programs: vectors (B, ...), matrices with the axis B or without, where all share them."""

    Q: Tensor
    q: Tensor
    G: Tensor
    h: Tensor
    A: Tensor
    b: Tensor


class Point(NamedTuple):
    """Primal z (B, n), slack s and multiplier l of the inequalities (B, m), multiplier v of the equalities (B, p)."""

    z: Tensor
    s: Tensor
    l: Tensor  # noqa: E741 - lambda
    v: Tensor


class Factors(NamedTuple):
    """Cholesky factors L of H = Q + G^T D(l/s) G and of A H^-1 A^T, and L^-1 A^T."""

    inner: Tensor
    outer: Tensor
    half: Tensor


def solve(program: Program, steps: int) -> tuple[Point, Tensor]:
    """Return the solution and, per problem, whether it satisfies the optimality conditions.

    Infeasible or unbounded problems, and ones that need more steps, give the best point met, finite, with ``ok``
    False.
    """
    if program.G.shape[-2] == 0:
        return _equality_only(program)
    point = _start(program)
    best, least = point, residual(program, point)
    before, stuck = least, torch.zeros_like(least, dtype=torch.bool)
    for _ in range(steps):
        stepped = _step(program, point, stuck)
        miss = residual(program, stepped)
        # a problem that is solved, or whose step failed, stays where it is
        moving = (least > 1e-4 * _tolerance(program)) & torch.isfinite(miss)
        stuck = miss > _STUCK * before
        before = torch.where(moving, miss, before)
        point = _choose(moving, stepped, point)
        better = moving & (miss < least)
        best, least = _choose(better, stepped, best), torch.where(better, miss, least)
    return best, least <= _tolerance(program)


def residual(program: Program, point: Point) -> Tensor:
    """Return (B,) the largest violation of the optimality conditions, relative to the size of the problem."""
    dual, primal, equal = _residuals(program, point)
    size = 1.0 + torch.stack([_largest(program.q), _largest(program.h), _largest(program.b)]).amax(0)
    gap = (point.s * point.l).abs()
    return torch.stack([_largest(v) for v in (dual, primal, equal, gap)]).amax(0) / size


def adjoint(program: Program, point: Point, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (dz, w, dv), where w = D(l) dl, of the optimality conditions turned round.

    [[Q, G^T D(l), A^T], [G, -D(s), 0], [A, 0, 0]] (dz, dl, dv) = -(grad, 0, 0), solved whole, the rows of the
    inequalities scaled by l + s: H loses Q to rounding where l/s is large, this does not. The small
    diagonal lets redundant constraints share their multiplier.
    """
    n, m, p = program.q.shape[-1], program.h.shape[-1], program.b.shape[-1]
    both = (point.l + point.s).clamp(min=_TINY)
    tiny = 16.0 * torch.finfo(grad.dtype).eps
    system = grad.new_zeros(*grad.shape[:-1], n + m + p, n + m + p)
    system[..., :n, :n] = program.Q
    system[..., :n, n : n + m] = program.G.mT
    system[..., :n, n + m :] = program.A.mT
    system[..., n : n + m, :n] = (point.l / both).unsqueeze(-1) * program.G
    system[..., n : n + m, n : n + m] = torch.diag_embed(-point.s / both - tiny)
    system[..., n + m :, :n] = program.A
    system[..., n + m :, n + m :] = -tiny * torch.eye(p, dtype=grad.dtype, device=grad.device)
    side = torch.cat([-grad, grad.new_zeros(*grad.shape[:-1], m + p)], -1).unsqueeze(-1)
    dz, w, dv = torch.linalg.solve_ex(system, side).result.squeeze(-1).split([n, m, p], -1)
    return dz, w, dv


def _equality_only(program: Program) -> tuple[Point, Tensor]:
    none = program.h
    factors = _factorise(program, Point(program.q, none, none, program.b))
    z, v = _reduced(program, factors, -program.q, program.b)
    point = Point(z, none, none, v)
    miss = residual(program, point)
    finite = torch.isfinite(miss)
    return _choose(finite, point, _zeros(point)), finite & (miss <= _tolerance(program))


def _start(program: Program) -> Point:
    """Return the minimiser with the inequalities as springs, slacks and multipliers pushed above zero."""
    ones = torch.ones_like(program.h)
    factors = _factorise(program, Point(program.q, ones, ones, program.b))
    z, v = _reduced(program, factors, _multiply(program.G.mT, program.h) - program.q, program.b)
    over = _multiply(program.G, z) - program.h
    start = Point(z, _positive(-over), _positive(over), v)
    fresh = Point(torch.zeros_like(z), ones, ones, torch.zeros_like(v))
    return _choose(torch.isfinite(residual(program, start)), start, fresh)


def _positive(x: Tensor) -> Tensor:
    low = x.amin(-1, keepdim=True)
    return torch.where(low > 0, x, x - low + 1.0)


def _step(program: Program, point: Point, stuck: Tensor) -> Point:
    """Return the next point; ``stuck`` problems (B,) go halfway to the centre, where predictor and corrector cycle."""
    factors = _factorise(program, point)
    products = point.s * point.l
    gap = products.mean(-1, keepdim=True)
    predicted = _direction(program, factors, point, products)
    length = _length(point, predicted)
    ahead = ((point.s + length * predicted.s) * (point.l + length * predicted.l)).mean(-1, keepdim=True)
    centring = (ahead / gap.clamp(min=_TINY)) ** 3
    centring = torch.where(stuck.unsqueeze(-1), centring.clamp(min=0.5), centring)
    curvature = torch.where(stuck.unsqueeze(-1), 0.0, predicted.s * predicted.l)
    corrected = products + curvature - centring * gap
    direction = _direction(program, factors, point, corrected)
    length = (0.995 * _length(point, direction)).clamp(max=1.0)
    return Point(*(p + length * d for p, d in zip(point, direction, strict=True)))


def _direction(program: Program, factors: Factors, point: Point, target: Tensor) -> Point:
    """Return the Newton direction that removes the residuals and takes s l by ``target`` towards zero."""
    dual, primal, equal = _residuals(program, point)
    pull = (point.l * primal - target) / point.s
    dz, dv = _reduced(program, factors, -dual - _multiply(program.G.mT, pull), -equal)
    ds = -primal - _multiply(program.G, dz)
    dl = -(target + point.l * ds) / point.s
    return Point(dz, ds, dl, dv)


def _length(point: Point, direction: Point) -> Tensor:
    """Return (B, 1) the longest step at which slacks and multipliers are not negative."""
    ratios = [torch.where(d < 0, -x / d, torch.inf) for x, d in ((point.s, direction.s), (point.l, direction.l))]
    return torch.cat(ratios, -1).amin(-1, keepdim=True).clamp(max=1.0)


def _residuals(program: Program, point: Point) -> tuple[Tensor, Tensor, Tensor]:
    dual = _multiply(program.Q, point.z) + program.q + _multiply(program.G.mT, point.l)
    dual = dual + _multiply(program.A.mT, point.v)
    return dual, _multiply(program.G, point.z) + point.s - program.h, _multiply(program.A, point.z) - program.b


def _factorise(program: Program, point: Point) -> Factors:
    ratio = point.l / point.s.clamp(min=_TINY)
    inner = torch.linalg.cholesky_ex(program.Q + _weighted_square(program.G, ratio)).L
    half = torch.linalg.solve_triangular(inner, program.A.mT.expand(len(inner), -1, -1), upper=False)
    outer = half.mT @ half
    # a diagonal of rounding size, so that redundant rows of A do no harm
    ridge = torch.diag_embed(4.0 * torch.finfo(outer.dtype).eps * outer.diagonal(dim1=-2, dim2=-1))
    return Factors(inner, torch.linalg.cholesky_ex(outer + ridge).L, half)


def _weighted_square(G: Tensor, weight: Tensor) -> Tensor:
    """Return G^T D(weight) G (B, n, n)."""
    m, n = G.shape[-2:]
    if G.ndim == 3 or m * n * n > _SMALL:
        return G.mT @ (weight.unsqueeze(-1) * G)
    return (weight @ (G.unsqueeze(-1) * G.unsqueeze(-2)).flatten(1)).unflatten(-1, (n, n))


def _reduced(program: Program, factors: Factors, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return (dz, dv) of H dz + A^T dv = first, A dz = second."""
    lower = torch.linalg.solve_triangular(factors.inner, first.unsqueeze(-1), upper=False)
    dv = torch.cholesky_solve(factors.half.mT @ lower - second.unsqueeze(-1), factors.outer)
    dz = torch.linalg.solve_triangular(factors.inner.mT, lower - factors.half @ dv, upper=True)
    return dz.squeeze(-1), dv.squeeze(-1)


def _multiply(matrix: Tensor, vector: Tensor) -> Tensor:
    """Return the products (B, m) of one matrix (m, n), or one each, with vectors (B, n)."""
    return vector @ matrix.mT if matrix.ndim == 2 else (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _largest(x: Tensor) -> Tensor:
    return x.abs().amax(-1) if x.shape[-1] else x.new_zeros(x.shape[:-1])


def _tolerance(program: Program) -> float:
    return TOLERANCE if program.q.dtype == torch.float64 else 1e-4


def _choose(which: Tensor, yes: Point, no: Point) -> Point:
    return Point(*(torch.where(which.unsqueeze(-1), a, b) for a, b in zip(yes, no, strict=True)))


def _zeros(point: Point) -> Point:
    return Point(*(torch.zeros_like(p) for p in point))
