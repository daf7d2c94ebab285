"""Class attention: a learned token asks the items, and what it has learnt in the end is the output."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from jetlego.bricks.blocks import Block, start_by_depth
from jetlego.bricks.masks import blank, pad, padded_mask
from jetlego.bricks.registry import brick


class ClassBlock(Block):
    """A block whose only query is the class token, and whose keys are the normed token and items together.

    The query itself is not normed, as in the Particle Transformer (arXiv:2202.03772, section 4).
    """

    def forward(self, token: Tensor, items: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the token (B, 1, D) one layer further, having seen ``items (B, N, D)``."""
        context = self.attn_norm(torch.cat([token, items], 1))
        if mask is not None:
            mask = torch.cat([mask.new_ones(mask.shape[0], 1), mask], 1)
        return self.feed(self.joined(token, self.attn.cross(token, context, mask=mask)))


@brick(
    "class_attention",
    takes={"x": "set[in_dim]"},
    gives={"y": "vector[out_dim]"},
    views=("padded", "packed"),
)
class ClassAttention(nn.Module):
    """A class token that attends to [token; items] in each layer; the items stay as they are (arXiv:2103.17239).

    Parameters
    ----------
    in_dim
        Width of the items and of the output.
    layers, heads, feedforward, dropout, activation, normformer
        Of the blocks (:class:`jetlego.bricks.blocks.Block`).
    depth_init
        As in ``transformer``.
    """

    def __init__(self, *, in_dim: int, layers: int = 2, heads: int = 8, feedforward: float = 4, dropout: float = 0.0,
                 activation: str = "gelu", normformer: bool = False, depth_init: bool = False) -> None:  # fmt: skip
        super().__init__()
        self.out_dim, self.depth_init = in_dim, depth_init
        self.token = nn.Parameter(torch.empty(in_dim))
        how: dict[str, Any] = {"heads": heads, "feedforward": feedforward, "dropout": dropout}
        self.blocks = nn.ModuleList(
            ClassBlock(in_dim, activation=activation, normformer=normformer, **how) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(in_dim)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the token small, and the blocks by depth where asked."""
        nn.init.trunc_normal_(self.token, std=0.02, generator=generator)
        if self.depth_init:
            start_by_depth(self.blocks, generator)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None, n_max: int = 0) -> Tensor:
        """Return (B, in_dim) of ``x (B, N, in_dim)`` with ``mask``, or ``x (P, in_dim)`` with ``ptr`` and ``n_max``."""
        if ptr is not None:
            x, mask = pad(x, ptr, n_max), padded_mask(ptr, n_max)
        x = blank(x, mask)
        token = self.token.expand(x.shape[0], 1, -1)
        for block in self.blocks:
            token = block(token, x, mask)
        return self.norm(token.squeeze(1))
