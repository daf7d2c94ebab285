"""Kinematic fit: the smallest change of measured jets that gives groups of them known masses.

With u the changes of (ln pt, eta, phi) in units of their resolutions, minimise |u|^2 / 2 subject to m_g(u) = M_g for
every group g, and, if asked, to momentum balance in the transverse plane. Solved by quadratic programs with the
constraints linearised at the last point; the gradient of the result to everything that went in is exact, by one more
program with the Hessian of the Lagrangian at the solution (Nocedal and Wright, Numerical Optimization, 18.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from jetlego.bricks.qp import solve_qp
from jetlego.errors import ConfigError

_AUGMENT = 10.0
"""Weight of J^T J in the last program: makes it convex off the constraints, where the Lagrangian may not be."""


class KinematicFit(NamedTuple):
    """Fitted p4 (B, N, 4) in GeV, pulls u (B, N, 3) of (ln pt, eta, phi), chi2 (B,) = |u|^2, ok (B,) bool.

    Where ``ok`` is False no such point was found, and the jets are as measured, without gradient to the fit.
    """

    p4: Tensor
    pulls: Tensor
    chi2: Tensor
    ok: Tensor


def kinematic_fit(
    jets: Tensor,
    resolution: Tensor,
    *,
    groups: Sequence[Sequence[int]],
    masses: Sequence[float] | Tensor,
    recoil: Tensor | None = None,
    steps: int = 12,
    tolerance: float = 1e-6,
) -> KinematicFit:
    """Return jets whose groups have the given masses, as near to the measured ones as their resolutions allow.

    Parameters
    ----------
    jets
        (B, N, 4) measured (pt, eta, phi, mass), GeV and radian; the jets' own masses are kept.
    resolution
        (B, N, 3) standard deviations of (ln pt, eta, phi), positive.
    groups
        Jet numbers of each constraint, such as ``[[0, 1], [0, 1, 2]]`` for a W boson inside a top quark.
    masses
        GeV, one number a group, or a tensor (G,) or (B, G), which gets gradients.
    recoil
        (B, 2) transverse momentum of everything else, GeV; then the jets must balance it.
    steps
        Linearisations.
    tolerance
        Largest remaining violation, relative to M^2 (to the summed pt for balance), of an ``ok`` fit.

    Raises
    ------
    ConfigError
        If a group names a jet that is not there.
    """
    count = jets.shape[1]
    wrong = [j for group in groups for j in group if not 0 <= j < count]
    if wrong:
        raise ConfigError("BAD-VALUE", f"kinematic fit: no jet {wrong[0]} among {count}")
    wide, target = jets.double(), torch.as_tensor(masses, dtype=torch.float64, device=jets.device)
    given = [wide, resolution.double(), target.expand(len(jets), len(groups))]
    given.append(given[0].new_zeros(len(jets), 2) if recoil is None else recoil.double())
    violation = _violation(groups, balance=recoil is not None)
    with torch.no_grad():
        pulls, ok = _iterate(violation, given, steps, tolerance)
        pulls = torch.where(ok[:, None, None], pulls, torch.zeros_like(pulls))
    pulls = torch.where(ok[:, None, None], _with_gradient(violation, given, pulls), pulls)
    p4 = four_momenta(pulls, *given[:2])
    return KinematicFit(p4.to(jets.dtype), pulls.to(jets.dtype), pulls.square().sum((1, 2)).to(jets.dtype), ok)


def four_momenta(pulls: Tensor, jets: Tensor, resolution: Tensor) -> Tensor:
    """Return (..., N, 4) momenta (px, py, pz, E) of jets moved by ``pulls`` times their resolution."""
    shift = pulls * resolution
    pt, eta, phi = jets[..., 0] * shift[..., 0].exp(), jets[..., 1] + shift[..., 1], jets[..., 2] + shift[..., 2]
    energy = (pt.square() * eta.cosh().square() + jets[..., 3].square()).sqrt()
    return torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh(), energy], dim=-1)


def _violation(groups: Sequence[Sequence[int]], *, balance: bool) -> Callable[..., Tensor]:
    """Return c(u, jets, resolution, masses, recoil) of one event, zero where the constraints hold."""

    def violation(pulls: Tensor, jets: Tensor, resolution: Tensor, masses: Tensor, recoil: Tensor) -> Tensor:
        p4 = four_momenta(pulls, jets, resolution)
        sums = torch.stack([torch.stack([p4[j] for j in group]).sum(0) for group in groups])
        squared = sums[:, 3].square() - sums[:, :3].square().sum(-1)
        found = squared / masses.square() - 1.0
        if not balance:
            return found
        return torch.cat([found, (p4[:, :2].sum(0) + recoil) / jets[:, 0].sum()])

    return violation


def _iterate(
    violation: Callable[..., Tensor], given: list[Tensor], steps: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    pulls = torch.zeros_like(given[1])
    size = pulls[0].numel()
    eye = torch.eye(size, dtype=pulls.dtype, device=pulls.device)
    for _ in range(steps):
        value, slope = _linearise(violation, pulls, given)
        # u + d minimises |u + d|^2 with value + slope d = 0
        target = (slope @ pulls.flatten(1).unsqueeze(-1)).squeeze(-1) - value
        moved = solve_qp(eye, torch.zeros_like(pulls).flatten(1), A=slope, b=target).z
        pulls = moved.reshape(pulls.shape)
    worst = vmap(violation)(pulls, *given).abs().amax(-1)
    return pulls, worst <= tolerance


def _linearise(violation: Callable[..., Tensor], pulls: Tensor, given: list[Tensor]) -> tuple[Tensor, Tensor]:
    value = vmap(violation)(pulls, *given)
    return value, vmap(jacrev(violation))(pulls, *given).flatten(2)


def _weighed(violation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda pulls, multiplier, *given: multiplier @ violation(pulls, *given)


def _with_gradient(violation: Callable[..., Tensor], given: list[Tensor], solution: Tensor) -> Tensor:
    """Return the solution once more, now as a differentiable function of what was given."""
    size = solution[0].numel()
    flat = solution.flatten(1)
    eye = torch.eye(size, dtype=flat.dtype, device=flat.device)
    with torch.no_grad():
        slope = _linearise(violation, solution, given)[1]
        multiplier = solve_qp(eye, flat, A=slope, b=torch.zeros_like(slope[..., 0])).equality
        bend = vmap(jacrev(jacrev(_weighed(violation))))(solution, multiplier, *given)
        curvature = eye + bend.reshape(-1, size, size) + _AUGMENT * slope.mT @ slope
    value, tangent = _linearise(violation, solution, given)
    pull = flat + _AUGMENT * (slope.mT @ value.unsqueeze(-1)).squeeze(-1)
    return solution + solve_qp(curvature, pull, A=tangent, b=-value).z.reshape(solution.shape)
