"""Who hears whom: one set of operations on the links of a graph, dense (padded) or as an edge list (packed).

A message is written once, as a function of (receiver, sender, edge); here is what turns it into sums over neighbours.
In both forms link (i, j) carries from sender j to receiver i, an edge list is ``[source; target]``, and a receiver
without links gets zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from jetlego.bricks.masks import at_least_float32, masked_softmax


@dataclass(frozen=True)
class DenseLinks:
    """All pairs of padded items: ``real (B, N, N)`` bool, [receiver, sender]; ``weight (B, N, N)`` or None."""

    real: Tensor
    weight: Tensor | None = None
    edge: Tensor | None = None

    def receivers(self, h: Tensor) -> Tensor:
        """Return h (B, N, D) as (B, N, 1, D)."""
        return h.unsqueeze(2)

    def senders(self, h: Tensor) -> Tensor:
        """Return h (B, N, D) as (B, 1, N, D)."""
        return h.unsqueeze(1)

    def weights(self, like: Tensor) -> Tensor:
        """Return the weights (B, N, N), zero where there is no link."""
        if self.weight is None:
            return self.real.to(like.dtype)
        return self.weight.masked_fill(~self.real, 0)

    def total(self, message: Tensor) -> Tensor:
        """Return the weighted sum (B, N, D) of messages (B, N, N, D)."""
        return (message * self.weights(message).unsqueeze(-1)).sum(2)

    def total_sent(self, message: Tensor) -> Tensor:
        """Return the same for messages (B, N, D) that depend on the sender alone."""
        return self.weights(message) @ message

    def amount(self, like: Tensor) -> Tensor:
        """Return the sum of weights (B, N, 1) that each receiver hears, one where it hears nothing."""
        total = self.weights(like).sum(2, keepdim=True)
        return total.masked_fill(total == 0, 1)

    def highest(self, message: Tensor) -> Tensor:
        """Return the maximum (B, N, D) of messages (B, N, N, D)."""
        wide = self.real.unsqueeze(-1)
        if message.shape[2] == 0:
            return message.sum(2)
        found = message.masked_fill(~wide, -torch.inf).amax(2)
        return found.masked_fill(~wide.any(2), 0)

    def softmax(self, score: Tensor) -> Tensor:
        """Return the softmax over senders of scores (B, N, N, H)."""
        return masked_softmax(score, self.real.unsqueeze(-1), dim=2)


@dataclass(frozen=True)
class ListLinks:
    """An edge list: ``source (E,)``, ``target (E,)`` int64, ``num_nodes`` P; ``weight (E,)`` or None."""

    source: Tensor
    target: Tensor
    num_nodes: int
    weight: Tensor | None = None
    edge: Tensor | None = None

    def receivers(self, h: Tensor) -> Tensor:
        """Return h (P, D) as (E, D)."""
        return h.index_select(0, self.target)

    def senders(self, h: Tensor) -> Tensor:
        """Return h (P, D) as (E, D)."""
        return h.index_select(0, self.source)

    def total(self, message: Tensor) -> Tensor:
        """Return the weighted sum (P, D) of messages (E, D)."""
        message = message if self.weight is None else message * self.weight.unsqueeze(-1)
        return message.new_zeros(self.num_nodes, *message.shape[1:]).index_add(0, self.target, message)

    def total_sent(self, message: Tensor) -> Tensor:
        """Return the same for messages (P, D) that depend on the sender alone."""
        return self.total(self.senders(message))

    def amount(self, like: Tensor) -> Tensor:
        """Return the sum of weights (P, 1) that each receiver hears, one where it hears nothing."""
        total = self.total(like.new_ones(self.target.shape[0], 1))
        return total.masked_fill(total == 0, 1)

    def highest(self, message: Tensor) -> Tensor:
        """Return the maximum (P, D) of messages (E, D)."""
        start = message.new_zeros(self.num_nodes, *message.shape[1:])
        return start.scatter_reduce(0, self._index(message), message, "amax", include_self=False)

    def softmax(self, score: Tensor) -> Tensor:
        """Return the softmax over the links of each receiver of scores (E, H)."""
        wide = at_least_float32(score)
        weight = (wide - self.highest(wide.detach()).index_select(0, self.target)).exp()
        total = weight.new_zeros(self.num_nodes, *weight.shape[1:]).index_add(0, self.target, weight)
        return (weight / total.index_select(0, self.target)).to(score.dtype)

    @property
    def edge_index(self) -> Tensor:
        """The list as (2, E), [source; target]."""
        return torch.stack([self.source, self.target])

    def _index(self, like: Tensor) -> Tensor:
        return self.target.reshape(-1, *(1,) * (like.dim() - 1)).expand_as(like)


Links = DenseLinks | ListLinks


def complete(mask: Tensor, *, self_loops: bool = False) -> Tensor:
    """Return (B, N, N) bool, True for every pair of real items, without the item itself unless asked."""
    pairs = mask.unsqueeze(2) & mask.unsqueeze(1)
    return pairs if self_loops else pairs & ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
