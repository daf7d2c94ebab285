"""Transformers: encoder with a slot for pair biases, decoder with cached steps, class attention, cross attention.

One brick with one pair slot ``(B, H or 1, N, N)``: a bias from pair features makes it a Particle Transformer, one from
tree distance a tree transformer. On packed items only the attention itself is padded; all else acts on real items.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.bricks.attention import mask_pair
from jetlego.bricks.blocks import Block, NormPlace, start_by_depth
from jetlego.bricks.groups import LengthGroups
from jetlego.bricks.masks import Packing, blank
from jetlego.bricks.positions import PositionName, Positions
from jetlego.bricks.registry import brick
from jetlego.conventions import IntArray

State = tuple[Tensor, ...]


@brick(
    "transformer",
    takes={"x": "set|sequence[in_dim]", "pair": "pair[heads]?"},
    gives={"y": "same[out_dim]"},
    views=("padded", "packed"),
)
class Transformer(nn.Module):
    """Transformer encoder, causal where asked (arXiv:1706.03762).

    ``softmax(Q K^T / sqrt(d) + pair + mask) V`` in every block; without positions it treats its items as a set.

    Parameters
    ----------
    in_dim
        Width of the items.
    hidden
        Width inside; a linear layer leads there if it differs from ``in_dim``. By default ``in_dim``.
    layers, heads, feedforward, dropout, activation, norm, gated, normformer
        Of the blocks (:class:`jetlego.bricks.blocks.Block`).
    positions, max_length
        ``sinusoidal``, ``learned`` (up to ``max_length``) or ``rotary``; None for sets.
    causal
        Item t sees items up to t.
    final_norm
        A layer norm at the end (pre-norm stacks only).
    depth_init
        Start as the Particle Transformer does (:func:`jetlego.bricks.blocks.start_by_depth`).
    """

    def __init__(self, *, in_dim: int, hidden: int | None = None, layers: int = 2, heads: int = 4,
                 feedforward: float = 4, dropout: float = 0.0, activation: str = "gelu", norm: NormPlace = "pre",
                 gated: bool = False, normformer: bool = False, positions: PositionName | None = None,
                 max_length: int = 512, causal: bool = False, final_norm: bool = True,
                 depth_init: bool = False) -> None:  # fmt: skip
        super().__init__()
        self.out_dim = dim = hidden or in_dim
        self.causal, self.heads, self.depth_init = causal, heads, depth_init
        self.embed = nn.Linear(in_dim, dim) if dim != in_dim else nn.Identity()
        self.positions = Positions(positions, dim, max_length=max_length)
        self.blocks = nn.ModuleList(
            Block(dim, heads=heads, feedforward=feedforward, dropout=dropout, activation=activation, norm=norm,
                  gated=gated, normformer=normformer)
            for _ in range(layers)
        )  # fmt: skip
        self.norm = nn.LayerNorm(dim) if final_norm and norm == "pre" else nn.Identity()
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Scale what enters the residual stream by depth, where asked."""
        if self.depth_init:
            start_by_depth(self.blocks, generator)

    def forward(self, x: Tensor, mask: Tensor | None = None, pair: Tensor | None = None, *, ptr: Tensor | None = None,
                n_max: int = 0, counts: IntArray | None = None) -> Tensor:  # fmt: skip
        """Return (B, N, out_dim) of ``x (B, N, in_dim)``, or (P, out_dim) of ``x (P, in_dim)``.

        ``mask (B, N)``, or ``ptr (B + 1,)`` and ``n_max``; ``pair (B, heads or 1, N, N)`` is added to the scores.
        ``counts (B,)``, the sizes of the sets on the host, lets sets of like length be padded together.
        """
        groups = None if counts is None or self.positions.kind else LengthGroups.of(counts, n_max, x.device)
        if groups is not None:
            masks = (p.mask for p in groups.packings)
            pairs = None if pair is None else [mask_pair(*both) for both in zip(groups.split(pair), masks, strict=True)]
            return groups.unsorted(self._run(groups.sorted(x), packing=groups, pair=pairs))
        if ptr is not None and self.positions.kind is None:
            packing = Packing.of(ptr, x.shape[0], n_max)
            return self._run(x, packing=packing, pair=None if pair is None else mask_pair(pair, packing.mask))
        if ptr is not None:
            packing = Packing.of(ptr, x.shape[0], n_max)
            return packing.unpad(self.forward(packing.pad(x), packing.mask, pair))
        pair = None if pair is None else mask_pair(blank_pair(pair, mask), mask)
        return blank(self._run(blank(x, mask), mask=mask, pair=pair), mask)

    def _run(self, x: Tensor, **how: Any) -> Tensor:
        x = self.embed(x)
        if self.positions.kind is not None:
            how["positions"] = self.positions.turns(x)
            x = self.positions(x)
        for block in self.blocks:
            x = block(x, causal=self.causal, masked=how["pair"] is not None, **how)
        return self.norm(x)

    def step(self, x: Tensor, state: State | None = None, *, pair: Tensor | None = None) -> tuple[Tensor, State]:
        """Return (B, out_dim) of one more item ``x (B, in_dim)`` of a causal transformer, and the longer state.

        The state holds keys and values of each block, (B, heads, t, D / heads); ``pair`` is that of the whole sequence.
        """
        caches = list(zip(state[::2], state[1::2], strict=True)) if state else [None] * len(self.blocks)
        t = state[0].shape[2] if state else 0
        x = self.embed(x).unsqueeze(1)
        turns, x = self.positions.turns(x, t), self.positions(x, t)
        row = None if pair is None else pair[:, :, t : t + 1, : t + 1]
        longer = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, cache = block.step(x, cache, positions=turns, pair=row)
            longer.append(cache)
        return self.norm(x).squeeze(1), tuple(chain.from_iterable(longer))


