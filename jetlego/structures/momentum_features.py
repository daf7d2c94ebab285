"""Node features of four-momenta and of the tree itself: the seven of RecNN, Lund coordinates, kinematics in the jet."""

from __future__ import annotations

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.structures.node_features import NODE_FEATURE_SETS, node_feature
from jetlego.structures.nodes import SMALLEST_LOG, Nodes, safe_log

SMALLEST_DELTA = 1e-6
"""Floor of the opening angle in Lund coordinates (as LundNet, arXiv:2012.08526)."""

SMALLEST_MASS = 1e-3
"""GeV; floor of masses below logarithms, since the mass of a single particle is mostly rounding."""

NODE_FEATURE_SETS.update({
    "recnn": ("momentum", "eta", "phi", "energy", "energy_fraction", "pt", "theta"),
    "lund": ("ln_z", "ln_delta", "psi", "ln_m", "ln_kt"),
    "kinematics": (
        "ln_pt", "ln_energy", "ln_pt_rel", "ln_energy_rel", "delta_eta", "delta_phi", "delta_r", "ln_mass", "is_leaf",
    ),
})  # fmt: skip
NODE_FEATURE_SETS["lund_kinematics"] = NODE_FEATURE_SETS["lund"] + NODE_FEATURE_SETS["kinematics"]
"""``recnn``: the seven of Louppe et al. (arXiv:1702.00748); ``lund``: arXiv:1807.04758; ``kinematics``: relative to
the jet."""


# The seven features of Louppe et al. keep the original's formulas, and so its rounding.


@node_feature()
def momentum(nodes: Nodes) -> FloatArray:
    """|p| in GeV."""
    return nodes.momentum


@node_feature()
def eta(nodes: Nodes) -> FloatArray:
    """Pseudorapidity; 0 along the beam, where it is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 0.5 * (np.log(nodes.momentum + nodes.pz) - np.log(nodes.momentum - nodes.pz))
    return np.where(np.isfinite(value), value, 0.0)


@node_feature()
def phi(nodes: Nodes) -> FloatArray:
    """Azimuth in (-pi, pi]."""
    return nodes.phi


@node_feature()
def energy(nodes: Nodes) -> FloatArray:
    """E in GeV."""
    return nodes.energy


@node_feature()
def energy_fraction(nodes: Nodes) -> FloatArray:
    """E over that of the jet."""
    return nodes.energy / nodes.of_jet(nodes.energy)


@node_feature()
def pt(nodes: Nodes) -> FloatArray:
    """pT in GeV, 0 along the beam."""
    return nodes.pt


@node_feature()
def theta(nodes: Nodes) -> FloatArray:
    """Polar angle, 2 atan(exp(-eta)); pi/2 where eta is put to 0."""
    return 2.0 * np.arctan(np.exp(-eta(nodes)))


# Lund coordinates of a declustering into a harder and a softer child (Dreyer, Salam, Soyez, arXiv:1807.04758).


@node_feature(inner_only=True)
def ln_z(nodes: Nodes) -> FloatArray:
    """Ln of the softer child's share of pT."""
    return safe_log(nodes.z)


@node_feature(inner_only=True)
def ln_delta(nodes: Nodes) -> FloatArray:
    """Ln of the distance of the children in rapidity and azimuth."""
    return safe_log(nodes.delta, SMALLEST_DELTA)


@node_feature(inner_only=True)
def psi(nodes: Nodes) -> FloatArray:
    """Azimuth of the softer child around the harder, in (-pi, pi]."""
    return np.arctan2(nodes.separation[0], nodes.separation[1])


@node_feature(inner_only=True)
def ln_m(nodes: Nodes) -> FloatArray:
    """Ln of the pair's mass in GeV."""
    return 0.5 * safe_log(nodes.mass2[nodes.inner], SMALLEST_LOG**2)


@node_feature(inner_only=True)
def ln_kt(nodes: Nodes) -> FloatArray:
    """Ln of the transverse momentum of the splitting, pT of the softer times Delta, in GeV."""
    return safe_log(nodes.pt_softer * np.maximum(nodes.delta, SMALLEST_DELTA))


# Kinematics of a node, absolute and relative to the jet.


@node_feature()
def ln_pt(nodes: Nodes) -> FloatArray:
    """Ln of pT in GeV."""
    return nodes.ln_pt


@node_feature()
def ln_energy(nodes: Nodes) -> FloatArray:
    """Ln of E in GeV."""
    return nodes.ln_energy


@node_feature()
def ln_pt_rel(nodes: Nodes) -> FloatArray:
    """Ln of pT over that of the jet."""
    return nodes.ln_pt - nodes.of_jet(nodes.ln_pt)


@node_feature()
def ln_energy_rel(nodes: Nodes) -> FloatArray:
    """Ln of E over that of the jet."""
    return nodes.ln_energy - nodes.of_jet(nodes.ln_energy)


@node_feature()
def delta_eta(nodes: Nodes) -> FloatArray:
    """Rapidity relative to the jet."""
    return nodes.from_axis[0]


@node_feature()
def delta_phi(nodes: Nodes) -> FloatArray:
    """Azimuth relative to the jet, in [-pi, pi)."""
    return nodes.from_axis[1]


@node_feature()
def delta_r(nodes: Nodes) -> FloatArray:
    """Distance from the jet axis in rapidity and azimuth."""
    return np.sqrt(nodes.from_axis[0] ** 2 + nodes.from_axis[1] ** 2)


@node_feature()
def ln_mass(nodes: Nodes) -> FloatArray:
    """Ln of the mass in GeV."""
    return 0.5 * safe_log(nodes.mass2, SMALLEST_MASS**2)


@node_feature()
def is_leaf(nodes: Nodes) -> FloatArray:
    """1 at constituents, 0 elsewhere."""
    return nodes.forest.is_leaf.astype(float)


# Where a node stands in the tree, and at which distance its children merged.


@node_feature()
def depth(nodes: Nodes) -> FloatArray:
    """Steps from the root."""
    return nodes.forest.depth.astype(float)


@node_feature(inner_only=True)
def ln_dij(nodes: Nodes) -> FloatArray:
    """Ln of the distance of clustering at which the children merged."""
    forest, history = nodes.forest, nodes.history
    merge = nodes.inner - forest.node_ptr[forest.jet_of_node[nodes.inner]]  # its number in the jet, leaves first
    jet = forest.jet_of_node[nodes.inner]
    return safe_log(history.dij[history.merge_ptr[jet] + merge - np.diff(forest.jet_ptr)[jet]])
