"""The order in which a network walks a batch of trees, as tensors.

Rows are sorted by depth from the root, jets in their order within a level, siblings side by side. Hence the children
of the i-th inner node of all levels are rows ``R + 2i`` and ``R + 2i + 1``, with R the number of roots, and the
children's states of every inner node, left beside right, are the *view* ``state[R:].view(M, 2H)``: no gather, no
padding. Sizes are Python integers, so nothing is read back from a device.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jetlego.conventions import IntArray
from jetlego.structures import _kernels
from jetlego.structures.forest import Forest


@dataclass(frozen=True, eq=False)
class TreePlan:
    """Level plan of one batch of B trees with T nodes, M inner nodes, P leaves, L levels.

    Parameters
    ----------
    num_jets
        B, jets without constituents included.
    level_ptr
        L + 1 integers; level d has rows ``level_ptr[d]:level_ptr[d + 1]``, level 0 the roots in the order of the jets.
    inner_ptr
        L + 1 integers; level d has inner nodes ``inner_ptr[d]:inner_ptr[d + 1]``.
    inner_row
        (M,) int64, the row of each inner node, ascending.
    leaf_row
        (P,) int64, the row of each constituent, in packed order.
    root_row
        (B,) int64, the row of each root; jets without constituents have the number of roots R, one beyond the last.
    node_of_row
        (T,) int64, the packed node number (in the batch) of each row.
    chunk_bounds
        (L, C + 1) int64 on the CPU: chunk c of the jets has rows ``chunk_bounds[d, c]:chunk_bounds[d, c + 1]`` of
        level d. Processor cores take chunks; a GPU has no use for it.
    """

    num_jets: int
    level_ptr: tuple[int, ...]
    inner_ptr: tuple[int, ...]
    inner_row: Tensor
    leaf_row: Tensor
    root_row: Tensor
    node_of_row: Tensor
    chunk_bounds: IntArray

    @property
    def num_levels(self) -> int:
        """Number of levels L: the largest depth plus one; 0 if all jets are empty."""
        return len(self.level_ptr) - 1

    @property
    def num_rows(self) -> int:
        """Number of nodes T."""
        return self.level_ptr[-1]

    @property
    def num_inner(self) -> int:
        """Number of inner nodes M."""
        return self.inner_ptr[-1]

    @property
    def num_roots(self) -> int:
        """Number of roots R: jets with at least one constituent."""
        return self.level_ptr[1] if self.num_levels else 0

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TreePlan:
        """Return the plan on another device."""
        moved = {n: t.to(device, non_blocking=non_blocking) for n, t in self._tensors().items()}
        return replace(self, **moved)

    def pin_memory(self) -> TreePlan:
        """Return the plan in page-locked memory, for asynchronous copies to a GPU."""
        return replace(self, **{name: tensor.pin_memory() for name, tensor in self._tensors().items()})

    def _tensors(self) -> dict[str, Any]:
        return {f.name: v for f in fields(self) if isinstance(v := getattr(self, f.name), Tensor)}


def plan_trees(forest: Forest, index: IntArray | None = None, *, chunk: int = 64) -> TreePlan:
    """Return the level plan of the jets ``index`` of a forest (all by default); see :meth:`Forest.plan`."""
    jets = np.arange(forest.num_jets) if index is None else np.ascontiguousarray(index, np.int64)
    depth = int((forest.level_ptr[jets + 1] - forest.level_ptr[jets]).max(initial=0))
    num_chunks = -(-len(jets) // chunk)
    bounds = np.empty((depth, num_chunks + 1), np.int64)
    _kernels.count_levels(jets, forest.level_ptr, forest.level_size, chunk, bounds)
    level_ptr = np.concatenate([bounds[:1, 0], bounds[:, -1]]) if depth else np.zeros(1, np.int64)
    # every row below the roots has a sibling, and the two have one parent
    num_roots = level_ptr[min(1, depth)]
    inner_ptr = np.append((level_ptr[1:] - num_roots) // 2, (level_ptr[-1] - num_roots) // 2)[: depth + 1]
    node = np.empty(int(level_ptr[-1]), np.int64)
    num_inner = int(inner_ptr[-1]) if depth else 0
    inner, leaf = np.empty(num_inner + 1, np.int64), np.empty(len(node) - num_inner + 1, np.int64)
    root = np.empty(len(jets), np.int64)
    _kernels.fill_plan(
        jets, forest.node_ptr, forest.jet_ptr, forest.order, forest.leaf, forest.level_ptr, forest.level_size,
        level_ptr[:-1].copy(), inner_ptr[:-1].copy(), node, inner, leaf, root,
    )  # fmt: skip
    inner_row, leaf_row, root_row, node_of_row = (torch.from_numpy(a) for a in (inner[:-1], leaf[:-1], root, node))
    sizes = tuple(level_ptr.tolist()), tuple(inner_ptr.tolist())
    return TreePlan(len(jets), *sizes, inner_row, leaf_row, root_row, node_of_row, bounds)
