"""What a jet is described by: momentum, number of constituents, groomed mass, N-subjettiness."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.history import History
from jetlego.conventions import FloatArray, IntArray
from jetlego.physics.kinematics import delta_r, energy, eta, jet_p4, mass, phi, pt, rapidity, sum_by_jet

SOFT_DROP_CUT = 0.1
"""z_cut of soft drop with beta = 0, as in JetClass."""

MOST_AXES = 4


def jet_columns(p4: FloatArray, jet_ptr: IntArray, *, radius: float) -> dict[str, np.ndarray]:
    """Return the ``jet_*`` branches of jets made of these constituents.

    Parameters
    ----------
    p4
        (P, 4) constituents in GeV.
    jet_ptr
        (B + 1,) offsets.
    radius
        R of the jets, by which N-subjettiness is divided.
    """
    axis = jet_p4(p4, jet_ptr)
    columns = {
        "jet_pt": pt(axis), "jet_eta": eta(axis), "jet_phi": phi(axis), "jet_energy": energy(axis),
        "jet_nparticles": np.diff(jet_ptr), "jet_sdmass": soft_drop_mass(p4, jet_ptr),
    }  # fmt: skip
    tau = subjettiness(p4, jet_ptr, radius=radius)
    return columns | {f"jet_tau{number + 1}": tau[:, number] for number in range(MOST_AXES)}


def soft_drop_mass(p4: FloatArray, jet_ptr: IntArray) -> FloatArray:
    """Return the soft-drop mass (B,) in GeV: z_cut = 0.1, beta = 0.

    References
    ----------
    Larkoski, Marzani, Soyez, Thaler, arXiv:1402.2657, eq. (1.1).
    """
    history = cluster(p4, jet_ptr, algorithm="cambridge_aachen", threads=1)
    return np.array([_groomed_mass(history, jet) for jet in range(history.num_jets)])


def _groomed_mass(history: History, jet: int) -> float:
    count = int(history.num_constituents[jet])
    nodes = history.node_p4[history.node_ptr[jet] : history.node_ptr[jet + 1]]
    parents = history.parents[history.merge_ptr[jet] : history.merge_ptr[jet + 1]]
    node, pts = len(nodes) - 1, pt(nodes)
    while node >= count:
        first, second = parents[node - count]
        if min(pts[first], pts[second]) > SOFT_DROP_CUT * (pts[first] + pts[second]):
            break
        node = first if pts[first] >= pts[second] else second
    return float(mass(nodes[node]))


def subjettiness(p4: FloatArray, jet_ptr: IntArray, *, radius: float) -> FloatArray:
    """Return tau_1 .. tau_4 (B, 4), beta = 1; 0 for a jet with no more constituents than axes.

    Notes
    -----
    tau_N = sum_i pT_i min_a Delta_R(i, a) / (R sum_i pT_i), with Delta_R in rapidity and azimuth. The N axes are the
    exclusive subjets of kT with winner-take-all recombination, which lie close to the minimum for beta = 1; JetClass
    moves them there by one step of minimization.

    References
    ----------
    Thaler, Van Tilburg, arXiv:1011.2268, eq. (2.1); axes: Larkoski, Neill, Thaler, arXiv:1401.2158.
    """
    history = cluster(p4, jet_ptr, algorithm="kt", recombination="wta_pt", threads=1)
    owner = np.repeat(np.arange(history.num_jets), history.num_constituents)
    hardness, at_y, at_phi = pt(p4), rapidity(p4), phi(p4)
    tau = np.zeros((history.num_jets, MOST_AXES))
    for number in range(1, MOST_AXES + 1):
        axes = _subjet_axes(history, number)
        axis_y, axis_phi = rapidity(axes)[owner], phi(axes)[owner]
        distance = delta_r(at_y[:, None], at_phi[:, None], axis_y, axis_phi).min(axis=1)
        tau[:, number - 1] = sum_by_jet(hardness * distance, jet_ptr)
        tau[history.num_constituents <= number, number - 1] = 0  # every constituent is an axis
    return tau / (radius * sum_by_jet(hardness, jet_ptr)[:, None])


def _subjet_axes(history: History, number: int) -> FloatArray:
    """Return (B, number, 4): the nodes that are left before the last ``number - 1`` merges, some twice if too few."""
    axes = np.empty((history.num_jets, number, 4))
    for jet in range(history.num_jets):
        nodes = slice(history.node_ptr[jet], history.node_ptr[jet + 1])
        wanted = min(number, int(history.num_constituents[jet]))
        made = 2 * history.num_constituents[jet] - wanted  # nodes that exist by then
        child = history.child[nodes][:made]
        left = np.flatnonzero((child >= made) | (child < 0))
        axes[jet] = history.node_p4[nodes][np.resize(left, number)]
    return axes
