"""`prepare` turns jets into a `JetStore`, a whole data set ready to be cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.errors import DataError
from jetlego.structures import _kernels
from jetlego.structures.batch import JetBatch
from jetlego.structures.scaler import NodeScaler
from jetlego.structures.tree_store import TreeSpec, TreeStore, prepare_tree

__all__ = ["JetStore", "TreeSpec", "TreeStore", "prepare"]


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
        """{tree: scaler, tree.pairs: scaler of its pair features}, for :func:`prepare` of other jets."""
        of_nodes = {name: tree.scaler for name, tree in self.trees.items()}
        return of_nodes | {f"{n}.pairs": t.pair_scaler for n, t in self.trees.items() if t.pair_scaler is not None}

    @property
    def sizes(self) -> dict[str, Any]:
        """What ``build`` needs to know of the data.

        ``node_dims``: {tree: width of its features}; ``node_dim``: that of the first tree; ``in_dim``: width of the
        constituent features, or ``node_dim`` where there are none; ``pair_dim``: number of pair features of the first
        tree; ``num_classes``.
        """
        sizes: dict[str, Any] = {}
        if self.trees:
            first = next(iter(self.trees.values()))
            sizes["node_dims"] = {name: tree.features.shape[1] for name, tree in self.trees.items()}
            sizes["node_dim"] = sizes["in_dim"] = first.features.shape[1]
            if first.pair_values is not None:
                sizes["pair_dim"] = first.pair_values.shape[1]
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
            trees={name: tree.batch(jets, int(count.max(initial=0))) for name, tree in self.trees.items()},
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
        grown[name] = prepare_tree(jets, spec, name, scalers, threads)
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

