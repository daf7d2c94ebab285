"""Messages of a graph network: what a receiver hears from its neighbours (arXiv:1704.01212).

Each is a brick of its own: on padded items with ``mask`` it acts on the complete graph or on the weights
``adjacency``; on packed items on an edge list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.feedforward import MLP
from jetlego.bricks.links import DenseLinks, Links, ListLinks, complete
from jetlego.bricks.masks import blank
from jetlego.bricks.registry import brick

Reduce = Literal["sum", "mean", "max"]

_TAKES = {"x": "graph|set[in_dim]"}
_GIVES = {"y": "same[out_dim]"}


def make_links(x: Tensor, mask: Tensor | None = None, *, adjacency: Tensor | None = None,
               edge_index: Tensor | None = None, edge: Tensor | None = None) -> Links:  # fmt: skip
    """Return links of either form: an edge list where ``edge_index`` is given, else all pairs of real items."""
    if edge_index is not None:
        return ListLinks(edge_index[0], edge_index[1], x.shape[0], None, edge)
    mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
    return DenseLinks(complete(mask, self_loops=adjacency is not None), adjacency, edge)


def reduce_links(message: Tensor, links: Links, how: Reduce) -> Tensor:
    """Return sum, mean or maximum of the messages over the links of each receiver."""
    if how == "max":
        return links.highest(message)
    total = links.total(message)
    return total / links.amount(message) if how == "mean" else total


class Message(nn.Module):
    """Base of all messages: :meth:`hear` on links of either form, ``forward`` on plain tensors."""

    out_dim: int

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears, (..., out_dim), of states ``h (..., in_dim)``."""
        raise NotImplementedError

    def forward(self, x: Tensor, mask: Tensor | None = None, *, adjacency: Tensor | None = None,
                edge_index: Tensor | None = None, edge: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, N, out_dim) of ``x (B, N, in_dim)``, or (P, out_dim) of ``x (P, in_dim)`` with ``edge_index``.

        ``adjacency (B, N, N)`` holds weights [receiver, sender]; ``edge`` features, (B, N, N, Q) or (E, Q).
        """
        links = make_links(blank(x, mask), mask, adjacency=adjacency, edge_index=edge_index, edge=edge)
        return blank(self.hear(blank(x, mask), links), mask)


@brick("message_linear", takes=_TAKES, gives=_GIVES)
class LinearMessage(Message):
    """``m_i = sum_j A_ij W h_j``.

    Parameters
    ----------
    in_dim, out_dim
        Widths, equal by default.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None) -> None:
        super().__init__()
        self.out_dim = out_dim or in_dim
        self.linear = nn.Linear(in_dim, self.out_dim, bias=False)

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears."""
        return links.total_sent(self.linear(h))


@brick("message_node_mlp", takes=_TAKES, gives=_GIVES)
class NodeMessage(Message):
    """``m_i = act(sum_j A_ij MLP(h_j))``, the message of Henrion et al. (NeurIPS workshop 2017).

    Parameters
    ----------
    in_dim, out_dim
        Widths, equal by default.
    layers
        Layers of the MLP, each with activation.
    activation
        Inside, and after the sum.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, layers: int = 2,
                 activation: str = "leaky_relu") -> None:  # fmt: skip
        super().__init__()
        self.out_dim = out_dim or in_dim
        self.mlp = MLP(in_dim=in_dim, hidden=[self.out_dim] * layers, activation=activation)
        self.activation = make_activation(activation)

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears."""
        return self.activation(links.total_sent(self.mlp(h)))


@brick("message_mlp", takes=_TAKES, gives=_GIVES)
class PairMessage(Message):
    """``m_i = reduce_j A_ij MLP([h_i, h_j, e_ij])``, the pair message of arXiv:1704.01212, section 5.3.

    The first layer acts on nodes, ``W_i h_i + W_j h_j + W_e e_ij``, which is the same and cheaper.

    Parameters
    ----------
    in_dim, edge_dim, out_dim
        Widths of states, edge features (0 for none) and messages (``in_dim`` by default).
    hidden
        Widths of the layers inside.
    activation
        Inside and, unless ``linear_out``, at the end.
    reduce
        ``sum``, ``mean`` or ``max`` over the neighbours.
    """

    def __init__(self, *, in_dim: int, edge_dim: int = 0, out_dim: int | None = None, hidden: Sequence[int] = (64,),
                 activation: str = "relu", reduce: Reduce = "sum", linear_out: bool = True) -> None:  # fmt: skip
        super().__init__()
        self.out_dim, self.reduce, self.edge_dim = out_dim or in_dim, reduce, edge_dim
        widths = [*hidden, self.out_dim]
        self.receiver, self.sender = nn.Linear(in_dim, widths[0]), nn.Linear(in_dim, widths[0], bias=False)
        self.edge = nn.Linear(edge_dim, widths[0], bias=False) if edge_dim else None
        rest = {"hidden": widths[1:-1], "out_dim": widths[-1]} if linear_out else {"hidden": widths[1:]}
        self.rest = MLP(in_dim=widths[0], activation=activation, **rest) if len(widths) > 1 else None
        self.activation = make_activation("identity" if self.rest is None and linear_out else activation)

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears."""
        pair = links.receivers(self.receiver(h)) + links.senders(self.sender(h))
        if self.edge is not None:
            if links.edge is None:
                raise ValueError("message_mlp was made for edge features, and none came")
            pair = pair + self.edge(links.edge)
        pair = self.activation(pair)
        return reduce_links(pair if self.rest is None else self.rest(pair), links, self.reduce)


