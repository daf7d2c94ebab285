"""Coordinates of one declustering: a node that splits into a harder branch a and a softer branch b.

    Delta = sqrt((y_a - y_b)^2 + dphi^2)    z = pT_b / (pT_a + pT_b)    kt = pT_b Delta    kappa = z Delta
    m = sqrt(max(0, (p_a + p_b)^2))         psi = atan2(y_b - y_a, wrap(phi_b - phi_a))

after Dreyer, Salam, Soyez, arXiv:1807.04758, section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.conventions import BoolArray, FloatArray
from jetlego.physics import kinematics

SMALLEST_DELTA = 1e-6
"""Floor of Delta below a logarithm."""

SMALLEST = 1e-20
"""Floor of anything else below a logarithm."""

IMAGE_X, IMAGE_Y, IMAGE_BINS = (0.0, 7.0), (-3.0, 7.0), 50
"""Limits of ln 1/Delta and of ln kt/GeV, and the number of bins of each (Dreyer, Qu, arXiv:2012.08526)."""


def softer_first(a: FloatArray, b: FloatArray) -> BoolArray:
    """Return where branch a (..., 4) has strictly less pT than branch b, so that the two must be swapped."""
    return kinematics.pt(a) < kinematics.pt(b)


@dataclass(frozen=True)
class Declustering:
    """Lund coordinates of R declusterings, (R,) each; angles in radian, kt and mass in GeV."""

    z: FloatArray
    delta: FloatArray
    psi: FloatArray
    mass: FloatArray
    kt: FloatArray

    @classmethod
    def of(cls, harder: FloatArray, softer: FloatArray) -> Declustering:
        """Return the coordinates of the branches (R, 4) and (R, 4), (px, py, pz, E) in GeV."""
        pt_a, pt_b = kinematics.pt(harder), kinematics.pt(softer)
        dy = kinematics.rapidity(softer) - kinematics.rapidity(harder)
        dphi = kinematics.delta_phi(kinematics.phi(softer), kinematics.phi(harder))
        delta = np.hypot(dy, dphi)
        total = pt_a + pt_b
        z = np.divide(pt_b, total, out=np.zeros_like(total), where=total > 0)
        return cls(z, delta, np.arctan2(dy, dphi), kinematics.mass(harder + softer), pt_b * delta)

    @property
    def kappa(self) -> FloatArray:
        """(R,) z Delta."""
        return self.z * self.delta

    @property
    def ln_z(self) -> FloatArray:
        """(R,) ln z."""
        return np.log(np.maximum(self.z, SMALLEST))

    @property
    def ln_delta(self) -> FloatArray:
        """(R,) ln Delta."""
        return np.log(np.maximum(self.delta, SMALLEST_DELTA))

    @property
    def ln_mass(self) -> FloatArray:
        """(R,) ln m/GeV."""
        return np.log(np.maximum(self.mass, SMALLEST))

    @property
    def ln_kt(self) -> FloatArray:
        """(R,) ln kt/GeV."""
        return np.log(np.maximum(self.kt, SMALLEST))

    def table(self) -> FloatArray:
        """Return (R, 5): ln z, ln Delta, psi, ln m, ln kt."""
        return np.stack([self.ln_z, self.ln_delta, self.psi, self.ln_mass, self.ln_kt], axis=-1)


def lundnet_table(harder: FloatArray, softer: FloatArray, *, radius: float = 1.0) -> FloatArray:
    """Return (R, 5) float32 ln z, ln Delta, psi, ln m, ln kt in the convention of published LundNet weights.

    It differs from :class:`Declustering` in psi = atan((y_a - y_b) / (phi_a - phi_b)) with phi in [0, 2 pi) and not
    wrapped (0 where the denominator is), in Delta floored and multiplied by ``radius``, and in ln m = ln sqrt|m^2|
    (Dreyer, Qu, arXiv:2012.08526).
    """
    plain = Declustering.of(harder, softer)
    delta = np.maximum(SMALLEST_DELTA, plain.delta * radius)
    dy = kinematics.rapidity(harder) - kinematics.rapidity(softer)
    dphi = kinematics.phi(harder) % (2 * np.pi) - kinematics.phi(softer) % (2 * np.pi)
    slope = np.divide(dy, dphi, out=np.zeros_like(dy), where=dphi != 0)
    m2 = np.abs(kinematics.mass_squared(harder + softer))
    ln_kt = np.log(np.maximum(kinematics.pt(softer) * delta, SMALLEST))
    ln_m = 0.5 * np.log(np.maximum(m2, SMALLEST))
    columns = [plain.ln_z, np.log(delta), np.arctan(slope), ln_m, ln_kt]
    return np.stack(columns, axis=-1).astype(np.float32)


def image_bin(value: FloatArray, limits: tuple[float, float], bins: int) -> FloatArray:
    """Return LundNet's bin, ceil((v - v_min) / width - 1), for each value; outside of 0 .. bins - 1 there is none."""
    width = (limits[1] - limits[0]) / bins
    return np.ceil((value - limits[0]) / width - 1).astype(np.int64)
