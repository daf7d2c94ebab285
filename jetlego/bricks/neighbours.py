"""The k nearest neighbours of each item within its set."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from jetlego.bricks.masks import Packing, real_index
from jetlego.conventions import IntArray

NeighbourRule = Literal["exact", "weaver"]


@torch.no_grad()
def nearest(points: Tensor, mask: Tensor, k: int, *, rule: NeighbourRule = "exact") -> tuple[Tensor, Tensor]:
    """Return for each item the ``k`` nearest others of its set, and which of them there really are.

    Parameters
    ----------
    points
        (B, N, C) coordinates.
    mask
        (B, N), True = real.
    k
        Number of neighbours; sets with fewer than ``k + 1`` items have fewer.
    rule
        ``exact`` compares squared Euclidean distances rounded to float32 and breaks ties towards the lower index;
        padding is never a neighbour. ``weaver`` does as weaver-core does: squared distances as x.x - 2 x.y + y.y in
        the precision of the points, the k + 1 smallest, the first dropped (which need not be the item itself),
        padding at 1e9 but not excluded.

    Returns
    -------
    tuple of Tensor
        Indices (B, N, min(k, N - 1)) int64 into the N slots, unordered; and a mask of the same shape, False where a
        set is too small or the item itself is padding.
    """
    if rule == "weaver":
        return _nearest_as_weaver(points, mask, k)
    k = max(0, min(k, points.shape[1] - 1))
    # float64 makes the cancellation in x.x - 2 x.y + y.y harmless, and one product is faster than all differences
    wide = points if points.device.type == "mps" else points.double()
    wide = wide.masked_fill(~mask.unsqueeze(-1), 0)
    square = wide.square().sum(-1)
    distance = torch.baddbmm(square.unsqueeze(1) + square.unsqueeze(2), wide, wide.mT, alpha=-2).clamp(min=0).float()
    here = torch.arange(points.shape[1], device=points.device)
    never = ~mask.unsqueeze(1) | (here.unsqueeze(1) == here)
    distance = distance.masked_fill(never, torch.inf)
    # floats of one sign compare as their bits do, so bits and index make one integer that no two items share
    key = (distance.view(torch.int32).long() << 32) | here
    index = key.topk(k, dim=-1, largest=False, sorted=False).values & 0xFFFFFFFF
    return index, ~never.expand_as(key).gather(-1, index) & mask.unsqueeze(-1)


def _nearest_as_weaver(points: Tensor, mask: Tensor, k: int) -> tuple[Tensor, Tensor]:
    points = points.masked_fill(~mask.unsqueeze(-1), 1e9)
    square = points.square().sum(-1, keepdim=True)
    distance = (square - 2 * (points @ points.mT) + square.mT).clamp(min=0)
    index = distance.topk(min(k + 1, points.shape[1]), dim=-1, largest=False).indices[..., 1:]
    return index, torch.ones_like(index, dtype=torch.bool)


def rows_of(index: Tensor) -> Tensor:
    """Return slot indices (B, N, K) as rows (B N, K) of the flattened padded array."""
    start = torch.arange(index.shape[0], device=index.device) * index.shape[1]
    return (index + start.reshape(-1, 1, 1)).flatten(0, 1)


def nearest_edges(points: Tensor, ptr: Tensor, counts: IntArray, k: int) -> Tensor:
    """Return the edge list (2, E), [source; target], from each packed item's ``k`` nearest in its set to the item.

    ``points (P, C)`` are coordinates, ``ptr (B + 1,)`` the offsets of the sets, ``counts (B,)`` their sizes on the
    host, so that the device is asked for no number of edges.
    """
    packing = Packing.of(ptr, points.shape[0], int(counts.max(initial=0)))
    index, real = nearest(packing.pad(points), packing.mask, k)
    row = index + ptr[:-1].reshape(-1, 1, 1)
    source, real = packing.unpad(row), packing.unpad(real)
    total = int((counts * np.minimum(counts - 1, source.shape[1]).clip(min=0)).sum())
    edge = real_index(real, total)
    return torch.stack([source.flatten().index_select(0, edge), edge // max(1, source.shape[1])])
