"""Triangle bricks: what pairs (i, k) and (k, j) tell the pair (i, j).

"i goes with k and k goes with j, so i goes with j" is the consistency of common vertices and common ancestors. Work
grows as N^3; the state as N^2, where attention runs a few rows at a time. Every brick gives the *update* of the pairs,
which whoever holds it adds. Source: Jumper et al., Nature 596 (2021) 583, supplement, algorithms 11 to 15.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jetlego.bricks.gated_attention import GatedAttention, Transition, channels_first, channels_last, pair_mask
from jetlego.bricks.masks import blank
from jetlego.bricks.registry import brick

_TAKES = {"x": "pair[in_dim]"}
_GIVES = {"y": "pair[out_dim]"}
_PAPER = "Nature 596, 583"


class PairBrick(nn.Module):
    """A brick from pairs to pairs of the same width; :meth:`update` is what it does, channels last."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, C, N, N) of ``x (B, C, N, N)`` with ``mask (B, N)`` of the items; zero where either is padding."""
        both = pair_mask(mask)
        return channels_first(blank(self.update(blank(channels_last(x), both), both), both))

    def update(self, z: Tensor, both: Tensor | None) -> Tensor:
        """Return (B, N, N, C) of ``z (B, N, N, C)``, zeros where ``both (B, N, N)`` is False."""
        raise NotImplementedError


@brick("triangle_multiply", takes=_TAKES, gives=_GIVES, paper=_PAPER)
class TriangleMultiply(PairBrick):
    """``g_ij * W LN(sum_k a_ik * b_jk)`` ("out") or with ``a_ki, b_kj`` ("in"); algorithms 11 and 12.

    ``a, b = sigmoid(W' LN z) * W'' LN z`` and ``g = sigmoid(W''' LN z)``. Padded pairs must be blanked *after* the
    gates, whose biases would otherwise let the padding into the sum.

    Parameters
    ----------
    in_dim
        Channels of the pairs.
    hidden
        Channels of the products.
    direction
        ``out``: edges that leave i and j for k; ``in``: edges that come from k.
    """

    def __init__(self, *, in_dim: int, hidden: int | None = None, direction: Literal["out", "in"] = "out") -> None:
        super().__init__()
        hidden = hidden or in_dim
        self.out_dim, self.direction = in_dim, direction
        self.norm, self.product_norm = nn.LayerNorm(in_dim), nn.LayerNorm(hidden)
        self.sides, self.side_gates = nn.Linear(in_dim, 2 * hidden), nn.Linear(in_dim, 2 * hidden)
        self.gate, self.out = nn.Linear(in_dim, in_dim), nn.Linear(hidden, in_dim)

    def update(self, z: Tensor, both: Tensor | None) -> Tensor:
        """Return the update of ``z (B, N, N, C)``."""
        z = self.norm(z)
        sides = blank(torch.sigmoid(self.side_gates(z)) * self.sides(z), both)
        a, b = sides.permute(0, 3, 1, 2).chunk(2, 1)  # (B, H, N, N)
        product = a @ b.mT if self.direction == "out" else a.mT @ b
        return torch.sigmoid(self.gate(z)) * self.out(self.product_norm(channels_last(product)))


@brick("triangle_attention", takes=_TAKES, gives=_GIVES, paper=_PAPER)
class TriangleAttention(PairBrick):
    """Pairs (i, j) look at pairs (i, k), biased by the third side (j, k): ``start``; algorithm 13.

    ``end`` looks at (k, j), biased by (k, i), which is the same on the transposed pairs (algorithm 14).

    Parameters
    ----------
    in_dim
        Channels of the pairs.
    heads, head_dim
        Of the attention.
    around
        The node that the two pairs share: their start or their end.
    chunk
        Rows at a time; the scores of one chunk are computed anew in the backward pass, so that N^3 numbers never
        exist at once.
    """

    def __init__(self, *, in_dim: int, heads: int = 4, head_dim: int | None = None,
                 around: Literal["start", "end"] = "start", chunk: int = 64) -> None:  # fmt: skip
        super().__init__()
        if chunk < 1:
            raise ValueError("chunk must be at least 1")
        self.out_dim, self.around, self.chunk = in_dim, around, chunk
        self.norm = nn.LayerNorm(in_dim)
        self.attention = GatedAttention(in_dim, heads, head_dim)
        self.bias = nn.Linear(in_dim, heads, bias=False)

    def update(self, z: Tensor, both: Tensor | None) -> Tensor:
        """Return the update of ``z (B, N, N, C)``."""
        z = self.norm(z if self.around == "start" else z.transpose(1, 2))
        bias = channels_first(self.bias(z)).unsqueeze(1)  # (B, 1, H, N, N)
        if z.shape[1] <= self.chunk:
            y = self.attention(z, bias, both)
        else:
            masks = [None] * z.shape[1] if both is None else both.split(self.chunk, 1)
            parts = zip(z.split(self.chunk, 1), masks, strict=False)
            y = torch.cat([checkpoint(self.attention, x, bias, m, use_reentrant=False) for x, m in parts], 1)
        return y if self.around == "start" else y.transpose(1, 2)


@brick("pair_transition", takes=_TAKES, gives=_GIVES, paper=_PAPER)
class PairTransition(PairBrick):
    """``W_2 relu(W_1 LN(z_ij))`` of every pair by itself; algorithm 15.

    Parameters
    ----------
    in_dim
        Channels of the pairs.
    factor
        How many times as wide it is inside.
    """

    def __init__(self, *, in_dim: int, factor: int = 4) -> None:
        super().__init__()
        self.out_dim = in_dim
        self.transition = Transition(in_dim, factor)

    def update(self, z: Tensor, both: Tensor | None) -> Tensor:
        """Return the update of ``z (B, N, N, C)``."""
        return self.transition(z)
