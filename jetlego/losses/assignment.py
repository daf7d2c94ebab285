"""Exact linear assignment for a whole batch, on the device and without reading anything back."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def assign(cost: Tensor) -> Tensor:
    """Return, for each row, the column that a cheapest one-to-one assignment gives it.

    Parameters
    ----------
    cost
        (B, n, n), finite.

    Returns
    -------
    Tensor
        (B, n) int64, a permutation in each batch item.

    Notes
    -----
    Shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987): row by row, the matching grows along the
    cheapest alternating path. Problems whose path has ended wait for the others, so there are n (n + 1) / 2 steps of
    a few operations on (B, n); meant for n up to about a hundred.
    """
    batch, n, _ = cost.shape
    # column 0 is a stand-in for "no column": it holds the row that is being placed
    row_of = torch.zeros(batch, n + 1, dtype=torch.int64, device=cost.device)
    u, v = cost.new_zeros(batch, n + 1), cost.new_zeros(batch, n + 1)
    padded = torch.nn.functional.pad(cost, (1, 0, 1, 0), value=torch.inf)
    for row in range(1, n + 1):
        row_of[:, 0] = row
        last, before = _shortest_path(padded, row_of, u, v, row)
        _augment(row_of, last, before, row)
    place = torch.arange(n, device=cost.device).expand(batch, n)
    return torch.zeros_like(place).scatter(1, row_of[:, 1:] - 1, place)


def _shortest_path(cost: Tensor, row_of: Tensor, u: Tensor, v: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the free column each cheapest path ends in, and the column before each; update the duals in place."""
    batch, width = row_of.shape
    here = row_of.new_zeros(batch, 1)
    before = torch.zeros_like(row_of)
    least = torch.full_like(v, torch.inf)
    visited = torch.zeros_like(row_of, dtype=torch.bool)
    for _ in range(steps):
        row = row_of.gather(1, here)
        going = row != 0
        visited = visited | (going & (torch.arange(width, device=here.device) == here))
        reduced = cost.gather(1, row.unsqueeze(-1).expand(-1, -1, width)).squeeze(1) - u.gather(1, row) - v
        nearer = going & ~visited & (reduced < least)
        least, before = torch.where(nearer, reduced, least), torch.where(nearer, here, before)
        gap, following = least.masked_fill(visited, torch.inf).min(1, keepdim=True)
        gap = torch.where(going, gap, torch.zeros_like(gap))
        u.scatter_add_(1, row_of, gap * visited)
        v -= gap * visited
        least = least - gap * ~visited
        here = torch.where(going, following, here)
    return here, before


def _augment(row_of: Tensor, last: Tensor, before: Tensor, steps: int) -> None:
    """Shift the rows along each path, from its free end back to the stand-in column, in place."""
    here = last
    for _ in range(steps):
        previous = before.gather(1, here)
        moved = torch.where(here != 0, row_of.gather(1, previous), row_of.gather(1, here))
        row_of.scatter_(1, here, moved)
        here = torch.where(here != 0, previous, here)
