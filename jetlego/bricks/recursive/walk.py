"""Walk a batch of trees level by level with any cell, in ordinary autograd.

Letters: T nodes in the plan's row order, R roots, M inner nodes, m inner nodes of one level, H width of a state.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]
"""What a cell carries upwards; the first tensor is what the outside sees."""


def span(x: Tensor, first: int, last: int) -> Tensor:
    """Return the view ``x[first:last]``, in a form that fake tensors of any device understand."""
    return x.narrow(0, first, last - first)


class LevelPlan(Protocol):
    """What a walk needs to know of a batch of trees; ``jetlego.structures.plan.TreePlan`` is one.

    Rows are sorted by depth, siblings side by side: the children of inner node i are rows R + 2i and R + 2i + 1.
    """

    num_jets: int
    level_ptr: tuple[int, ...]
    inner_ptr: tuple[int, ...]
    inner_row: Tensor
    leaf_row: Tensor
    root_row: Tensor
    chunk_bounds: Any

    @property
    def num_levels(self) -> int: ...  # noqa: D102
    @property
    def num_rows(self) -> int: ...  # noqa: D102
    @property
    def num_inner(self) -> int: ...  # noqa: D102
    @property
    def num_roots(self) -> int: ...  # noqa: D102


class TreeCell(nn.Module):
    """A recursive cell: how a node's features become u, a leaf's state, and the state of a node with two children.

    Subclasses define :meth:`embed`, :meth:`leaf` and :meth:`merge`; ``forward`` walks the trees bottom-up.
    """

    in_dim: int
    hidden: int

    @property
    def out_dim(self) -> int:
        """Width of a state."""
        return self.hidden

    def embed(self, x: Tensor) -> Tensor:
        """Return u (T, H) of node features (T, F)."""
        raise NotImplementedError

    def embed_nodes(self, x: Tensor, plan: LevelPlan) -> Tensor:
        """Return u of all nodes; cells that tell leaves from inner nodes have their own."""
        return self.embed(x)

    def leaf(self, u: Tensor) -> State:
        """Return the states of leaves with embeddings ``u (n, H)``."""
        return (u,)

    def merge(self, children: State, u: Tensor) -> State:
        """Return the states of nodes from their children's, each (m, 2, H), left first, and their own ``u (m, H)``."""
        raise NotImplementedError

    def finish(self, state: State, level: int, inner: Tensor | None) -> State:
        """Change the states of a whole level before its parents see them; ``inner`` are the rows of inner nodes."""
        return state

    def forward(self, x: Tensor, plan: LevelPlan, *, roots_only: bool = False) -> Tensor:
        """Return the states (T, H) of all nodes, or (R, H) of the roots, from node features ``x (T, in_dim)``."""
        levels = walk_up(self, self.embed_nodes(x, plan), plan)
        if not levels:
            return x.new_zeros(0, self.out_dim)
        return levels[0][0] if roots_only else torch.cat([state[0] for state in levels])


def walk_up(cell: TreeCell, u: Tensor, plan: LevelPlan) -> list[State]:
    """Return the states of every level, roots first, from the embeddings (T, ...) of all nodes."""
    levels: list[State] = []
    for level in reversed(range(plan.num_levels)):
        rows = span(u, *plan.level_ptr[level : level + 2])
        state, inner = cell.leaf(rows), None
        first, last = plan.inner_ptr[level : level + 2]
        if last > first:
            inner = span(plan.inner_row, first, last) - plan.level_ptr[level]
            below = tuple(part.reshape(last - first, 2, -1) for part in levels[-1])
            merged = cell.merge(below, rows.index_select(0, inner))
            state = tuple(s.index_copy(0, inner, m) for s, m in zip(state, merged, strict=True))
        levels.append(cell.finish(state, level, inner))
    return levels[::-1]


def jet_states(roots: Tensor, plan: LevelPlan, empty: Tensor) -> Tensor:
    """Return (B, H) root states, ``empty (H,)`` for jets without constituents."""
    return torch.cat([roots, empty.to(roots.dtype).unsqueeze(0)]).index_select(0, plan.root_row)
