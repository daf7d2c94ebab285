"""Transformer decoder: a causal sequence that also looks at a set, with cached steps."""

from __future__ import annotations

from itertools import chain
from typing import Any

from torch import Tensor, nn

from jetlego.bricks.blocks import Block
from jetlego.bricks.masks import blank
from jetlego.bricks.positions import PositionName, Positions
from jetlego.bricks.registry import brick
from jetlego.bricks.transformer import State


class DecoderBlock(Block):
    """Causal self-attention, attention to the memory, feed-forward: each pre-norm, each with a residual."""

    def __init__(self, dim: int, **how: Any) -> None:
        super().__init__(dim, **how)
        kinds = {k: v for k, v in how.items() if k in ("heads", "dropout")}
        self.memory_norm = nn.LayerNorm(dim)
        self.memory_attn = type(self.attn)(dim, **kinds)

    def look(self, x: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """Return ``x (B, T, D)`` having seen ``memory (B, N, D)``."""
        return x + self.dropout(self.memory_attn.cross(self.memory_norm(x), memory, mask=mask))

    def forward(self, x: Tensor, memory: Tensor, memory_mask: Tensor | None, **how: Any) -> Tensor:
        """Return the sequence one layer further."""
        x = self.joined(x, self.attn(self.attn_norm(x), causal=True, **how))
        return self.feed(self.look(x, memory, memory_mask))

    def step(self, x: Tensor, cache: Any, memory: Tensor, memory_mask: Tensor | None, **how: Any) -> tuple[Tensor, Any]:
        """Return one more item, and the longer cache."""
        attended, cache = self.attn.step(self.attn_norm(x), cache, **how)
        return self.feed(self.look(self.joined(x, attended), memory, memory_mask)), cache


@brick(
    "transformer_decoder",
    takes={"x": "sequence[in_dim]", "memory": "set[memory_dim]"},
    gives={"y": "sequence[out_dim]"},
)
class TransformerDecoder(nn.Module):
    """Transformer decoder (arXiv:1706.03762, section 3.1), pre-norm.

    Parameters
    ----------
    in_dim, memory_dim
        Widths of the sequence and of the set it looks at.
    hidden
        Width inside, by default ``in_dim``.
    layers, heads, feedforward, dropout, activation
        Of the blocks.
    positions, max_length
        As in ``transformer``.
    """

    def __init__(self, *, in_dim: int, memory_dim: int, hidden: int | None = None, layers: int = 2, heads: int = 4,
                 feedforward: float = 4, dropout: float = 0.0, activation: str = "gelu",
                 positions: PositionName | None = "sinusoidal", max_length: int = 512) -> None:  # fmt: skip
        super().__init__()
        self.out_dim, self.memory_dim = hidden or in_dim, memory_dim
        self.embed = nn.Linear(in_dim, self.out_dim) if in_dim != self.out_dim else nn.Identity()
        self.embed_memory = nn.Linear(memory_dim, self.out_dim) if memory_dim != self.out_dim else nn.Identity()
        self.positions = Positions(positions, self.out_dim, max_length=max_length)
        self.blocks = nn.ModuleList(
            DecoderBlock(self.out_dim, heads=heads, feedforward=feedforward, dropout=dropout, activation=activation)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(self.out_dim)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None,
                memory_mask: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, T, out_dim) of ``x (B, T, in_dim)`` and ``memory (B, N, memory_dim)``; t sees items up to t."""
        x, memory = self.embed(blank(x, mask)), self.embed_memory(blank(memory, memory_mask))
        turns, x = self.positions.turns(x), self.positions(x)
        for block in self.blocks:
            x = block(x, memory, memory_mask, mask=mask, positions=turns)
        return blank(self.norm(x), mask)

    def step(self, x: Tensor, state: State | None = None, *, memory: Tensor,
             memory_mask: Tensor | None = None) -> tuple[Tensor, State]:  # fmt: skip
        """Return (B, out_dim) of one more item ``x (B, in_dim)``, and the longer state (keys, values of each block)."""
        caches = list(zip(state[::2], state[1::2], strict=True)) if state else [None] * len(self.blocks)
        t = state[0].shape[2] if state else 0
        x, memory = self.embed(x).unsqueeze(1), self.embed_memory(blank(memory, memory_mask))
        turns, x = self.positions.turns(x, t), self.positions(x, t)
        longer = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, cache = block.step(x, cache, memory, memory_mask, positions=turns)
            longer.append(cache)
        return self.norm(x).squeeze(1), tuple(chain.from_iterable(longer))
