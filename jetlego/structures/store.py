"""`prepare` turns jets into a `JetStore`, a whole data set ready to be cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from jetlego.clustering.cluster import cluster
from jetlego.clustering.history import History
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, DataError, did_you_mean
from jetlego.structures import _kernels
from jetlego.structures.batch import JetBatch, TreeBatch
from jetlego.structures.forest import Forest, grow_trees
from jetlego.structures.node_features import feature_names, node_features
from jetlego.structures.plan import plan_trees
from jetlego.structures.scaler import NodeScaler


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
    """

    algorithm: str = "kt"
    features: str | Sequence[str] = "lund_kinematics"
    scaler: str = "robust"
    radius: float = 1.0
    order: str = "harder_left"
    seed: int = 0
    power: float | None = None

    def cluster(self, p4: FloatArray, jet_ptr: IntArray, *, threads: int | None = None) -> History:
        """Return the histories of packed jets."""
        options: dict[str, Any] = {"radius": self.radius, "power": self.power, "seed": self.seed}
        return cluster(p4, jet_ptr, algorithm=self.algorithm, threads=threads, **options)


@dataclass(frozen=True)
class TreeStore:
    """One tree of each jet of a store: the forest, and its scaled features in breadth-first order, (T, F) float32."""

    forest: Forest
    features: FloatArray
    scaler: NodeScaler

    def batch(self, index: IntArray) -> TreeBatch:
        """Return the trees of some jets."""
        plan = plan_trees(self.forest, index)
        out = np.empty((plan.num_rows, self.features.shape[1]), self.features.dtype)
        cursor, forest = np.array(plan.level_ptr), self.forest
        levels = forest.level_ptr, forest.level_size
        _kernels.gather_levels(index, forest.node_ptr, *levels, cursor, self.features, out)
        return TreeBatch(torch.from_numpy(out), plan)


@dataclass(frozen=True)
class JetStore:
    """B prepared jets in numpy, packed.

    Parameters
    ----------
    jet_ptr
        (B + 1,) int64 offsets of the constituents.
    constituents
        (P, F) float32 features of the constituents, or None.
    p4
        (P, 4) float32 four-momenta in GeV, or None.
    trees
        {name: tree}.
    jet
        {name: (B, ...)} features and targets of whole jets.
    label, weight
        (B,) int64 and (B,) float32, or None.
    classes
        Class names.
    """

    jet_ptr: IntArray
    constituents: FloatArray | None = None
    p4: FloatArray | None = None
    trees: Mapping[str, TreeStore] = field(default_factory=dict)
    jet: Mapping[str, np.ndarray] = field(default_factory=dict)
    label: IntArray | None = None
    weight: FloatArray | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.jet_ptr) - 1

    @property
    def num_jets(self) -> int:
        """Number of jets B."""
        return len(self.jet_ptr) - 1

    @property
    def scalers(self) -> dict[str, NodeScaler]:
        """{name: scaler} of the trees, for :func:`prepare` of other jets."""
        return {name: tree.scaler for name, tree in self.trees.items()}

    @property
    def sizes(self) -> dict[str, int]:
        """What ``build`` needs to know of the data.

        ``node_dim``: width of the (first) tree's features; ``in_dim``: width of the constituent features, or of the
        node features where there are none; ``num_classes``.
        """
        sizes = {}
        if self.trees:
            sizes["node_dim"] = sizes["in_dim"] = next(iter(self.trees.values())).features.shape[1]
        if self.constituents is not None:
            sizes["in_dim"] = self.constituents.shape[1]
        if self.classes:
            sizes["num_classes"] = len(self.classes)
        return sizes

    def batch(self, index: Iterable[int] | IntArray) -> JetBatch:
        """Return some jets, in the order of ``index``, as tensors on the CPU.

        Raises
        ------
        DataError
            If a jet number is out of range.
        """
        jets = np.ascontiguousarray(index, np.int64)
        if len(jets) and not (jets.min() >= 0 and jets.max() < self.num_jets):
            raise DataError("BAD-INDEX", f"jets {jets.min()} to {jets.max()} of a store of {self.num_jets}")
        count = self.jet_ptr[jets + 1] - self.jet_ptr[jets]
        ptr = offsets_of(count)
        return JetBatch(
            num_jets=len(jets),
            max_constituents=int(count.max(initial=0)),
            jet_ptr=torch.from_numpy(ptr),
            jet_of_constituent=torch.from_numpy(np.repeat(np.arange(len(jets)), count)),
            constituents=self._rows(self.constituents, jets, ptr),
            p4=self._rows(self.p4, jets, ptr),
            trees={name: tree.batch(jets) for name, tree in self.trees.items()},
            jet={name: torch.from_numpy(values[jets]) for name, values in self.jet.items()},
            label=None if self.label is None else torch.from_numpy(self.label[jets]),
            weight=None if self.weight is None else torch.from_numpy(self.weight[jets]),
            index=torch.from_numpy(jets),
            counts=count,
        )

    def _rows(self, values: FloatArray | None, jets: IntArray, ptr: IntArray) -> torch.Tensor | None:
        if values is None:
            return None
        out = np.empty((int(ptr[-1]), values.shape[1]), values.dtype)
        _kernels.gather_blocks(jets, self.jet_ptr, values, out)
        return torch.from_numpy(out)


