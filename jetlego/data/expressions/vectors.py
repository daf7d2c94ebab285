"""Four-vectors inside expressions: what the ``_p4_from_*`` helpers return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

TWO_PI = 2 * np.pi


@dataclass(frozen=True)
class FourVectors:
    """Arrays of px, py, pz, energy in GeV, flat or jagged, that add and know their angles."""

    px: Any
    py: Any
    pz: Any
    energy: Any

    def __add__(self, other: FourVectors) -> FourVectors:
        return FourVectors(self.px + other.px, self.py + other.py, self.pz + other.pz, self.energy + other.energy)

    @property
    def x(self) -> Any:
        """Momentum along x."""
        return self.px

    @property
    def y(self) -> Any:
        """Momentum along y."""
        return self.py

    @property
    def z(self) -> Any:
        """Momentum along the beam."""
        return self.pz

    @property
    def pt(self) -> Any:
        """Transverse momentum."""
        return np.hypot(self.px, self.py)

    @property
    def p(self) -> Any:
        """Absolute momentum."""
        return np.hypot(self.pt, self.pz)

    @property
    def phi(self) -> Any:
        """Azimuth in [-pi, pi]."""
        return np.arctan2(self.py, self.px)

    @property
    def theta(self) -> Any:
        """Polar angle in [0, pi]."""
        return np.arctan2(self.pt, self.pz)

    @property
    def eta(self) -> Any:
        """Pseudorapidity."""
        return np.arcsinh(self.pz / self.pt)

    @property
    def rapidity(self) -> Any:
        """Rapidity."""
        return np.arctanh(self.pz / self.energy)

    @property
    def mass(self) -> Any:
        """Invariant mass, its square clamped at zero."""
        return np.sqrt(np.maximum((self.energy + self.pz) * (self.energy - self.pz) - self.px**2 - self.py**2, 0))

    def deltaphi(self, other: FourVectors) -> Any:
        """Return the difference of azimuths in [-pi, pi)."""
        difference = self.phi - other.phi
        wrapped = difference - TWO_PI * np.floor((difference + np.pi) / TWO_PI)
        return wrapped - TWO_PI * (wrapped >= np.pi)

    def deltaeta(self, other: FourVectors) -> Any:
        """Return the difference of pseudorapidities."""
        return self.eta - other.eta

    def deltaR(self, other: FourVectors) -> Any:
        """Return the distance in pseudorapidity and azimuth."""
        return np.hypot(self.deltaeta(other), self.deltaphi(other))


def from_pxpypze(px: Any, py: Any, pz: Any, energy: Any) -> FourVectors:
    """Return four-vectors of Cartesian components."""
    return FourVectors(px, py, pz, energy)


def from_ptetaphie(pt: Any, eta: Any, phi: Any, energy: Any) -> FourVectors:
    """Return four-vectors of transverse momentum, pseudorapidity, azimuth and energy."""
    return FourVectors(pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy)


def from_ptetaphim(pt: Any, eta: Any, phi: Any, mass: Any) -> FourVectors:
    """Return four-vectors of transverse momentum, pseudorapidity, azimuth and mass."""
    momentum = pt * np.cosh(eta)
    return from_ptetaphie(pt, eta, phi, np.sqrt(momentum * momentum + mass * mass))
