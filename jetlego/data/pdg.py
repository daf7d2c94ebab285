"""Masses of the particles that reach a detector, by PDG code.

References
----------
Particle Data Group, Phys. Rev. D 110 (2024) 030001.
"""

from __future__ import annotations

import numpy as np

from jetlego.conventions import FloatArray, IntArray

MASSES = {
    11: 0.00051099895, 13: 0.1056583755, 15: 1.77693, 22: 0.0, 111: 0.1349768, 130: 0.497611, 211: 0.13957039,
    310: 0.497611, 321: 0.493677, 2112: 0.9395654205, 2212: 0.93827208816,
}  # fmt: skip
"""{absolute PDG code: GeV}; particle and antiparticle alike, everything else massless."""


def mass_of(pdgid: IntArray) -> FloatArray:
    """Return (P,) float64 masses in GeV; 0 for codes that no detector sees."""
    codes = np.abs(np.asarray(pdgid).astype(np.int64))
    known = np.array(sorted(MASSES))
    masses = np.array([MASSES[code] for code in known])
    position = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[position] == codes, masses[position], 0.0)
