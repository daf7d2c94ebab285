"""The four relations of two constituents that Particle Transformer and edge networks see.

``(ln kT, ln z, ln Delta, ln m^2)`` of the pair, symmetric, from rapidity and azimuth (Qu, Li, Qian, arXiv:2202.03772,
section 4). Each logarithm is floored, so a pair of equal momenta (a constituent with itself) is finite.
"""

from __future__ import annotations

import numpy as np

from jetlego.conventions import ENERGY, PZ, FloatArray, IntArray
from jetlego.physics.kinematics import delta_phi, mass_squared, phi, pt

PAIR_FEATURES = ("ln_kt", "ln_z", "ln_delta", "ln_m2")
"""Names of the last axis of :func:`pair_features`, in order."""

PAIR_FLOOR = 1e-8
"""Smallest argument of each logarithm (the published network's constant)."""

_ENERGY_FLOOR = 1e-20


def pair_features(p4_i: FloatArray, p4_j: FloatArray, *, floor: float = PAIR_FLOOR) -> FloatArray:
    """Return the pair features of broadcast four-momenta.

    Parameters
    ----------
    p4_i, p4_j
        (..., 4) in GeV, broadcast against each other; ``p4[:, None], p4[None, :]`` gives all pairs of a jet.
    floor
        Arguments of the logarithms are at least this.

    Returns
    -------
    FloatArray
        (..., 4): ln(min pT * Delta), ln(min pT / sum pT), ln Delta, ln m^2 of the sum, with GeV and radian.
    """
    pt_i, pt_j = pt(p4_i), pt(p4_j)
    delta = np.hypot(
        light_cone_rapidity(p4_i) - light_cone_rapidity(p4_j), delta_phi(phi(p4_i), phi(p4_j))
    )
    softer = np.minimum(pt_i, pt_j)
    z = softer / np.maximum(pt_i + pt_j, floor)
    arguments = np.stack([softer * delta, z, delta, mass_squared(p4_i + p4_j)], axis=-1)
    return np.log(np.maximum(arguments, floor))


def edge_features(p4: FloatArray, edge_index: IntArray, *, floor: float = PAIR_FLOOR) -> FloatArray:
    """Return (E, 4) pair features of the edges ``edge_index`` (2, E) between packed constituents ``p4`` (P, 4)."""
    return pair_features(p4[edge_index[0]], p4[edge_index[1]], floor=floor)


def light_cone_rapidity(p4: FloatArray) -> FloatArray:
    """Return ``0.5 ln(1 + 2 pz / max(E - pz, 1e-20))``, the published network's form of the rapidity."""
    below = np.maximum(p4[..., ENERGY] - p4[..., PZ], _ENERGY_FLOOR)
    return 0.5 * np.log(np.maximum(1 + 2 * p4[..., PZ] / below, _ENERGY_FLOOR))
