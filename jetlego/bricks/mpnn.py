"""Message passing: embed, then several times hear and update (arXiv:1704.01212, eqs. 1 and 2).

    h <- act(W x);   T times:  m <- message(A, h);  h <- update(h, m)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.feedforward import MLP
from jetlego.bricks.links import DenseLinks, complete
from jetlego.bricks.masks import blank
from jetlego.bricks.messages import make_links
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick

_TAKES = {"x": "set[in_dim]", "state": "along[state_dim]"}
_GIVES = {"y": "set[out_dim]"}
_BOTH = ("padded", "packed")


@brick("update_gru", takes=_TAKES, gives=_GIVES, views=_BOTH)
class GRUUpdate(nn.Module):
    """``h <- GRU(m, h)``, one gated step (arXiv:1406.1078) for each node."""

    def __init__(self, *, in_dim: int, state_dim: int) -> None:
        super().__init__()
        self.out_dim = state_dim
        self.cell = nn.GRUCell(in_dim, state_dim)

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the new state (..., state_dim) of messages ``x (..., in_dim)`` and ``state (..., state_dim)``."""
        x, state = blank(x, mask), blank(state, mask)
        new = self.cell(x.reshape(-1, x.shape[-1]), state.reshape(-1, state.shape[-1]))
        return blank(new.reshape(state.shape).to(state.dtype), mask)


@brick("update_residual_mlp", takes=_TAKES, gives=_GIVES, views=_BOTH)
class ResidualUpdate(nn.Module):
    """``h <- h + MLP([h, m])``."""

    def __init__(self, *, in_dim: int, state_dim: int, hidden: Sequence[int] = (64,), activation: str = "relu") -> None:
        super().__init__()
        self.out_dim = state_dim
        self.mlp = MLP(in_dim=in_dim + state_dim, hidden=hidden, out_dim=state_dim, activation=activation)

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the new state (..., state_dim) of messages ``x (..., in_dim)`` and ``state (..., state_dim)``."""
        x, state = blank(x, mask), blank(state, mask)
        return blank(state + self.mlp(torch.cat([state, x], -1)), mask)


@brick("update_overwrite", takes=_TAKES, gives=_GIVES, views=_BOTH)
class Overwrite(nn.Module):
    """``h <- m``; a linear layer leads to the state's width if the message has another."""

    def __init__(self, *, in_dim: int, state_dim: int) -> None:
        super().__init__()
        self.out_dim = state_dim
        self.map = nn.Identity() if in_dim == state_dim else nn.Linear(in_dim, state_dim)

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the new state (..., state_dim), which is the message."""
        return blank(self.map(blank(x, mask)), mask)


@brick(
    "mpnn",
    takes={"x": "graph|set[in_dim]", "kinematics": "along[kinematics_dim]?"},
    gives={"y": "same[out_dim]"},
)
class MPNN(nn.Module):
    """Message passing on a dense (learned or complete) graph of padded items, or on an edge list of packed ones.

    Parameters
    ----------
    in_dim
        Width of the nodes' input.
    hidden
        Width of the states.
    iterations
        How often nodes hear and update, each time with weights of its own unless ``share``.
    message, update
        Parts; see :mod:`jetlego.bricks.messages`.
    adjacency
        Weighs the links of the dense form (``brick: adjacency``); None for the complete graph.
    every
        Make the adjacency anew from the states in each iteration, instead of once from the inputs.
    edge_dim
        Width of the edge features, 0 for none.
    share
        One message and one update for all iterations.
    self_loops
        Whether a node hears itself on the complete graph (an adjacency decides for itself).
    activation
        Of the embedding.
    """

    kinematics_dim = 3

    def __init__(self, *, in_dim: int, hidden: int = 64, iterations: int = 2,
                 message: Annotated[Part, "graph -> set"] = "message_node_mlp",
                 update: Annotated[Part, "set -> set"] = "update_gru",
                 adjacency: Annotated[Part, "set -> pair"] | None = None, every: bool = False, edge_dim: int = 0,
                 share: bool = False, self_loops: bool = False, activation: str = "leaky_relu") -> None:  # fmt: skip
        super().__init__()
        if iterations < 1:
            raise ValueError("iterations must be at least 1")
        self.out_dim, self.every, self.self_loops = hidden, every, self_loops
        self.embed, self.activation = nn.Linear(in_dim, hidden), make_activation(activation)
        copies = 1 if share else iterations
        self.messages = nn.ModuleList(fit(message, in_dim=hidden, edge_dim=edge_dim) for _ in range(copies))
        self.updates = nn.ModuleList(fit(update, in_dim=m.out_dim, state_dim=hidden) for m in self.messages)
        self.order = [0] * iterations if share else list(range(iterations))
        widths = [] if adjacency is None else [in_dim, *[hidden] * (iterations - 1)] if every else [in_dim]
        self.adjacencies = nn.ModuleList(fit(adjacency, in_dim=width) for width in widths)

    def forward(self, x: Tensor, mask: Tensor | None = None, kinematics: Tensor | None = None, *,
                edge_index: Tensor | None = None, edge: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return states (B, N, hidden) of ``x (B, N, in_dim)``, or (P, hidden) of ``x (P, in_dim)`` and an edge list.

        ``kinematics (B, N, 3)`` are pT, eta, phi for a physics adjacency; ``edge`` features, (B, N, N, Q) or (E, Q).
        """
        x = blank(x, mask)
        h = blank(self.activation(self.embed(x)), mask)
        links: Any = make_links(x, mask, edge_index=edge_index, edge=edge)
        for turn, which in enumerate(self.order):
            if edge_index is None and turn < max(1, len(self.adjacencies)):
                links = self._dense(x if turn == 0 else h, mask, kinematics, edge, turn)
            heard = blank(self.messages[which].hear(h, links), mask)
            h = self.updates[which](heard, h, mask)
        return h

    def _dense(self, h: Tensor, mask: Tensor | None, kinematics: Tensor | None, edge: Tensor | None,
               turn: int) -> DenseLinks:  # fmt: skip
        mask = h.new_ones(h.shape[:2], dtype=torch.bool) if mask is None else mask
        if not self.adjacencies:
            return DenseLinks(complete(mask, self_loops=self.self_loops), None, edge)
        weight = self.adjacencies[turn](h, mask, kinematics)
        return DenseLinks(complete(mask, self_loops=True), weight, edge)
