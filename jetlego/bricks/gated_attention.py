"""What the Evoformer bricks share: gated attention along one axis, transitions, and pairs with their channels last.

Pairs travel between bricks as ``(B, C, N, N)``; inside, channels stand last, since norms and linear layers act there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import at_least_float32


def pair_mask(mask: Tensor | None) -> Tensor | None:
    """Return (B, N, N), True where both items of ``mask (B, N)`` are real."""
    return None if mask is None else mask.unsqueeze(2) & mask.unsqueeze(1)


def channels_last(pair: Tensor) -> Tensor:
    """Return ``pair (B, C, N, N)`` as (B, N, N, C)."""
    return pair.permute(0, 2, 3, 1)


def channels_first(pair: Tensor) -> Tensor:
    """Return (B, N, N, C) as (B, C, N, N)."""
    return pair.permute(0, 3, 1, 2)


class GatedAttention(nn.Module):
    """Multi-head attention along the last but one axis, each head's output gated by the query's own features.

    ``o_i = W_o [sigmoid(W_g x_i) * sum_j softmax_j(q_i . k_j / sqrt(c) + bias_ij) v_j]``; no biases but those of the
    gate and of the output (Jumper et al., Nature 596 (2021) 583, supplement, algorithm 7).

    Parameters
    ----------
    dim, heads, head_dim
        Width, number of heads, and width of each; by default the heads share ``dim``.
    """

    def __init__(self, dim: int, heads: int, head_dim: int | None = None) -> None:
        super().__init__()
        if heads < 1 or (head_dim is None and dim % heads):
            raise ValueError(f"width {dim} does not divide into {heads} heads; give head_dim")
        self.heads = heads
        width = heads * (head_dim or dim // heads)
        self.to_qkv = nn.Linear(dim, 3 * width, bias=False)
        self.gate, self.out = nn.Linear(dim, width), nn.Linear(width, dim)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with gates nearly open: weight 0, bias 1 (supplement, section 1.11.4)."""
        nn.init.zeros_(self.gate.weight)
        nn.init.ones_(self.gate.bias)

    def forward(self, x: Tensor, bias: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return (..., L, dim) of ``x (..., L, dim)``.

        ``bias`` broadcasts to (..., heads, L, L); ``mask (..., L)`` tells the real keys. Rows without any are the
        caller's to blank.
        """
        query, key, value = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        query, key, value = (v.transpose(-2, -3) for v in (query, key, value))  # (..., H, L, c)
        score = at_least_float32(query @ key.mT / math.sqrt(query.shape[-1]))
        score = score if bias is None else score + bias
        if mask is not None:
            first = torch.arange(mask.shape[-1], device=mask.device) == 0
            seen = mask | (first & ~mask.any(-1, keepdim=True))  # lest a row of -inf make NaN
            score = score.masked_fill(~seen.unsqueeze(-2).unsqueeze(-2), -torch.inf)
        read = (score.softmax(-1).to(value.dtype) @ value).transpose(-2, -3).flatten(-2)
        return self.out(torch.sigmoid(self.gate(x)) * read)


class Transition(nn.Module):
    """``W_2 relu(W_1 LN(x))``, ``factor`` times as wide inside (supplement, algorithms 9 and 15)."""

    def __init__(self, dim: int, factor: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.inner, self.outer = nn.Linear(dim, factor * dim), nn.Linear(factor * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., dim) of ``x (..., dim)``."""
        return self.outer(torch.relu(self.inner(self.norm(x))))
