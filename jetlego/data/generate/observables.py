"""What a jet is described by: momentum, number of constituents, groomed mass, N-subjettiness."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.history import History
from jetlego.conventions import FloatArray, IntArray
from jetlego.physics.kinematics import energy, eta, jet_p4, mass, phi, pt

SOFT_DROP_CUT = 0.1
"""z_cut of soft drop with beta = 0 (Larkoski, Marzani, Soyez, Thaler, arXiv:1402.2657), as in JetClass."""


def jet_columns(p4: FloatArray, jet_ptr: IntArray) -> dict[str, np.ndarray]:
    """Return the ``jet_*`` branches of jets made of these constituents.

    Parameters
    ----------
    p4
        (P, 4) constituents in GeV.
    jet_ptr
        (B + 1,) offsets.
    """
    axis = jet_p4(p4, jet_ptr)
    return {
        "jet_pt": pt(axis), "jet_eta": eta(axis), "jet_phi": phi(axis), "jet_energy": energy(axis),
        "jet_nparticles": np.diff(jet_ptr), "jet_sdmass": soft_drop_mass(p4, jet_ptr),
    }  # fmt: skip


def soft_drop_mass(p4: FloatArray, jet_ptr: IntArray) -> FloatArray:
    """Return the soft-drop mass (B,) in GeV, beta = 0."""
    history = cluster(p4, jet_ptr, algorithm="cambridge_aachen", threads=1)
    return np.array([_groomed_mass(history, jet) for jet in range(history.num_jets)])


def _groomed_mass(history: History, jet: int) -> float:
    count = int(history.num_constituents[jet])
    nodes = history.node_p4[history.node_ptr[jet] : history.node_ptr[jet + 1]]
    parents = history.parents[history.merge_ptr[jet] : history.merge_ptr[jet + 1]]
    node = len(nodes) - 1
    while node >= count:
        a, b = parents[node - count]
        pts = pt(nodes[a]), pt(nodes[b])
        if min(pts) > SOFT_DROP_CUT * sum(pts):
            break
        node = a if pts[0] >= pts[1] else b
    return float(mass(nodes[node]))
