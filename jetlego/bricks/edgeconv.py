"""Edge convolution: an MLP on (x_i, x_j - x_i) for the nearest neighbours j, then mean or maximum.

ParticleNet's block (arXiv:1902.08570, figure 1) after arXiv:1801.07829. The first layer of the MLP acts on nodes,
``W [x_i; x_j - x_i] = (W_a - W_b) x_i + W_b x_j``, so that of K products a node two remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.masks import Packing, blank, real_index
from jetlego.bricks.neighbours import NeighbourRule, nearest, rows_of
from jetlego.bricks.norms import MaskedBatchNorm
from jetlego.bricks.registry import brick
from jetlego.conventions import IntArray


@brick(
    "edgeconv",
    takes={"x": "graph|set[in_dim]", "points": "along[point_dim]?"},
    gives={"y": "same[out_dim]"},
    views=("padded", "packed"),
)
class EdgeConv(nn.Module):
    """``act(shortcut(x_i) + reduce_j MLP([x_i, x_j - x_i]))`` over the k nearest neighbours, or over given edges.

    Each layer of the MLP is linear without bias, batch norm over real edges, activation.

    Parameters
    ----------
    in_dim
        Width of the items.
    channels
        Widths of the MLP's layers.
    k
        Number of neighbours; a set of fewer items uses those it has.
    reduce
        ``mean`` or ``max`` over the neighbours.
    shortcut
        Add the input (through a linear layer and norm where the widths differ) and apply the activation to the sum.
    activation
        After each layer.
    neighbours
        How neighbours are found (:func:`jetlego.bricks.neighbours.nearest`); ``weaver`` treats padding as weaver-core
        does.
    point_dim
        Number of coordinates, if they are not the items' features.
    """

    def __init__(self, *, in_dim: int, channels: Sequence[int] = (64, 64, 64), k: int = 16,
                 reduce: Literal["mean", "max"] = "mean", shortcut: bool = True, activation: str = "relu",
                 neighbours: NeighbourRule = "exact", point_dim: int = 2) -> None:  # fmt: skip
        super().__init__()
        if not channels or k < 1:
            raise ValueError("edgeconv needs a layer and at least one neighbour")
        self.k, self.reduce, self.neighbours, self.point_dim = k, reduce, neighbours, point_dim
        self.out_dim = channels[-1]
        self.first = nn.Linear(2 * in_dim, channels[0], bias=False)
        self.rest = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(channels))
        self.norms = nn.ModuleList(MaskedBatchNorm(in_dim=c) for c in channels)
        self.activation = make_activation(activation)
        if isinstance(self.activation, nn.ReLU):
            self.activation.inplace = True  # always after a norm or a sum, neither of which needs its output again
        self.has_shortcut = shortcut
        if shortcut and in_dim != self.out_dim:
            self.shortcut = nn.Linear(in_dim, self.out_dim, bias=False)
            self.shortcut_norm = MaskedBatchNorm(in_dim=self.out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None, points: Tensor | None = None, *, ptr: Tensor | None = None,
                n_max: int = 0, counts: IntArray | None = None,
                edge_index: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, N, out_dim) of ``x (B, N, in_dim)`` with ``mask``, or (P, out_dim) of ``x (P, in_dim)``.

        Packed items come with ``ptr`` and ``n_max``, or with ``edge_index (2, E)``, [source; target], in place of
        neighbours. ``counts (B,)``, the sizes of the sets on the host, spares work on neighbours that are not there.
        ``points (..., C)`` are the coordinates of the neighbourhood, by default ``x`` itself.
        """
        points = x if points is None else points
        if edge_index is not None:
            return self._joined(x, self._over_list(x, edge_index), None)
        if ptr is not None:
            return self._packed(x, points, Packing.of(ptr, x.shape[0], n_max), counts)
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        x = blank(x, mask)
        index, real = nearest(points, mask, self.k, rule=self.neighbours)
        rows, real = rows_of(index), real.flatten(0, 1)
        heard = self._over_rows(x.flatten(0, 1), rows, real)
        every = None if self.neighbours == "weaver" else mask.flatten()
        return blank(self._joined(x.flatten(0, 1), heard, every).unflatten(0, mask.shape), mask)

    def _packed(self, x: Tensor, points: Tensor, packing: Packing, counts: IntArray | None) -> Tensor:
        if self.neighbours == "weaver":  # its padding takes part
            return packing.unpad(self.forward(packing.pad(x), packing.mask, packing.pad(points)))
        index, real = nearest(packing.pad(points), packing.mask, self.k, rule=self.neighbours)
        home = packing.slot.new_zeros(packing.mask.numel() + 1)  # slot -> packed row
        home = home.index_copy(0, packing.slot, torch.arange(x.shape[0], device=x.device))
        rows = packing.unpad(home[:-1].index_select(0, rows_of(index).flatten()).reshape(index.shape))
        real = packing.unpad(real)
        if counts is None:
            return self._joined(x, self._over_rows(x, rows, real), None)
        total = int((counts * np.minimum(counts - 1, rows.shape[1]).clip(min=0)).sum())
        if total == rows.numel():
            return self._joined(x, self._over_rows(x, rows, None), None)
        edge = real_index(real, total)
        target = edge // max(1, rows.shape[1])
        return self._joined(x, self._over_list(x, torch.stack([rows.flatten().index_select(0, edge), target])), None)

    def _over_rows(self, x: Tensor, rows: Tensor, real: Tensor | None) -> Tensor:
        """Mean or maximum over neighbours ``rows (R, K)`` of items ``x (R, C)``, where ``real (R, K)``."""
        if rows.shape[1] == 0:
            return x.new_zeros(x.shape[0], self.out_dim)
        every = None if self.neighbours == "weaver" or real is None else real.flatten()
        edge = self._layers(self._first(x, rows).flatten(0, 1), every).unflatten(0, rows.shape)
        if real is None:
            return edge.amax(1) if self.reduce == "max" else edge.mean(1)
        if self.reduce == "max":
            found = edge.masked_fill(~real.unsqueeze(-1), -torch.inf)
            empty = ~real.any(1, keepdim=True)
            return found.amax(1).masked_fill(empty, 0)
        return edge.sum(1) / real.sum(1, keepdim=True).clamp(min=1).to(edge.dtype)

    def _over_list(self, x: Tensor, edge_index: Tensor) -> Tensor:
        source, target = edge_index
        receiver, sender = self._split(x)
        edge = self._layers(_take(receiver, target) + _take(sender, source), None)
        start = edge.new_zeros(x.shape[0], edge.shape[1])
        if self.reduce == "max":
            return start.scatter_reduce(0, target.unsqueeze(1).expand_as(edge), edge, "amax", include_self=False)
        count = edge.new_zeros(x.shape[0]).index_add(0, target, edge.new_ones(target.shape[0]))
        return start.index_add(0, target, edge) / count.clamp(min=1).unsqueeze(1)

    def _first(self, x: Tensor, rows: Tensor) -> Tensor:
        """First layer on edges (R, K, C)."""
        if self.neighbours == "weaver":  # rounds as weaver does
            receiver = x.unsqueeze(1)
            difference = _take(x, rows) - receiver
            return self.first(torch.cat([receiver.expand_as(difference), difference], -1))
        receiver, sender = self._split(x)
        return receiver.unsqueeze(1) + _take(sender, rows)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        own, difference = self.first.weight.chunk(2, dim=1)
        return x @ (own - difference).T, x @ difference.T

    def _layers(self, edge: Tensor, mask: Tensor | None) -> Tensor:
        """Norms, activations and further layers on edges (..., C); those outside the mask come out zero."""
        edge = blank(self.activation(self.norms[0](edge, mask)), mask)
        for linear, norm in zip(self.rest, self.norms[1:], strict=True):
            edge = blank(self.activation(norm(linear(edge), mask)), mask)
        return edge

    def _joined(self, x: Tensor, heard: Tensor, mask: Tensor | None) -> Tensor:
        if not self.has_shortcut:
            return heard
        if hasattr(self, "shortcut"):
            x = self.shortcut_norm(self.shortcut(x), mask)
        return self.activation(x + heard)


def _take(x: Tensor, rows: Tensor) -> Tensor:
    """Return rows (...) of x (R, C) as (..., C); the fastest of four ways, forward and backward."""
    return x.gather(0, rows.reshape(-1, 1).expand(-1, x.shape[1])).reshape(*rows.shape, x.shape[1])
