"""Interaction networks: relations between all pairs, summed at the receiver, then an update of each object."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.feedforward import MLP
from jetlego.bricks.links import DenseLinks, complete
from jetlego.bricks.masks import blank
from jetlego.bricks.registry import brick


class Relation(nn.Module):
    """``sum_j f_R([x_i, y_j])`` over all senders; the first layer acts on the two apart, which is the same."""

    def __init__(self, receiver_dim: int, sender_dim: int, hidden: Sequence[int], activation: str) -> None:
        super().__init__()
        self.receiver = nn.Linear(receiver_dim, hidden[0])
        self.sender = nn.Linear(sender_dim, hidden[0], bias=False)
        self.activation = make_activation(activation)
        self.rest = MLP(in_dim=hidden[0], hidden=hidden[1:], activation=activation) if hidden[1:] else nn.Identity()

    def forward(self, receiver: Tensor, sender: Tensor, real: Tensor) -> Tensor:
        """Return (B, N, D) of ``receiver (B, N, P)``, ``sender (B, M, Q)`` and ``real (B, N, M)``."""
        links = DenseLinks(real)
        pair = links.receivers(self.receiver(receiver)) + links.senders(self.sender(sender))
        return links.total(self.rest(self.activation(pair)))


@brick("interaction", takes={"x": "graph|set[in_dim]"}, gives={"y": "same[out_dim]"})
class Interaction(nn.Module):
    """``f_O([x_i, sum_{j != i} f_R([x_i, x_j])])`` on the complete graph (arXiv:1612.00222, JEDI-net arXiv:1908.05318).

    Parameters
    ----------
    in_dim
        Width of the objects.
    relation, object
        Widths of the layers of f_R and f_O, each with activation.
    relation_activation, object_activation
        ``relu``, ``selu`` and the like.
    """

    def __init__(self, *, in_dim: int, relation: Sequence[int] = (64, 32, 64), object: Sequence[int] = (64, 32, 16),
                 relation_activation: str = "relu", object_activation: str = "relu") -> None:  # fmt: skip
        super().__init__()
        if not relation or not object:
            raise ValueError("relation and object need a layer each")
        self.relation = Relation(in_dim, in_dim, relation, relation_activation)
        self.object = MLP(in_dim=in_dim + relation[-1], hidden=object, activation=object_activation)
        self.out_dim = object[-1]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, N, out_dim) of ``x (B, N, in_dim)``."""
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        x = blank(x, mask)
        heard = self.relation(x, x, complete(mask))
        return blank(self.object(torch.cat([x, heard], -1)), mask)


@brick(
    "bipartite_interaction",
    takes={"x": "set[in_dim]", "senders": "set[sender_dim]"},
    gives={"y": "set[out_dim]"},
)
class BipartiteInteraction(nn.Module):
    """``f_O([x_i, sum_j f_R([x_i, y_j])])``: each item hears all items of another set (arXiv:1909.12285).

    Parameters
    ----------
    in_dim, sender_dim
        Widths of the receivers and of the senders.
    relation, object, relation_activation, object_activation
        As in ``interaction``.
    """

    def __init__(self, *, in_dim: int, sender_dim: int, relation: Sequence[int] = (60, 30, 20),
                 object: Sequence[int] = (60, 30, 24), relation_activation: str = "relu",
                 object_activation: str = "relu") -> None:  # fmt: skip
        super().__init__()
        if not relation or not object:
            raise ValueError("relation and object need a layer each")
        self.sender_dim = sender_dim
        self.relation = Relation(in_dim, sender_dim, relation, relation_activation)
        self.object = MLP(in_dim=in_dim + relation[-1], hidden=object, activation=object_activation)
        self.out_dim = object[-1]

    def forward(self, x: Tensor, senders: Tensor, mask: Tensor | None = None,
                senders_mask: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, N, out_dim) of ``x (B, N, in_dim)`` and ``senders (B, M, sender_dim)``."""
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        senders_mask = senders.new_ones(senders.shape[:2], dtype=torch.bool) if senders_mask is None else senders_mask
        x, senders = blank(x, mask), blank(senders, senders_mask)
        heard = self.relation(x, senders, mask.unsqueeze(2) & senders_mask.unsqueeze(1))
        return blank(self.object(torch.cat([x, heard], -1)), mask)
