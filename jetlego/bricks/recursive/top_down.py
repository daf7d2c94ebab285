"""From the root to the leaves: every node hears of the whole jet."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.recursive.walk import LevelPlan, span
from jetlego.bricks.registry import brick


@brick("top_down", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class TopDown(nn.Module):
    """``g_root = relu(V_0 x_root + c_0)``, ``g_child = relu(V [g_parent; x_child] + c_side)``.

    Parameters
    ----------
    in_dim
        Width of what is known of each node, such as its state from the walk upwards beside its features.
    hidden
        Width of g.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40) -> None:
        super().__init__()
        self.out_dim = self.hidden = hidden
        self.root, self.node = nn.Linear(in_dim, hidden), nn.Linear(in_dim, hidden, bias=False)
        self.parent = nn.Linear(hidden, hidden, bias=False)
        self.side = nn.Parameter(torch.zeros(2, hidden))

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with no difference between left and right."""
        nn.init.zeros_(self.side)

    def forward(self, x: Tensor, plan: LevelPlan, *, roots_only: bool = False) -> Tensor:
        """Return g (T, H), or (R, H) of the roots, from ``x (T, in_dim)`` in the rows of the plan."""
        g = torch.relu(self.root(span(x, 0, plan.num_roots)))
        levels, own = [g], self.node(x)
        for level in range(0 if roots_only else plan.num_levels - 1):
            inner = span(plan.inner_row, *plan.inner_ptr[level : level + 2]) - plan.level_ptr[level]
            from_parent = self.parent(g).index_select(0, inner).unsqueeze(1) + self.side  # (m, 2, H)
            below = span(own, *plan.level_ptr[level + 1 : level + 3])
            g = torch.relu(below + from_parent.flatten(0, 1))
            levels.append(g)
        return torch.cat(levels)


@brick("both_ways", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class BothWays(nn.Module):
    """Walk up with a cell, then down: each node has its state from below beside its state from above, [h; g].

    Parameters
    ----------
    in_dim
        Width of the node features.
    cell
        How children merge on the way up.
    down
        The way back; sees [h; x] of each node.
    """

    def __init__(self, *, in_dim: int, cell: Annotated[Part, "tree -> tree"],
                 down: Annotated[Part, "tree -> tree"] = "top_down") -> None:  # fmt: skip
        super().__init__()
        self.cell = fit(cell, in_dim=in_dim)
        self.down = fit(down, in_dim=in_dim + self.cell.out_dim, hidden=self.cell.out_dim)
        self.out_dim: int = self.cell.out_dim + self.down.out_dim

    def forward(self, x: Tensor, plan: LevelPlan, *, roots_only: bool = False) -> Tensor:
        """Return [h; g] (T, out_dim), or (R, out_dim) of the roots, from ``x (T, in_dim)``."""
        h = self.cell(x, plan)
        g = self.down(torch.cat([h, x.to(h.dtype)], dim=1), plan, roots_only=roots_only)
        return torch.cat([span(h, 0, g.shape[0]), g], dim=1)


@brick("tree_leaves", takes={"x": "tree[in_dim]"}, gives={"y": "set[out_dim]"}, views=("packed",), dynamic=True)
class TreeLeaves(nn.Module):
    """What stands at the leaves, in the order of the constituents.

    Parameters
    ----------
    in_dim
        Width of what stands at the nodes.
    """

    def __init__(self, *, in_dim: int) -> None:
        super().__init__()
        self.out_dim = in_dim

    def forward(self, x: Tensor, plan: LevelPlan) -> Tensor:
        """Return (P, in_dim) of ``x (T, in_dim)``."""
        return x.index_select(0, plan.leaf_row)
