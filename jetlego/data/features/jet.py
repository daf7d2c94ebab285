"""Jet columns: four-momentum of the constituents' sum, multiplicity, fragmentation."""

from __future__ import annotations

import numpy as np

from jetlego.data.features.columns import Array, column
from jetlego.data.features.view import JetView
from jetlego.physics import kinematics

JET_CHARGE_KAPPA = 0.5
"""Exponent of the jet charge (Krohn, Schwartz, Lin, Waalewijn, arXiv:1209.2421)."""


def summed_p4(view: JetView) -> Array:
    """Return the E-scheme sum of each jet's constituents, (B, 4) float64."""
    return kinematics.jet_p4(view.jets.p4, view.jets.jet_ptr)


@column("jet_pt", "transverse momentum, GeV")
def _pt(view: JetView) -> Array:
    return kinematics.pt(summed_p4(view))


@column("jet_eta", "pseudorapidity")
def _eta(view: JetView) -> Array:
    return kinematics.eta(summed_p4(view))


@column("jet_phi", "azimuth in [-pi, pi]")
def _phi(view: JetView) -> Array:
    return kinematics.phi(summed_p4(view))


@column("jet_rapidity", "rapidity")
def _rapidity(view: JetView) -> Array:
    return kinematics.rapidity(summed_p4(view))


@column("jet_energy", "energy, GeV")
def _energy(view: JetView) -> Array:
    return kinematics.energy(summed_p4(view))


@column("jet_mass", "mass, GeV")
def _mass(view: JetView) -> Array:
    return kinematics.mass(summed_p4(view))


@column("jet_nparticles", "number of constituents (the stored one counts those beyond a cap too)")
def _nparticles(view: JetView) -> Array:
    return view.jets.num_constituents


@column("jet_leading_fraction", "pT of the hardest constituent / scalar sum of pT")
def _leading_fraction(view: JetView) -> Array:
    counts, largest = view.jets.num_constituents, np.zeros(view.jets.num_jets)
    filled = counts > 0
    if filled.any():
        largest[filled] = np.maximum.reduceat(view["part_z"], view.jets.jet_ptr[:-1][filled])
    return largest


@column("jet_ptd", "sqrt(sum pT^2) / sum pT")
def _ptd(view: JetView) -> Array:
    return np.sqrt(kinematics.sum_by_jet(view["part_z"] ** 2, view.jets.jet_ptr))


@column("jet_width", "pT-weighted mean distance from the jet axis")
def _width(view: JetView) -> Array:
    return kinematics.sum_by_jet(view["part_z"] * view["part_deltaR"], view.jets.jet_ptr)


@column("jet_charge", "sum of charge * (pT / jet pT)^0.5")
def _charge(view: JetView) -> Array:
    weighted = view["part_charge"] * view["part_ptrel"] ** JET_CHARGE_KAPPA
    return kinematics.sum_by_jet(weighted, view.jets.jet_ptr)
