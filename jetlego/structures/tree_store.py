"""One tree of each jet of a data set, prepared: how it is made, what is kept, and how a batch is cut from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from jetlego.clustering.cluster import cluster
from jetlego.clustering.history import History
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, did_you_mean
from jetlego.structures import _kernels, pair_kernels
from jetlego.structures.batch import TreeBatch
from jetlego.structures.forest import Forest, grow_trees
from jetlego.structures.node_features import feature_names, node_features
from jetlego.structures.plan import TreePlan, plan_trees
from jetlego.structures.scaler import NodeScaler

Names = str | Sequence[str]


@dataclass(frozen=True)
class TreeSpec:
    """How one tree of each jet is made.

    Parameters
    ----------
    algorithm
        As in :func:`jetlego.cluster`.
    features
        Node features: a set, a feature, or a list of either.
    scaler
        ``"robust"``, ``"standard"`` or ``"none"``.
    radius
        R of the distance; only ``dij`` depends on it.
    order
        Child order, as in :func:`jetlego.grow_trees`.
    seed
        Of random trees.
    power
        Exponent of ``genkt`` and ``ee_genkt``.
    targets
        Node features that a network shall predict; they are not scaled, and NaN where they do not exist.
    pairs
        Node features of the lowest common ancestor of each two constituents, for attention that knows the tree;
        scaled as ``features``, and 0 where they do not exist.
    keep_p4
        Whether batches hold the momenta of the nodes.
    """

    algorithm: str = "kt"
    features: Names = "lund_kinematics"
    scaler: str = "robust"
    radius: float = 1.0
    order: str = "harder_left"
    seed: int = 0
    power: float | None = None
    targets: Names = ()
    pairs: Names = ()
    keep_p4: bool = False

    def cluster(self, p4: FloatArray, jet_ptr: IntArray, *, threads: int | None = None) -> History:
        """Return the histories of packed jets."""
        options: dict[str, Any] = {"radius": self.radius, "power": self.power, "seed": self.seed}
        return cluster(p4, jet_ptr, algorithm=self.algorithm, threads=threads, **options)

    def history(self, jets: Jets, *, threads: int | None = None) -> History:
        """Return the histories of jets: those that came with them, where they fit, else new ones."""
        plain = self.radius == 1.0 and self.power is None and self.seed == 0
        stored = jets.history(self.algorithm) if plain else None
        return self.cluster(jets.p4, jets.jet_ptr, threads=threads) if stored is None else stored


@dataclass(frozen=True)
class TreeStore:
    """The trees of a store; every array holds the nodes of each jet breadth first.

    Parameters
    ----------
    forest
        The trees.
    features
        (T, F) float32, scaled.
    scaler
        Of the features.
    targets
        (T, G) float32, or None.
    p4
        (T, 4) float64 momenta in GeV, or None.
    pair_values
        (T, K) float32, what pairs of constituents take from their lowest common ancestor, or None.
    pair_scaler
        Of the pair values, or None.
    """

    forest: Forest
    features: FloatArray
    scaler: NodeScaler
    targets: FloatArray | None = None
    p4: FloatArray | None = None
    pair_values: FloatArray | None = None
    pair_scaler: NodeScaler | None = None

    def batch(self, index: IntArray, max_constituents: int) -> TreeBatch:
        """Return the trees of some jets, none of which has more than ``max_constituents``."""
        plan = plan_trees(self.forest, index)
        return TreeBatch(
            features=torch.from_numpy(self._rows(self.features, index, plan)),
            plan=plan,
            targets=None if self.targets is None else torch.from_numpy(self._rows(self.targets, index, plan)),
            p4=None if self.p4 is None else torch.from_numpy(self._rows(self.p4, index, plan)),
            pairs=None if self.pair_values is None else self._pairs(self.pair_values, index, max_constituents),
        )

    def _rows(self, values: FloatArray, index: IntArray, plan: TreePlan) -> FloatArray:
        out = np.empty((plan.num_rows, values.shape[1]), values.dtype)
        levels = self.forest.level_ptr, self.forest.level_size
        _kernels.gather_levels(index, self.forest.node_ptr, *levels, np.array(plan.level_ptr), values, out)
        return out

    def _pairs(self, values: FloatArray, index: IntArray, size: int) -> torch.Tensor:
        out = np.zeros((len(index), size, size, values.shape[1]), values.dtype)
        forest = self.forest
        pair_kernels.at_common_ancestors(
            index, forest.children, forest.node_ptr, forest.order, forest.leaf, values, out
        )  # fmt: skip
        return torch.from_numpy(out)


def prepare_tree(
    jets: Jets, spec: TreeSpec, name: str, scalers: Mapping[str, NodeScaler] | None, threads: int | None
) -> TreeStore:
    """Cluster jets, grow their trees and describe the nodes; see :func:`jetlego.structures.store.prepare`."""
    history = spec.history(jets, threads=threads)
    forest = grow_trees(history, order=spec.order)
    def describe(names: Names) -> FloatArray:
        options: dict[str, Any] = {"constituents": jets.constituents, "missing": np.nan, "threads": threads}
        return node_features(history, forest, names, **options)

    features, scaler = _scaled(forest, describe(spec.features), spec, spec.features, name, scalers)
    pair_values, pair_scaler = None, None
    if spec.pairs:
        pair_values, pair_scaler = _scaled(forest, describe(spec.pairs), spec, spec.pairs, f"{name}.pairs", scalers)
    targets = _breadth_first(forest, describe(spec.targets)).astype(np.float32) if spec.targets else None
    p4 = _breadth_first(forest, history.node_p4) if spec.keep_p4 else None
    return TreeStore(forest, features, scaler, targets, p4, pair_values, pair_scaler)


def _scaled(
    forest: Forest, values: FloatArray, spec: TreeSpec, features: Names, tree: str,
    scalers: Mapping[str, NodeScaler] | None,
) -> tuple[FloatArray, NodeScaler]:  # fmt: skip
    """Return values breadth first and scaled, float32, and the scaler, fitted on them unless given."""
    names = feature_names(features)
    if scalers is not None and tree not in scalers:
        raise ConfigError("UNKNOWN-KEY", f"no scaler for tree '{tree}'", did_you_mean(tree, scalers))
    scaler = NodeScaler.fit(values, names, kind=spec.scaler) if scalers is None else scalers[tree]
    if scaler.names != names:
        raise ConfigError("BAD-VALUE", f"the scaler of tree '{tree}' is for {scaler.names}, its features are {names}")
    out = np.empty(values.shape, np.float32)
    _kernels.scaled_breadth_first(forest.node_ptr, forest.order, values, scaler.center, scaler.scale, out)
    return out, scaler


def _breadth_first(forest: Forest, values: FloatArray) -> FloatArray:
    return values[np.repeat(forest.node_ptr[:-1], np.diff(forest.node_ptr)) + forest.order]
