"""Directions of single momenta in plain numbers: for the few particles of a decay, arrays cost more than the sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from jetlego.physics.kinematics import MAX_RAPIDITY


class Direction(NamedTuple):
    """Transverse momentum in GeV, pseudorapidity and azimuth."""

    pt: float
    eta: float
    phi: float

    @classmethod
    def of(cls, p4: Sequence[float]) -> Direction:
        """Return the direction of (px, py, pz, E)."""
        px, py, pz = p4[0], p4[1], p4[2]
        pt = math.hypot(px, py)
        return cls(pt, math.asinh(pz / pt) if pt > 0 else math.copysign(MAX_RAPIDITY, pz), math.atan2(py, px))

    def distance(self, p4: Sequence[float]) -> float:
        """Return the distance to another momentum in (eta, phi)."""
        other = Direction.of(p4)
        return math.hypot(other.eta - self.eta, math.remainder(other.phi - self.phi, 2 * math.pi))
