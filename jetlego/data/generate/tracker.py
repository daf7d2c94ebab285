"""Tracks: which charged particles leave one, and how well it measures momentum and impact parameters."""

from __future__ import annotations

import numpy as np

from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.data.generate.calorimeter import FINE
from jetlego.data.generate.kinds import CHARGED_HADRON, ELECTRON, MASS_OF_KIND, MUON
from jetlego.data.generate.smear import log_normal
from jetlego.physics.kinematics import eta, pt

TRACKER_ETA, BARREL_ETA = 2.5, 1.5
LOWEST_TRACK_PT = 0.1
FIELD = 3.8
"""Tesla."""

_EFFICIENCY = {  # kind: (barrel below 1 GeV, barrel above), (endcap below 1 GeV, endcap above)
    CHARGED_HADRON: ((0.70, 0.95), (0.60, 0.85)),
    ELECTRON: ((0.73, 0.95), (0.50, 0.83)),
    MUON: ((0.75, 0.99), (0.70, 0.98)),
}
_RESOLUTION = {  # kind: (constant, slope per GeV) for |eta| below 0.5, 1.5 and 2.5
    CHARGED_HADRON: ((0.01, 1.5e-4), (0.015, 2.5e-4), (0.025, 5.5e-4)),
    ELECTRON: ((0.03, 1.3e-3), (0.05, 1.7e-3), (0.15, 3.1e-3)),
    MUON: ((0.01, 1.0e-4), (0.015, 1.5e-4), (0.025, 3.5e-4)),
}
_ETA_EDGES = (0.5, 1.5)
_IMPACT_ETA_EDGES = (0.9, 1.4)
_D0_ERROR = np.array([[0.0102, 0.0793, 0.693], [0.0091, 0.0937, 0.717], [0.0135, 0.1529, 0.829]])
_DZ_ERROR = np.array([[0.0305, 0.1147, 0.732], [0.0339, 0.1921, 0.734], [0.0791, 0.6634, 0.878]])
"""mm: a, b, p of sqrt(a^2 + (b pT^-p)^2) by |eta| below 0.9, 1.4 and 2.5, fitted to the values of CMS,
arXiv:1405.6569, figure 15 for 0.5 < pT < 135 GeV; the fits are within 16 % of every point."""


def track_is_found(p4: FloatArray, kind: IntArray, charge: IntArray, rng: np.random.Generator) -> BoolArray:
    """Return a mask of the particles (P, 4) that leave a track that is found."""
    far, transverse = np.abs(eta(p4)), pt(p4)
    endcap, hard = (far > BARREL_ETA).astype(int), (transverse > 1.0).astype(int)
    efficiency = np.zeros(len(p4))
    for number, table in _EFFICIENCY.items():
        of_kind = kind == number
        efficiency[of_kind] = np.array(table)[endcap[of_kind], hard[of_kind]]
    inside = (far < TRACKER_ETA) & (transverse > LOWEST_TRACK_PT) & (charge != 0)
    return inside & (rng.random(len(p4)) < efficiency)


def measure_tracks(
    p4: FloatArray, kind: IntArray, charge: IntArray, vertex: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return measured momenta and impact parameters of tracks.

    Parameters
    ----------
    p4
        (T, 4) true momenta in GeV.
    kind, charge
        (T,) kind of particle, and charge in units of e.
    vertex
        (T, 3) production points in mm, the collision at the origin.
    rng
        Source of the smearing.

    Returns
    -------
    FloatArray
        (T, 4) momenta: the direction is exact, the mass that of the kind.
    FloatArray
        (T, 4): d0, its error, dz, its error in mm. d0 has the sign of x py - y px at the point of closest approach.
    """
    scale = log_normal(np.ones(len(p4)), pt_resolution(p4, kind), rng)
    three = p4[:, :3] * scale[:, None]
    energy = np.sqrt((three**2).sum(axis=1) + MASS_OF_KIND[kind] ** 2)
    error_d0, error_dz = impact_errors(p4)
    d0, dz = impact_parameters(p4, charge, vertex)
    d0 = d0 + error_d0 * rng.standard_normal(len(p4))
    dz = dz + error_dz * rng.standard_normal(len(p4))
    return np.column_stack([three, energy]), np.column_stack([d0, error_d0, dz, error_dz])


def pt_resolution(p4: FloatArray, kind: IntArray) -> FloatArray:
    """Return the relative resolution of the tracks' transverse momentum; for electrons the calorimeter's if better."""
    region, transverse = np.searchsorted(_ETA_EDGES, np.abs(eta(p4))), pt(p4)
    resolution = np.zeros(len(p4))
    for number, table in _RESOLUTION.items():
        of_kind = kind == number
        constant, slope = np.array(table)[region[of_kind]].T
        resolution[of_kind] = np.hypot(constant, slope * transverse[of_kind])
    electron = kind == ELECTRON
    by_cells = FINE.resolution(p4[electron]) / p4[electron, 3]
    resolution[electron] = np.minimum(resolution[electron], by_cells)
    return resolution


def impact_errors(p4: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the resolutions of d0 and dz in mm."""
    region, transverse = np.searchsorted(_IMPACT_ETA_EDGES, np.abs(eta(p4))), pt(p4)
    errors = []
    for table in (_D0_ERROR, _DZ_ERROR):
        constant, slope, power = table[region].T
        errors.append(np.hypot(constant, slope * transverse**-power))
    return errors[0], errors[1]


def impact_parameters(p4: FloatArray, charge: IntArray, vertex: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return d0 and dz in mm of the circle that the track is in the transverse plane.

    d0 is the distance of the circle from the beam line. dz is z at the closest approach, along the chord: exact for
    a straight track, and to (path / radius)^2 / 24 for a curved one.
    """
    transverse = pt(p4)
    turn = 1e3 * transverse / (0.299792458 * FIELD * charge)  # mm, signed radius of the circle
    x, y, z = vertex.T
    ux, uy = p4[:, 0] / transverse, p4[:, 1] / transverse
    center = np.hypot(x + turn * uy, y - turn * ux)
    beyond = x**2 + y**2 + 2 * turn * (x * uy - y * ux)  # center^2 - turn^2, without losing digits of a small d0
    d0 = np.sign(charge) * beyond / (center + np.abs(turn))
    dz = z - (x * ux + y * uy) * p4[:, 2] / transverse
    return d0, dz
