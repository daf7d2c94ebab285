"""Jet columns of substructure: groomed mass and splitting, N-subjettiness, energy correlators.

Where a file stores them, as JetClass does, the stored ones are used. Angles are in units of the radius R = 0.8 of
JetClass; a jet without a splitting that passes has z_g = theta_g = 0.
"""

from __future__ import annotations

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.contraction import Groomed
from jetlego.clustering.correlators import EnergyCorrelators, energy_correlators
from jetlego.clustering.nsubjettiness import nsubjettiness
from jetlego.clustering.soft_drop import softdrop
from jetlego.conventions import FloatArray
from jetlego.data.features.columns import Array, column
from jetlego.data.features.constituent import ratio
from jetlego.data.features.view import JetView

RADIUS = 0.8
"""R of JetClass jets, by which angles and N-subjettiness are divided."""


def groomed(view: JetView) -> Groomed:
    """Return the jets after soft drop with z_cut = 0.1 and beta = 0 (Larkoski et al., arXiv:1402.2657)."""

    def compute() -> Groomed:
        jets = view.jets
        return softdrop(cluster(jets.p4, jets.jet_ptr, algorithm="cambridge_aachen"), radius=RADIUS)

    return view.shared("groomed", compute)


@column("jet_sdmass", "soft-drop mass, GeV (z_cut 0.1, beta 0)")
def _sdmass(view: JetView) -> Array:
    return groomed(view).mass


@column("jet_zg", "momentum sharing z_g of the soft-drop splitting")
def _zg(view: JetView) -> Array:
    return np.nan_to_num(groomed(view).z)


@column("jet_theta_g", "opening angle of the soft-drop splitting over R")
def _theta_g(view: JetView) -> Array:
    return np.nan_to_num(groomed(view).delta) / RADIUS


@column("jet_tau1", "N-subjettiness tau_1, beta = 1")
def _tau1(view: JetView) -> Array:
    return _subjettiness(view)[:, 0]


@column("jet_tau2", "N-subjettiness tau_2, beta = 1")
def _tau2(view: JetView) -> Array:
    return _subjettiness(view)[:, 1]


@column("jet_tau3", "N-subjettiness tau_3, beta = 1")
def _tau3(view: JetView) -> Array:
    return _subjettiness(view)[:, 2]


@column("jet_tau4", "N-subjettiness tau_4, beta = 1")
def _tau4(view: JetView) -> Array:
    return _subjettiness(view)[:, 3]


@column("jet_tau21", "N-subjettiness ratio tau_2 / tau_1")
def _tau21(view: JetView) -> Array:
    return ratio(view["jet_tau2"], view["jet_tau1"])


@column("jet_tau32", "N-subjettiness ratio tau_3 / tau_2")
def _tau32(view: JetView) -> Array:
    return ratio(view["jet_tau3"], view["jet_tau2"])


@column("jet_e2", "two-point energy correlator of pT fractions and (y, phi) distances, beta = 1")
def _e2(view: JetView) -> Array:
    return _correlators(view).e2


@column("jet_e3", "three-point energy correlator, beta = 1")
def _e3(view: JetView) -> Array:
    return _correlators(view).e3


@column("jet_C2", "energy correlator ratio e3 / e2^2, beta = 1 (Larkoski, Salam, Thaler, arXiv:1305.0007)")
def _c2(view: JetView) -> Array:
    return _correlators(view).c2


@column("jet_D2", "energy correlator ratio e3 / e2^3, beta = 1 (Larkoski, Moult, Neill, arXiv:1409.6298)")
def _d2(view: JetView) -> Array:
    return _correlators(view).d2


def _correlators(view: JetView) -> EnergyCorrelators:
    jets = view.jets
    return view.shared("correlators", lambda: energy_correlators(jets.p4, jets.jet_ptr))


def _subjettiness(view: JetView) -> FloatArray:
    """Return (B, 4); 0 for jets without constituents."""
    jets = view.jets
    return view.shared("subjettiness", lambda: nsubjettiness(jets.p4, jets.jet_ptr, radius=RADIUS))
