"""Merging by attention: a node asks itself and its children what to keep."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.recursive.walk import State, TreeCell
from jetlego.bricks.registry import brick


@brick("tree_attention", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class TreeAttention(TreeCell):
    """Attention over {u, h_left, h_right}, then a feed-forward layer with a skip.

        query = W_q [u; mean of children]    keys, values from u, h_left, h_right plus a learned side embedding
        h = LayerNorm(u + W_o softmax(q k / sqrt d) v)    h <- LayerNorm(h + W_2 relu(W_1 h))

    A leaf attends to u alone.

    Parameters
    ----------
    in_dim
        Width of the node features.
    hidden
        Width H of the states.
    heads
        Number of attention heads; divides ``hidden``.
    sides
        Tell left from right; False makes the cell blind to the order of children.

    References
    ----------
    Attention after Vaswani et al., arXiv:1706.03762, over the children of a node as in Ahmed, Samee, Mercer,
    arXiv:1901.00066.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40, heads: int = 4, sides: bool = True) -> None:
        super().__init__()
        if hidden % heads:
            raise ValueError(f"heads {heads} does not divide hidden {hidden}")
        self.in_dim, self.hidden, self.heads = in_dim, hidden, heads
        self.input = nn.Linear(in_dim, hidden)
        self.query = nn.Linear(2 * hidden, hidden)
        self.key_value = nn.Linear(hidden, 2 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.norm, self.last_norm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.feed = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, hidden))
        self.side = nn.Parameter(torch.zeros(3, hidden), requires_grad=sides)  # u, left, right
        self.sides = sides
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Draw the side embeddings, or leave them at zero for good."""
        if self.sides:
            nn.init.normal_(self.side, std=0.02, generator=generator)
        else:
            nn.init.zeros_(self.side)

    def embed(self, x: Tensor) -> Tensor:
        """Return u (T, H)."""
        return torch.relu(self.input(x))

    def leaf(self, u: Tensor) -> State:
        """Return h (n, H) of leaves."""
        return (self._attend(u, u, u.unsqueeze(1)),)

    def merge(self, children: State, u: Tensor) -> State:
        """Return h (m, H)."""
        h = children[0]
        return (self._attend(u, h.mean(1), torch.cat([u.unsqueeze(1), h], dim=1)),)

    def _attend(self, u: Tensor, mean: Tensor, items: Tensor) -> Tensor:
        """Attend from (n, H) to ``items (n, k, H)``, the first of which is u."""
        rows, count, width = items.shape
        query = self.query(torch.cat([u, mean], dim=1)).view(rows, self.heads, 1, -1)
        pairs = self.key_value(items + self.side.narrow(0, 0, count)).view(rows, count, 2, self.heads, -1)
        key, value = pairs.permute(2, 0, 3, 1, 4).unbind(0)  # (n, heads, k, H / heads)
        weight = torch.softmax((query * key).sum(-1, keepdim=True) * (self.heads / width) ** 0.5, dim=2)
        h = self.norm(u + self.out((weight * value).sum(2).view(rows, width)))
        return self.last_norm(h + self.feed(h))