def prepare(
    jets: Jets,
    *,
    trees: Mapping[str, TreeSpec] | None = None,
    constituent_features: FloatArray | None = None,
    jet_features: Mapping[str, np.ndarray] | None = None,
    keep_p4: bool = False,
    threads: int | None = None,
    scalers: Mapping[str, NodeScaler] | None = None,
) -> JetStore:
    """Cluster jets, grow and describe their trees, and return all of it as a store.

    Parameters
    ----------
    jets
        What a file holds.
    trees
        {name: how to make it}; none by default.
    constituent_features
        (P, F) features of the constituents, in their order.
    jet_features
        {name: (B, ...)} further arrays of whole jets.
    keep_p4
        Whether batches hold four-momenta.
    threads
        For clustering; all cores by default. The result does not depend on it.
    scalers
        {tree name: scaler} fitted on the training jets; by default each is fitted on these jets.

    Raises
    ------
    DataError
        If an array does not have a row for every constituent or jet, or clustering refuses the momenta.
    ConfigError
        If a name is unknown, or a scaler does not fit the features of its tree.
    """
    columns = dict(jet_features or {})
    if constituent_features is not None and len(constituent_features) != len(jets.p4):
        what = f"{len(constituent_features)} rows of constituent features for {len(jets.p4)} constituents"
        raise DataError("RAGGED-MISMATCH", what)
    for name, values in columns.items():
        if len(values) != jets.num_jets:
            raise DataError("RAGGED-MISMATCH", f"'{name}' has {len(values)} rows for {jets.num_jets} jets")
    grown = {}
    for name, spec in (trees or {}).items():
        grown[name] = _prepare_tree(jets, spec, name, scalers, threads)
    return JetStore(
        jet_ptr=jets.jet_ptr,
        constituents=None if constituent_features is None else np.ascontiguousarray(constituent_features, np.float32),
        p4=jets.p4.astype(np.float32) if keep_p4 else None,
        trees=grown,
        jet=columns,
        label=jets.label,
        weight=jets.weight,
        classes=jets.classes,
    )


def _prepare_tree(
    jets: Jets, spec: TreeSpec, name: str, scalers: Mapping[str, NodeScaler] | None, threads: int | None
) -> TreeStore:
    names = feature_names(spec.features)
    history = spec.cluster(jets.p4, jets.jet_ptr, threads=threads)
    forest = grow_trees(history, order=spec.order)
    values = node_features(history, forest, names, constituents=jets.constituents, missing=np.nan, threads=threads)
    if scalers is None:
        scaler = NodeScaler.fit(values, names, kind=spec.scaler)
    elif name not in scalers:
        raise ConfigError("UNKNOWN-KEY", f"no scaler for tree '{name}'", did_you_mean(name, scalers))
    else:
        scaler = scalers[name]
    if scaler.names != names:
        raise ConfigError("BAD-VALUE", f"the scaler of tree '{name}' is for {scaler.names}, its features are {names}")
    features = np.empty(values.shape, np.float32)
    _kernels.scaled_breadth_first(forest.node_ptr, forest.order, values, scaler.center, scaler.scale, features)
    return TreeStore(forest, features, scaler)