@brick("message_edge_matrix", takes=_TAKES, gives=_GIVES)
class EdgeMatrixMessage(Message):
    """``m_i = sum_j A(e_ij) h_j``, with a matrix for each edge made by an MLP (arXiv:1704.01212, section 5.3).

    Parameters
    ----------
    in_dim, edge_dim, out_dim
        Widths; without edge features (0) one learned matrix serves all.
    hidden
        Layers of the MLP.
    reduce
        ``sum``, ``mean`` or ``max``.
    """

    def __init__(self, *, in_dim: int, edge_dim: int = 0, out_dim: int | None = None, hidden: Sequence[int] = (32,),
                 reduce: Reduce = "sum") -> None:  # fmt: skip
        super().__init__()
        self.in_dim, self.out_dim, self.reduce, self.edge_dim = in_dim, out_dim or in_dim, reduce, edge_dim
        self.matrix = MLP(in_dim=max(1, edge_dim), hidden=hidden, out_dim=in_dim * self.out_dim)

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears."""
        sender = links.senders(h)
        if self.edge_dim:
            if links.edge is None:
                raise ValueError("message_edge_matrix was made for edge features, and none came")
            matrix = self.matrix(links.edge).unflatten(-1, (self.in_dim, self.out_dim))
            return reduce_links((sender.unsqueeze(-2) @ matrix).squeeze(-2), links, self.reduce)
        matrix = self.matrix(h.new_ones(1)).reshape(self.in_dim, self.out_dim)
        sent = sender @ matrix
        return reduce_links(sent.expand(*links.receivers(h).shape[:-2], *sent.shape[-2:]), links, self.reduce)


@brick("message_edgeconv", takes=_TAKES, gives=_GIVES)
class EdgeConvMessage(Message):
    """``m_i = reduce_j MLP([h_i, h_j - h_i])`` (arXiv:1801.07829, eq. 8), on given links.

    Parameters
    ----------
    in_dim, out_dim
        Widths, equal by default.
    hidden
        Widths of the layers inside.
    reduce
        ``max``, ``mean`` or ``sum``.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, hidden: Sequence[int] = (64,),
                 reduce: Reduce = "max") -> None:  # fmt: skip
        super().__init__()
        self.out_dim, self.reduce = out_dim or in_dim, reduce
        self.mlp = MLP(in_dim=2 * in_dim, hidden=hidden, out_dim=self.out_dim)

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears."""
        receiver, sender = torch.broadcast_tensors(links.receivers(h), links.senders(h))
        return reduce_links(self.mlp(torch.cat([receiver, sender - receiver], -1)), links, self.reduce)


@brick("message_attention", takes=_TAKES, gives=_GIVES)
class AttentionMessage(Message):
    """``m_i = sum_j softmax_j(a . leaky_relu(W_i h_i + W_j h_j)) W_j h_j`` (GATv2, arXiv:2105.14491, eq. 7).

    Parameters
    ----------
    in_dim, out_dim, edge_dim
        Widths; ``out_dim`` (``in_dim`` by default) is shared by the heads.
    heads
        Number of heads.
    slope
        Of the leaky ReLU.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, edge_dim: int = 0, heads: int = 1,
                 slope: float = 0.2) -> None:  # fmt: skip
        super().__init__()
        self.out_dim, self.heads, self.slope, self.edge_dim = out_dim or in_dim, heads, slope, edge_dim
        if self.out_dim % heads:
            raise ValueError(f"width {self.out_dim} does not divide into {heads} heads")
        self.receiver, self.sender = nn.Linear(in_dim, self.out_dim), nn.Linear(in_dim, self.out_dim)
        self.edge = nn.Linear(edge_dim, self.out_dim, bias=False) if edge_dim else None
        self.vector = nn.Parameter(torch.empty(heads, self.out_dim // heads))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the attention vector with Glorot's spread."""
        nn.init.xavier_uniform_(self.vector, generator=generator)

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears."""
        sent = links.senders(self.sender(h))
        pair = links.receivers(self.receiver(h)) + sent
        if self.edge is not None:
            if links.edge is None:
                raise ValueError("message_attention was made for edge features, and none came")
            pair = pair + self.edge(links.edge)
        by_head = F.leaky_relu(pair, self.slope).unflatten(-1, self.vector.shape)
        weight = links.softmax((by_head * self.vector).sum(-1)).to(sent.dtype).unsqueeze(-1)
        return links.total((sent.unflatten(-1, self.vector.shape) * weight).flatten(-2))


@brick("message_gin", takes=_TAKES, gives=_GIVES)
class GINMessage(Message):
    """``m_i = MLP((1 + eps) h_i + sum_j A_ij h_j)`` (arXiv:1810.00826, eq. 4.1).

    Parameters
    ----------
    in_dim, out_dim
        Widths, equal by default.
    hidden
        Widths of the layers inside.
    learn_eps
        Whether eps, which starts at zero, is learned.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, hidden: Sequence[int] = (64,),
                 learn_eps: bool = True) -> None:  # fmt: skip
        super().__init__()
        self.out_dim = out_dim or in_dim
        self.mlp = MLP(in_dim=in_dim, hidden=hidden, out_dim=self.out_dim)
        self.eps = nn.Parameter(torch.empty(()), requires_grad=learn_eps)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start eps at zero."""
        nn.init.zeros_(self.eps)

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears."""
        return self.mlp((1 + self.eps) * h + links.total_sent(h))