def blank_pair(pair: Tensor, mask: Tensor | None) -> Tensor:
    """Return ``pair (B, H, N, N)`` with zeros where either item is padding."""
    if mask is None:
        return pair
    return pair.masked_fill(~(mask.unsqueeze(2) & mask.unsqueeze(1)).unsqueeze(1), 0)


class CrossBlock(Block):
    """A block whose queries look at another set: ``q + attn(LN q, LN items)``, then the feed-forward part."""

    def __init__(self, dim: int, **how: Any) -> None:
        super().__init__(dim, **how)
        self.items_norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, items: Tensor, items_mask: Tensor | None = None) -> Tensor:
        """Return queries ``x (B, T, D)`` one layer further, having seen ``items (B, N, D)``."""
        query, seen = (self.attn_norm(x), self.items_norm(items)) if self.pre else (x, items)
        return self.feed(self.joined(x, self.attn.cross(query, seen, mask=items_mask)))


@brick("cross", takes={"query": "set[query_dim]", "items": "set[in_dim]"}, gives={"y": "set[out_dim]"})
class Cross(nn.Module):
    """Queries of one set look at another set, layer by layer (arXiv:1706.03762, section 3.2.3).

    Parameters
    ----------
    in_dim, query_dim
        Widths of the items and of the queries.
    hidden
        Width inside and of the output, by default that of the queries.
    layers, heads, feedforward, dropout, activation
        Of the blocks.
    """

    def __init__(self, *, in_dim: int, query_dim: int, hidden: int | None = None, layers: int = 1, heads: int = 4,
                 feedforward: float = 4, dropout: float = 0.0, activation: str = "gelu") -> None:  # fmt: skip
        super().__init__()
        self.query_dim, self.out_dim = query_dim, hidden or query_dim
        self.embed_query = nn.Linear(query_dim, self.out_dim) if query_dim != self.out_dim else nn.Identity()
        self.embed_items = nn.Linear(in_dim, self.out_dim) if in_dim != self.out_dim else nn.Identity()
        self.blocks = nn.ModuleList(
            CrossBlock(self.out_dim, heads=heads, feedforward=feedforward, dropout=dropout, activation=activation)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(self.out_dim)

    def forward(self, query: Tensor, items: Tensor, mask: Tensor | None = None,
                items_mask: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, T, out_dim) of ``query (B, T, query_dim)`` and ``items (B, N, in_dim)``."""
        x, items = self.embed_query(blank(query, mask)), self.embed_items(blank(items, items_mask))
        for block in self.blocks:
            x = block(x, items, items_mask)
        return blank(self.norm(x), mask)


@brick("latents", takes={"x": "set[in_dim]"}, gives={"y": "slots[out_dim]"})
class Latents(nn.Module):
    """A fixed number of learned queries look at a set: set to slots (arXiv:2103.03206).

    Parameters
    ----------
    in_dim, hidden
        Width of the items, and of the slots (by default the same).
    slots
        Number of queries.
    layers, heads, feedforward, dropout, activation
        Of the cross-attention blocks.
    """

    def __init__(self, *, in_dim: int, slots: int = 8, hidden: int | None = None, layers: int = 1, heads: int = 4,
                 feedforward: float = 4, dropout: float = 0.0, activation: str = "gelu") -> None:  # fmt: skip
        super().__init__()
        self.out_dim = dim = hidden or in_dim
        self.slots = nn.Parameter(torch.empty(slots, dim))
        self.cross = Cross(in_dim=in_dim, query_dim=dim, layers=layers, heads=heads, feedforward=feedforward,
                           dropout=dropout, activation=activation)  # fmt: skip
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the slots apart from each other, lest they stay equal."""
        nn.init.normal_(self.slots, generator=generator)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, slots, out_dim) of ``x (B, N, in_dim)``."""
        return self.cross(self.slots.expand(x.shape[0], -1, -1), x, None, mask)
