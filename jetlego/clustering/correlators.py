"""Energy correlators of jets and the ratios C2 and D2 that tell two prongs from one.

    e2 = sum_{i<j} z_i z_j R_ij^beta        e3 = sum_{i<j<k} z_i z_j z_k (R_ij R_ik R_jk)^beta      z = pT / sum pT

C2 = e3 / e2^2: Larkoski, Salam, Thaler, arXiv:1305.0007, eq. (2.4). D2 = e3 / e2^3: Larkoski, Moult, Neill,
arXiv:1409.6298, eq. (1.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.clustering.jit import inner
from jetlego.clustering.kinematics import TWO_PI, rapidity_phi
from jetlego.clustering.packed import checked_momenta
from jetlego.clustering.threads import over_blocks
from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import ConfigError


@dataclass(frozen=True)
class EnergyCorrelators:
    """Two- and three-point correlators of B jets, (B,) each; 0 for a jet with fewer constituents."""

    e2: FloatArray
    e3: FloatArray

    @property
    def c2(self) -> FloatArray:
        """(B,) e3 / e2^2, 0 where e2 is."""
        return self._over(2)

    @property
    def d2(self) -> FloatArray:
        """(B,) e3 / e2^3, 0 where e2 is."""
        return self._over(3)

    def _over(self, power: int) -> FloatArray:
        return np.divide(self.e3, self.e2**power, out=np.zeros_like(self.e3), where=self.e2 > 0)


def energy_correlators(
    p4: FloatArray, jet_ptr: IntArray, *, beta: float = 1.0, threads: int | None = None
) -> EnergyCorrelators:
    """Return e2 and e3 of every jet; O(n^3) per jet.

    Parameters
    ----------
    p4, jet_ptr
        (P, 4) four-momenta (px, py, pz, E) in GeV and (B + 1,) offsets.
    beta
        Angular exponent.
    """
    if not beta > 0:
        raise ConfigError("BAD-VALUE", f"beta is {beta}", "it must be positive")
    momenta, offsets = checked_momenta(p4, jet_ptr)
    e2, e3 = np.zeros(len(offsets) - 1), np.zeros(len(offsets) - 1)

    def work(first: int, last: int) -> None:
        most = int(np.diff(offsets[first : last + 1]).max(initial=1))
        _correlate(momenta, offsets, first, last, beta, np.empty((most, 3)), np.empty((most, most)), e2, e3)

    over_blocks(work, offsets, threads)
    return EnergyCorrelators(e2, e3)


@inner
def _correlate(p4, jet_ptr, first, last, beta, point, angle, e2, e3):
    """Write e2 and e3 of jets ``first .. last - 1``; ``point`` and ``angle`` are scratch."""
    for jet in range(first, last):
        start, n = jet_ptr[jet], jet_ptr[jet + 1] - jet_ptr[jet]
        total = 0.0
        for i in range(n):
            px, py, pz, energy = p4[start + i, 0], p4[start + i, 1], p4[start + i, 2], p4[start + i, 3]
            point[i, 0], point[i, 1] = rapidity_phi(px, py, pz, energy)
            point[i, 2] = np.hypot(px, py)
            total += point[i, 2]
        if total == 0:
            continue
        for i in range(n):
            for j in range(i):
                dphi = abs(point[i, 1] - point[j, 1])
                dphi = min(dphi, TWO_PI - dphi)
                d2 = (point[i, 0] - point[j, 0]) ** 2 + dphi * dphi
                angle[i, j] = d2 ** (0.5 * beta)
        pairs, triples = 0.0, 0.0
        for i in range(n):
            for j in range(i):
                of_pair = point[i, 2] * point[j, 2] * angle[i, j]
                pairs += of_pair
                thirds = 0.0
                for k in range(j):
                    thirds += point[k, 2] * angle[i, k] * angle[j, k]
                triples += of_pair * thirds
        e2[jet], e3[jet] = pairs / total**2, triples / total**3
