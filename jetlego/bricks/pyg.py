"""Convolutions of torch_geometric, a closed list, as messages that an ``mpnn`` may pass on an edge list."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.links import Links, ListLinks
from jetlego.bricks.messages import Message
from jetlego.bricks.registry import brick

with warnings.catch_warnings():  # it scripts some of its own functions on import, which torch deprecates
    warnings.simplefilter("ignore", DeprecationWarning)
    import torch_geometric.nn as pyg

ConvName = Literal[
    "gcn", "sage", "graph", "gat", "gatv2", "transformer", "gin", "gine", "nnconv", "edge", "tag",
]  # fmt: skip


def _mlp(a: int, b: int) -> nn.Module:
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, b))


_CONVS: dict[str, Callable[[int, int, int, int], Any]] = {
    "gcn": lambda i, o, e, h: pyg.GCNConv(i, o, add_self_loops=False),
    "sage": lambda i, o, e, h: pyg.SAGEConv(i, o),
    "graph": lambda i, o, e, h: pyg.GraphConv(i, o),
    "gat": lambda i, o, e, h: pyg.GATConv(i, o // h, heads=h, edge_dim=e or None, add_self_loops=False),
    "gatv2": lambda i, o, e, h: pyg.GATv2Conv(i, o // h, heads=h, edge_dim=e or None, add_self_loops=False),
    "transformer": lambda i, o, e, h: pyg.TransformerConv(i, o // h, heads=h, edge_dim=e or None),
    "gin": lambda i, o, e, h: pyg.GINConv(_mlp(i, o), train_eps=True),
    "gine": lambda i, o, e, h: pyg.GINEConv(_mlp(i, o), train_eps=True, edge_dim=e),
    "nnconv": lambda i, o, e, h: pyg.NNConv(i, o, _mlp(e, i * o)),
    "edge": lambda i, o, e, h: pyg.EdgeConv(_mlp(2 * i, o), aggr="max"),
    "tag": lambda i, o, e, h: pyg.TAGConv(i, o),
}  # fmt: skip
_WITH_EDGES = {"gat", "gatv2", "transformer", "gine", "nnconv"}
_MUST_HAVE_EDGES = {"gine", "nnconv"}
_WITH_HEADS = {"gat", "gatv2", "transformer"}


@brick("message_pyg", takes={"x": "graph[in_dim]"}, gives={"y": "graph[out_dim]"}, views=("packed",))
class PyGMessage(Message):
    """A convolution of torch_geometric on an edge list; ``gcn`` adds the loops that its normalisation wants.

    Parameters
    ----------
    conv
        Which one; ``gine`` and ``nnconv`` need edge features.
    in_dim, out_dim, edge_dim
        Widths; ``out_dim`` is ``in_dim`` by default, ``edge_dim`` 0 without edge features.
    heads
        Of ``gat``, ``gatv2`` and ``transformer``, which share ``out_dim``.
    """

    def __init__(self, *, in_dim: int, conv: ConvName = "gatv2", out_dim: int | None = None, edge_dim: int = 0,
                 heads: int = 1) -> None:  # fmt: skip
        super().__init__()
        self.out_dim = out_dim or in_dim
        if conv in _MUST_HAVE_EDGES and not edge_dim:
            raise ValueError(f"{conv} needs edge features")
        if (heads > 1 and conv not in _WITH_HEADS) or self.out_dim % heads:
            raise ValueError(f"{conv} of width {self.out_dim} cannot have {heads} heads")
        self.with_edges = conv in _WITH_EDGES and edge_dim > 0
        self.loops = conv == "gcn"
        self.conv = _CONVS[conv](in_dim, self.out_dim, edge_dim, heads)

    def hear(self, h: Tensor, links: Links) -> Tensor:
        """Return what each node hears."""
        if not isinstance(links, ListLinks):
            raise ValueError("message_pyg wants an edge list; insert knn, or use message_attention and the like")
        return self.over(h, links.edge_index, links.edge)

    def forward(self, x: Tensor, edge_index: Tensor, edge: Tensor | None = None) -> Tensor:
        """Return (P, out_dim) of ``x (P, in_dim)``, ``edge_index (2, E)`` and ``edge (E, Q)``."""
        return self.over(x, edge_index, edge)

    def over(self, x: Tensor, edge_index: Tensor, edge: Tensor | None) -> Tensor:
        """Return (P, out_dim) over an edge list."""
        if self.loops:  # its own way of adding them waits for the device
            loops = torch.arange(x.shape[0], device=x.device)
            edge_index = torch.cat([edge_index, loops.expand(2, -1)], 1)
        return self.conv(x, edge_index, edge) if self.with_edges else self.conv(x, edge_index)
