"""Trees read as sequences and as graphs of their declusterings, straight from the plan.

In a plan the children of the i-th inner node are rows ``R + 2i`` (the harder) and ``R + 2i + 1``, with R the number of
roots; all sizes are Python integers, so nothing is read back from a device.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.registry import brick


@brick("history_sequence", takes={"x": "tree[in_dim]"}, gives={"y": "sequence[out_dim]", "mask": "index"})
class HistorySequence(nn.Module):
    """The declusterings met from the root along one branch, from wide to narrow: the primary Lund sequence of a tree.

    Dreyer, Salam, Soyez, arXiv:1807.04758, section 2.1: with a Cambridge/Aachen tree whose left child is the harder.

    Parameters
    ----------
    in_dim
        Width of the node features.
    branch
        ``harder`` or ``softer`` child at each step.
    """

    def __init__(self, *, in_dim: int, branch: Literal["harder", "softer"] = "harder") -> None:
        super().__init__()
        self.out_dim, self.branch = in_dim, branch

    def forward(self, x: Tensor, plan: Any) -> tuple[Tensor, Tensor]:
        """Return features (B, S, in_dim) of ``x (T, in_dim)`` along the branch, and which steps are real (B, S).

        S is the number of levels of the plan less one.
        """
        rows, mask = branch_rows(plan, softer=self.branch == "softer")
        if x.shape[0] == 0:
            return x.new_zeros(*rows.shape, x.shape[1]), mask
        y = x.index_select(0, rows.flatten()).unflatten(0, rows.shape)
        return y.masked_fill(~mask.unsqueeze(-1), 0), mask


def branch_rows(plan: Any, *, softer: bool = False) -> tuple[Tensor, Tensor]:
    """Return the rows (B, S) of the inner nodes met from each root along the harder branch, and where they are real."""
    device = plan.inner_row.device
    steps = max(0, plan.num_levels - 1)
    number = plan.inner_row.new_full((plan.num_rows + 1,), -1)  # of each row among the inner nodes
    number = number.index_copy(0, plan.inner_row, torch.arange(plan.num_inner, device=device))
    row = plan.root_row
    going = row < plan.num_roots
    rows, real = [], []
    for _ in range(steps):
        inner = number.index_select(0, row)
        going = going & (inner >= 0)
        row = row.masked_fill(~going, 0)
        rows.append(row)
        real.append(going)
        row = (plan.num_roots + 2 * inner + int(softer)).masked_fill(~going, 0)
    if not steps:
        nothing = plan.root_row.new_zeros(plan.num_jets, 0)
        return nothing, nothing.bool()
    return torch.stack(rows, 1), torch.stack(real, 1)


def declustering_links(plan: Any) -> Tensor:
    """Return (2, E), [source; target]: inner nodes, by number, that a branch joins, each link in both directions."""
    roots = plan.inner_ptr[1] if plan.num_levels else 0
    device = plan.inner_row.device
    child = torch.arange(roots, plan.num_inner, device=device)
    parent = (plan.inner_row[roots:] - plan.num_roots) // 2
    return torch.stack([torch.cat([child, parent]), torch.cat([parent, child])])


def jet_of_declustering(plan: Any) -> Tensor:
    """Return (M,) int64, the jet that each inner node belongs to."""
    if not plan.num_inner:
        return plan.inner_row
    root = plan.root_row.new_zeros(plan.num_roots + 1)
    root = root.index_copy(0, plan.root_row, torch.arange(plan.num_jets, device=root.device))
    owner, found = root[: plan.num_roots], []
    for level in range(plan.num_levels):
        first, last = plan.inner_ptr[level : level + 2]
        found.append(owner.index_select(0, plan.inner_row[first:last] - plan.level_ptr[level]))
        owner = found[-1].unsqueeze(1).expand(-1, 2).flatten()
    return torch.cat(found)
