"""What a network sees of each tree node: a registry of named columns, and named sets of them.

A feature is a function of :class:`~jetlego.structures.nodes.Nodes`. Features of a declustering exist at inner nodes
only and return (M,); all others return (T,).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from jetlego.clustering.history import History
from jetlego.clustering.threads import over_blocks
from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError, did_you_mean
from jetlego.structures import _kernels
from jetlego.structures.forest import Forest
from jetlego.structures.nodes import SMALLEST_LOG, Nodes, safe_log

SMALLEST_DELTA = 1e-6
"""Floor of the opening angle in Lund coordinates (as LundNet, arXiv:2012.08526)."""

_BLOCK = 64
"""Jets at a time: a column of their nodes stays in a processor's second-level cache."""

SMALLEST_MASS = 1e-3
"""GeV; floor of masses below logarithms, since the mass of a single particle is mostly rounding."""


@dataclass(frozen=True)
class NodeFeature:
    """A named column: its function, and whether it exists at inner nodes alone."""

    name: str
    compute: Callable[[Nodes], FloatArray]
    inner_only: bool
    needs: tuple[str, ...] = ()


NODE_FEATURES: dict[str, NodeFeature] = {}

NODE_FEATURE_SETS: dict[str, tuple[str, ...]] = {
    "recnn": ("momentum", "eta", "phi", "energy", "energy_fraction", "pt", "theta"),
    "lund": ("ln_z", "ln_delta", "psi", "ln_m", "ln_kt"),
    "kinematics": (
        "ln_pt", "ln_energy", "ln_pt_rel", "ln_energy_rel", "delta_eta", "delta_phi", "delta_r", "ln_mass", "is_leaf",
    ),
}  # fmt: skip
NODE_FEATURE_SETS["lund_kinematics"] = NODE_FEATURE_SETS["lund"] + NODE_FEATURE_SETS["kinematics"]
"""``recnn``: the seven of Louppe et al. (arXiv:1702.00748); ``lund``: arXiv:1807.04758; ``kinematics``: relative to
the jet."""


def node_feature(
    *, inner_only: bool = False, needs: tuple[str, ...] = ()
) -> Callable[[Callable[[Nodes], FloatArray]], Callable[[Nodes], FloatArray]]:
    """Register a function of nodes as a feature under its own name.

    Parameters
    ----------
    inner_only
        The function returns (M,), one value for each inner node, instead of (T,).
    needs
        Columns of the constituents that it reads.
    """

    def register(function: Callable[[Nodes], FloatArray]) -> Callable[[Nodes], FloatArray]:
        name = function.__name__
        if name in NODE_FEATURES:
            raise ConfigError("DUPLICATE-NAME", f"there are two node features '{name}'")
        NODE_FEATURES[name] = NodeFeature(name, function, inner_only, needs)
        return function

    return register


def feature_names(features: str | Iterable[str]) -> tuple[str, ...]:
    """Return the columns of a feature set, of a feature, or of a list of either.

    Raises
    ------
    ConfigError
        If a name is neither a feature nor a set (tells the nearest), or a column comes twice.
    """
    names: list[str] = []
    for name in [features] if isinstance(features, str) else features:
        if name not in NODE_FEATURE_SETS and name not in NODE_FEATURES:
            hint = did_you_mean(name, [*NODE_FEATURE_SETS, *NODE_FEATURES])
            raise ConfigError("UNKNOWN-FEATURE", f"there is no node feature or set '{name}'", hint)
        names += NODE_FEATURE_SETS.get(name, (name,))
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError("BAD-VALUE", f"node features named twice: {', '.join(sorted(twice))}")
    return tuple(names)


def node_features(
    history: History,
    forest: Forest,
    features: str | Iterable[str],
    *,
    constituents: Mapping[str, FloatArray] | None = None,
    missing: float = 0.0,
    threads: int | None = None,
) -> FloatArray:
    """Return (T, F) float64 features of every node, unscaled.

    Parameters
    ----------
    history, forest
        The merges and the trees grown from them.
    features
        A set, a feature, or a list of either.
    constituents
        {name: (P,)} columns, for the features that add up charges and the like.
    missing
        What stands where a feature does not exist: at leaves, for the coordinates of a declustering.
    threads
        All cores by default; the result does not depend on it.

    Raises
    ------
    ConfigError
        If a name is unknown, or a feature needs a constituent column that is not there.
    """
    columns = constituents or {}
    chosen = [NODE_FEATURES[name] for name in feature_names(features)]
    for feature in chosen:
        for need in feature.needs:
            if need not in columns:
                have = did_you_mean(need, columns) or "there are no constituent columns"
                raise ConfigError("NO-BRANCH", f"node feature '{feature.name}' needs constituent column '{need}'", have)
    out = np.empty((forest.num_nodes, len(chosen)))

    def work(first: int, last: int) -> None:
        for start in range(first, last, _BLOCK):
            nodes = Nodes(history, forest, columns).block(start, min(start + _BLOCK, last))
            rows = out[forest.node_ptr[start] : forest.node_ptr[min(start + _BLOCK, last)]]
            _write_columns(nodes, chosen, missing, rows)

    over_blocks(work, forest.jet_ptr, threads)
    return out


def _write_columns(nodes: Nodes, features: list[NodeFeature], missing: float, out: FloatArray) -> None:
    columns = np.empty((len(features), len(out)))  # in cache; writing every 14th number of `out` is slower
    for column, feature in zip(columns, features, strict=True):
        if feature.inner_only:
            column[:] = missing
            column[nodes.inner] = feature.compute(nodes)
        else:
            column[:] = feature.compute(nodes)
    _kernels.transpose(columns, out)


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
