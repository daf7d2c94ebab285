"""`JetBatch`: all that a model sees of some jets, as tensors on one device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from jetlego.conventions import IntArray
from jetlego.errors import ConfigError, did_you_mean
from jetlego.structures.plan import TreePlan


class Movable:
    """Tensors, parts that hold tensors, and mappings of either, in the fields of a frozen dataclass."""

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """Return the same on another device; ``non_blocking`` copies need pinned memory."""
        return self._map(lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the same in page-locked memory."""
        return self._map(lambda part: part.pin_memory())

    def _map(self, function: Callable[[Any], Any]) -> Self:
        changed: dict[str, Any] = {}
        for part in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, part.name)
            if isinstance(value, Tensor | TreePlan | Movable):
                changed[part.name] = function(value)
            elif isinstance(value, Mapping):
                changed[part.name] = {name: function(item) for name, item in value.items()}
        return replace(self, **changed)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class TreeBatch(Movable):
    """One tree of each of B jets; rows stand in the order of the plan.

    Parameters
    ----------
    features
        (T, F) node features, scaled.
    plan
        Levels, children and roots.
    targets
        (T, G) node features that a network shall predict, unscaled, or None.
    p4
        (T, 4) float64 four-momenta of the nodes in GeV, or None.
    pairs
        (B, N, N, K) features of the lowest common ancestor of each two constituents, 0 in the padding, or None.
    """

    features: Tensor
    plan: TreePlan
    targets: Tensor | None = None
    p4: Tensor | None = None
    pairs: Tensor | None = None


@dataclass(frozen=True, eq=False)
class JetBatch(Movable):
    """B jets with P constituents in all, packed; the sizes are Python integers, so no model reads one back.

    Parameters
    ----------
    num_jets
        B; jets without constituents count.
    max_constituents
        The largest number of constituents of a jet, for whoever needs padded tensors.
    jet_ptr
        (B + 1,) int64; jet b owns constituents ``jet_ptr[b]:jet_ptr[b + 1]``.
    jet_of_constituent
        (P,) int64.
    constituents
        (P, F) features of the constituents, or None.
    p4
        (P, 4) four-momenta (px, py, pz, E) in GeV, or None.
    trees
        {name: tree}, as many as were prepared.
    jet
        {name: (B, ...)} features and targets of whole jets.
    label
        (B,) int64 class, -1 for unlabelled jets, or None.
    weight
        (B,) jet weights, or None.
    index
        (B,) int64, which jets of the store these are.
    counts
        (B,) numbers of constituents, on the host wherever the tensors are: how many pairs or neighbours there will be
        is known from them without asking the device. None if not told.
    """

    num_jets: int
    max_constituents: int
    jet_ptr: Tensor
    jet_of_constituent: Tensor
    constituents: Tensor | None = None
    p4: Tensor | None = None
    trees: Mapping[str, TreeBatch] = field(default_factory=dict)
    jet: Mapping[str, Tensor] = field(default_factory=dict)
    label: Tensor | None = None
    weight: Tensor | None = None
    index: Tensor | None = None
    counts: IntArray | None = None

    @property
    def num_constituents(self) -> int:
        """Number of constituents P of all jets."""
        return self.jet_of_constituent.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.jet_ptr.device

    def tree(self, name: str | None = None) -> TreeBatch:
        """Return a tree by name; without a name, the only one.

        Raises
        ------
        ConfigError
            If there is no such tree, or no name was given and there is not exactly one.
        """
        if name is None and len(self.trees) == 1:
            return next(iter(self.trees.values()))
        if name is None or name not in self.trees:
            what = "the jets were prepared without trees" if not self.trees else f"no tree '{name or '(unnamed)'}'"
            raise ConfigError("NO-TREE", what, did_you_mean(name or "", self.trees))
        return self.trees[name]
