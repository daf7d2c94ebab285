"""Two-body decays: a parent's four-momentum and four numbers give the children's, and back; momentum is conserved.

The numbers are the mass fractions ``x_left = m_left / m`` and ``x_right = m_right / (m - m_left)``, both in (0, 1),
and the direction of the left child in the rest frame of the parent: cos theta* to the parent's direction of flight and
the azimuth phi* around it, in (-pi, pi]. Everything is differentiable; use float64, since a boost by 1e4 of a small
momentum leaves few digits of float32.
"""

from __future__ import annotations

import torch
from torch import Tensor

_TINY = 1e-30


def mass_of(p4: Tensor) -> Tensor:
    """Return masses (...,) in GeV of momenta (..., 4) = (px, py, pz, E), 0 where the square is negative."""
    px, py, pz, energy = p4.unbind(-1)
    squared = (energy - pz) * (energy + pz) - px * px - py * py
    positive = squared > 0
    return torch.where(positive, squared, torch.ones_like(squared)).sqrt() * positive


def boost(p4: Tensor, frame: Tensor, mass: Tensor, *, back: bool = False) -> Tensor:
    """Return momenta (..., 4) given in the rest frame of ``frame (..., 4)`` as seen outside; ``back`` goes inside."""
    sign = -1.0 if back else 1.0
    flight, energy = sign * frame.narrow(-1, 0, 3), frame.narrow(-1, 3, 1)
    momentum, own = p4.narrow(-1, 0, 3), p4.narrow(-1, 3, 1)
    mass = mass.unsqueeze(-1).clamp(min=_TINY)
    along = (flight * momentum).sum(-1, keepdim=True)
    new_energy = (energy * own + along) / mass
    return torch.cat([momentum + flight * (new_energy + own) / (energy + mass), new_energy], dim=-1)


def axes_of(frame: Tensor) -> Tensor:
    """Return three orthogonal unit vectors (..., 3, 3) as rows; the third is the direction of flight.

    The first lies in the plane of flight and beam; a particle at rest, or along the beam, takes the fixed axes.
    """
    flight = frame.narrow(-1, 0, 3)
    length = flight.square().sum(-1, keepdim=True).sqrt()
    up = torch.zeros_like(flight)
    up.select(-1, 2).fill_(1.0)
    side = torch.zeros_like(flight)
    side.select(-1, 1).fill_(1.0)
    z = torch.where(length > _TINY, flight / length.clamp(min=_TINY), up)
    across = torch.linalg.cross(up, z)
    size = across.square().sum(-1, keepdim=True).sqrt()
    y = torch.where(size > 1e-9, across / size.clamp(min=_TINY), side)
    return torch.stack([torch.linalg.cross(y, z), y, z], dim=-2)


def decay(parent: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the momenta (..., 4) of left and right child.

    Parameters
    ----------
    parent
        (..., 4) in GeV.
    numbers
        (..., 4): x_left, x_right, cos theta*, phi*.
    """
    x_left, x_right, cos_theta, phi = numbers.unbind(-1)
    mass = mass_of(parent)
    m_left = x_left * mass
    m_right = x_right * (mass - m_left)
    momentum = _momentum(mass, m_left, m_right)
    sin_theta = (1.0 - cos_theta.square()).clamp(min=0.0).sqrt()
    direction = torch.stack([sin_theta * phi.cos(), sin_theta * phi.sin(), cos_theta], dim=-1)
    direction = (direction.unsqueeze(-2) @ axes_of(parent)).squeeze(-2)
    energy = (momentum.square() + m_left.square()).sqrt()
    inside = torch.cat([momentum.unsqueeze(-1) * direction, energy.unsqueeze(-1)], dim=-1)
    left = boost(inside, parent, mass)
    return left, parent - left


def decay_numbers(parent: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return (..., 4) x_left, x_right, cos theta*, phi* of a decay: the inverse of :func:`decay`."""
    mass, m_left, m_right = mass_of(parent), mass_of(left), mass_of(right)
    rest = (mass - m_left).clamp(min=_TINY)
    inside = boost(left, parent, mass, back=True).narrow(-1, 0, 3)
    x, y, z = (axes_of(parent) @ inside.unsqueeze(-1)).squeeze(-1).unbind(-1)
    length = (x * x + y * y + z * z).sqrt().clamp(min=_TINY)
    fractions = m_left / mass.clamp(min=_TINY), m_right / rest
    return torch.stack([*fractions, z / length, torch.atan2(y, x)], dim=-1)


def _momentum(mass: Tensor, m_left: Tensor, m_right: Tensor) -> Tensor:
    """Return the momentum of the children in the parent's rest frame, sqrt(lambda(m^2, m_l^2, m_r^2)) / 2m."""
    factor = (mass - m_left - m_right) * (mass + m_left + m_right)
    factor = factor * (mass - m_left + m_right) * (mass + m_left - m_right)
    return factor.clamp(min=0.0).sqrt() / (2.0 * mass.clamp(min=_TINY))
