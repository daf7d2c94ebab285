"""From node features of trees to one vector a jet."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.recursive.walk import LevelPlan, jet_states
from jetlego.bricks.registry import brick


@brick("recursive", takes={"x": "tree[in_dim]"}, gives={"y": "vector[out_dim]"}, views=("packed",), dynamic=True)
class Recursive(nn.Module):
    """The root's state of every tree; a learned vector for jets without constituents.

    Parameters
    ----------
    in_dim
        Width of the node features.
    cell
        How children merge.
    learn_empty
        Whether the vector of an empty jet is learned; zeros if not.
    """

    def __init__(self, *, in_dim: int, cell: Annotated[Part, "tree -> tree"], learn_empty: bool = True) -> None:
        super().__init__()
        self.cell = fit(cell, in_dim=in_dim)
        self.out_dim: int = self.cell.out_dim
        self.empty = nn.Parameter(torch.zeros(self.out_dim), requires_grad=learn_empty)

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with zeros for empty jets."""
        nn.init.zeros_(self.empty)

    def forward(self, x: Tensor, plan: LevelPlan) -> Tensor:
        """Return (B, H) from node features (T, F) in the row order of the plan."""
        return jet_states(self.cell(x, plan, roots_only=True), plan, self.empty)
