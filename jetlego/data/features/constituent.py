"""Constituent kinematics, absolute and relative to the jet axis.

Logarithms are floored at 1e-8, so a constituent of zero momentum is finite. ``deta`` carries JetClass's sign: it is
multiplied by the sign of the jet's pseudorapidity, so that "towards the beam" is positive on both sides.
"""

from __future__ import annotations

import numpy as np

from jetlego.data.features.columns import Array, Transform, column
from jetlego.data.features.view import JetView
from jetlego.physics import kinematics

LOG_FLOOR = 1e-8
"""Smallest argument of a logarithm, in GeV or as a ratio."""


@column("part_pt", "transverse momentum, GeV")
def _pt(view: JetView) -> Array:
    return kinematics.pt(view.jets.p4)


@column("part_eta", "pseudorapidity")
def _eta(view: JetView) -> Array:
    return kinematics.eta(view.jets.p4)


@column("part_phi", "azimuth in [-pi, pi]")
def _phi(view: JetView) -> Array:
    return kinematics.phi(view.jets.p4)


@column("part_rapidity", "rapidity")
def _rapidity(view: JetView) -> Array:
    return kinematics.rapidity(view.jets.p4)


@column("part_mass", "mass, GeV, its square clamped at zero")
def _mass(view: JetView) -> Array:
    return kinematics.mass(view.jets.p4)


@column("part_p", "absolute momentum, GeV")
def _p(view: JetView) -> Array:
    return kinematics.momentum(view.jets.p4)


@column("part_theta", "polar angle in [0, pi]")
def _theta(view: JetView) -> Array:
    return np.arctan2(view["part_pt"], view["part_pz"])


@column("part_mask", "1 for every real constituent")
def _mask(view: JetView) -> Array:
    return np.ones(len(view.jets.p4), np.float32)


@column("part_deta", "pseudorapidity from the jet axis, signed by the jet's side of the detector")
def _deta(view: JetView) -> Array:
    side = np.where(view["jet_eta"] < 0, -1, 1)[view.owner]
    return side * (view["part_eta"] - view.per_constituent("jet_eta"))


@column("part_dphi", "azimuth from the jet axis in [-pi, pi)")
def _dphi(view: JetView) -> Array:
    return kinematics.delta_phi(view["part_phi"], view.per_constituent("jet_phi"))


@column("part_drapidity", "rapidity from the jet's")
def _drapidity(view: JetView) -> Array:
    return view["part_rapidity"] - view.per_constituent("jet_rapidity")


@column("part_deltaR", "distance from the jet axis in (eta, phi)", transform=Transform(0.2, 4.0))
def _delta_r(view: JetView) -> Array:
    return np.hypot(view["part_deta"], view["part_dphi"])


@column("part_pt_log", "ln(pT / GeV)", transform=Transform(1.7, 0.7))
def _pt_log(view: JetView) -> Array:
    return floored_log(view["part_pt"])


@column("part_e_log", "ln(E / GeV)", transform=Transform(2.0, 0.7))
def _e_log(view: JetView) -> Array:
    return floored_log(view["part_energy"])


@column("part_ptrel", "pT / pT of the jet")
def _ptrel(view: JetView) -> Array:
    return ratio(view["part_pt"], view.per_constituent("jet_pt"))


@column("part_erel", "E / E of the jet")
def _erel(view: JetView) -> Array:
    return ratio(view["part_energy"], view.per_constituent("jet_energy"))


@column("part_logptrel", "ln(pT / pT of the jet)", transform=Transform(-4.7, 0.7))
def _logptrel(view: JetView) -> Array:
    return floored_log(view["part_ptrel"])


@column("part_logerel", "ln(E / E of the jet)", transform=Transform(-4.7, 0.7))
def _logerel(view: JetView) -> Array:
    return floored_log(view["part_erel"])


@column("part_z", "pT / scalar sum of pT over the jet's constituents")
def _z(view: JetView) -> Array:
    total = kinematics.sum_by_jet(view["part_pt"], view.jets.jet_ptr)
    return ratio(view["part_pt"], total[view.owner])


@column("part_y_centered", "rapidity from the pT-weighted centroid of the jet (EnergyFlow's preprocessing)")
def _y_centered(view: JetView) -> Array:
    return _centered(view, view["part_drapidity"])


@column("part_phi_centered", "azimuth from the pT-weighted centroid of the jet (EnergyFlow's preprocessing)")
def _phi_centered(view: JetView) -> Array:
    return kinematics.delta_phi(_centered(view, view["part_dphi"]), 0.0)


def _centered(view: JetView, offset: Array) -> Array:
    centroid = kinematics.sum_by_jet(view["part_z"] * offset, view.jets.jet_ptr)
    return offset - centroid[view.owner]


def floored_log(value: Array) -> Array:
    """Return ``ln(max(value, 1e-8))``."""
    return np.log(np.maximum(value, LOG_FLOOR))


def ratio(numerator: Array, denominator: Array) -> Array:
    """Return ``numerator / denominator``, 0 where the denominator is 0."""
    zero = denominator == 0
    return np.where(zero, 0, numerator / np.where(zero, 1, denominator))
