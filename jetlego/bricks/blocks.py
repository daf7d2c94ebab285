"""The block that transformers are stacked of: attention and feed-forward, each with norm and residual."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.attention import MultiHeadAttention

NormPlace = Literal["pre", "post"]


class FeedForward(nn.Module):
    """``W_2 [norm] dropout(act(W_1 x))``, gated where asked (arXiv:2002.05202)."""

    def __init__(self, dim: int, hidden: int, *, activation: str, gated: bool, dropout: float,
                 inner_norm: bool) -> None:  # fmt: skip
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.gate = nn.Linear(dim, hidden) if gated else None
        self.activation = make_activation(activation)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(hidden) if inner_norm else None
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., dim) of ``x (..., dim)``."""
        h = self.fc1(x)
        h = self.activation(h) if self.gate is None else self.activation(self.gate(x)) * h
        h = self.dropout(h)
        return self.fc2(h if self.norm is None else self.norm(h))


class Block(nn.Module):
    """One layer of a transformer (arXiv:1706.03762, section 3.1).

    ``pre``: ``x + attn(LN x)``, then ``x + ffn(LN x)``; ``post``: ``LN(x + attn(x))``, then ``LN(x + ffn(x))``.
    ``normformer`` adds a scale for each head, a norm after the attention, one inside the feed-forward and a learned
    scale of the second residual (arXiv:2110.09456): the block of the Particle Transformer (arXiv:2202.03772).

    Parameters
    ----------
    dim, heads
        Width and number of heads.
    feedforward
        Width inside the feed-forward part, in units of ``dim``.
    dropout
        On attention weights, activations and both outputs.
    activation, gated
        Of the feed-forward part.
    norm, normformer
        Where the norms stand.
    """

    def __init__(self, dim: int, *, heads: int, feedforward: float = 4, dropout: float = 0.0, activation: str = "gelu",
                 norm: NormPlace = "pre", gated: bool = False, normformer: bool = False) -> None:  # fmt: skip
        super().__init__()
        if norm not in ("pre", "post") or (normformer and norm == "post"):
            raise ValueError("norm must be pre or post, and normformer wants pre")
        self.pre, self.normformer = norm == "pre", normformer
        self.attn_norm, self.ffn_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = MultiHeadAttention(dim, heads, dropout=dropout)
        hidden = round(feedforward * dim)
        self.ffn = FeedForward(
            dim, hidden, activation=activation, gated=gated, dropout=dropout, inner_norm=normformer
        )
        self.dropout = nn.Dropout(dropout)
        if normformer:
            self.post_norm = nn.LayerNorm(dim)
            self.head_scale, self.residual_scale = nn.Parameter(torch.empty(heads)), nn.Parameter(torch.empty(dim))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the learned scales at one."""
        if self.normformer:
            nn.init.ones_(self.head_scale)
            nn.init.ones_(self.residual_scale)

    def forward(self, x: Tensor, **how: Any) -> Tensor:
        """Return ``x`` one layer further; ``how`` is what :class:`MultiHeadAttention` takes."""
        return self.feed(self.joined(x, self.attn(self.attn_norm(x) if self.pre else x, **how)))

    def step(self, x: Tensor, cache: Any, **how: Any) -> tuple[Tensor, Any]:
        """Return one more item, and the longer cache."""
        attended, cache = self.attn.step(self.attn_norm(x) if self.pre else x, cache, **how)
        return self.feed(self.joined(x, attended)), cache

    def joined(self, x: Tensor, attended: Tensor) -> Tensor:
        """Return the residual stream after the attention."""
        if self.normformer:
            heads = attended.unflatten(-1, (self.attn.heads, -1)) * self.head_scale.unsqueeze(-1)
            attended = self.post_norm(heads.flatten(-2))
        x = x + self.dropout(attended)
        return x if self.pre else self.attn_norm(x)

    def feed(self, x: Tensor) -> Tensor:
        """Return the residual stream after the feed-forward part."""
        fed = self.dropout(self.ffn(self.ffn_norm(x) if self.pre else x))
        if self.normformer:
            return self.residual_scale * x + fed
        return x + fed if self.pre else self.ffn_norm(x + fed)


def start_by_depth(blocks: nn.ModuleList, generator: torch.Generator | None) -> None:
    """Start as the Particle Transformer does: Xavier everywhere, what enters the residual of block l over sqrt(2 l).

    The xavier part is that of MoCo v3 (arXiv:2104.02057); the division that of BEiT (arXiv:2106.08254).
    """
    with torch.no_grad():
        for depth, block in enumerate(blocks, start=1):
            for linear in (m for m in block.ffn.modules() if isinstance(m, nn.Linear)):
                nn.init.xavier_uniform_(linear.weight, generator=generator)
                nn.init.zeros_(linear.bias)
            for last in (block.attn.out_proj, block.ffn.fc2):
                last.weight.div_(math.sqrt(2 * depth))
