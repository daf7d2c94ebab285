"""Jet columns that need the jet clustered again: groomed mass and splitting, N-subjettiness.

Where a file stores them, as JetClass does, the stored ones are used. Angles are in units of the radius R = 0.8 of
JetClass; a jet without a splitting that passes has z_g = theta_g = 0.
"""

from __future__ import annotations

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.contraction import Groomed
from jetlego.clustering.soft_drop import softdrop
from jetlego.conventions import FloatArray
from jetlego.data.features.columns import Array, column
from jetlego.data.features.constituent import ratio
from jetlego.data.features.view import JetView
from jetlego.data.generate.observables import subjettiness
from jetlego.physics import kinematics

RADIUS = 0.8
"""R of JetClass jets, by which angles and N-subjettiness are divided."""


def groomed(view: JetView) -> Groomed:
    """Return the jets after soft drop with z_cut = 0.1 and beta = 0 (Larkoski et al., arXiv:1402.2657)."""
    jets = view.jets
    history = cluster(jets.p4, jets.jet_ptr, algorithm="cambridge_aachen")
    return softdrop(history, radius=RADIUS)


@column("jet_sdmass", "soft-drop mass, GeV (z_cut 0.1, beta 0)")
def _sdmass(view: JetView) -> Array:
    history = view.shared("groomed", lambda: groomed(view)).history
    filled = history.num_constituents > 0
    out = np.zeros(history.num_jets)
    out[filled] = kinematics.mass(history.node_p4[history.node_ptr[1:][filled] - 1])  # a jet's last node is its root
    return out


@column("jet_zg", "momentum sharing z_g of the soft-drop splitting")
def _zg(view: JetView) -> Array:
    return np.nan_to_num(view.shared("groomed", lambda: groomed(view)).z)


@column("jet_theta_g", "opening angle of the soft-drop splitting over R")
def _theta_g(view: JetView) -> Array:
    return np.nan_to_num(view.shared("groomed", lambda: groomed(view)).delta) / RADIUS


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


def _subjettiness(view: JetView) -> FloatArray:
    """Return (B, 4); 0 for jets without constituents."""

    def compute() -> FloatArray:
        jets, filled = view.jets, np.flatnonzero(view.jets.num_constituents > 0)
        some = jets.select(filled)
        out = np.zeros((jets.num_jets, 4))
        if len(filled):
            out[filled] = subjettiness(some.p4, some.jet_ptr, radius=RADIUS)
        return out

    return view.shared("subjettiness", compute)
