"""Attention: a score for each pair of query and item, a softmax over the real items, a weighted sum.

One family of scores serves pooling, pointers, memories and matching; the fused kernel of torch serves the transformer.
Every function accepts a mask (True = real) and an additive bias; a query without any real item gets zeros, with zero
gradient.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.groups import LengthGroups
from jetlego.bricks.masks import Packing, at_least_float32, blank, masked_softmax
from jetlego.bricks.norms import l2_normalise
from jetlego.bricks.registry import brick

ScoreName = Literal["dot", "scaled", "general", "additive", "cosine"]

_CHUNK = 1 << 24
"""Most numbers that the additive score holds at once."""


@brick(
    "score",
    takes={"query": "set[query_dim]", "key": "set[in_dim]"},
    gives={"y": "pair"},
)
class Score(nn.Module):
    """Score of each query against each key (arXiv:1409.0473, arXiv:1508.04025).

    ``dot`` q.k; ``scaled`` q.k / sqrt(d); ``general`` q W k; ``additive`` v.tanh(W_q q + W_k k + b);
    ``cosine`` beta cos(q, k) with beta = softplus(b) learned.

    Parameters
    ----------
    in_dim, query_dim
        Widths of keys and queries; equal by default, and for ``dot``, ``scaled`` and ``cosine`` always.
    kind
        Which of the five.
    hidden
        Width inside ``additive``, by default that of the keys.
    """

    def __init__(self, *, in_dim: int, query_dim: int | None = None, kind: ScoreName = "additive",
                 hidden: int | None = None) -> None:  # fmt: skip
        super().__init__()
        query_dim = query_dim or in_dim
        if kind in ("dot", "scaled", "cosine") and query_dim != in_dim:
            raise ValueError(f"{kind} wants queries and keys of one width, not {query_dim} and {in_dim}")
        self.kind, self.query_dim, self.in_dim = kind, query_dim, in_dim
        hidden = hidden or in_dim
        if kind == "general":
            self.map = nn.Linear(in_dim, query_dim, bias=False)
        if kind == "additive":
            self.from_query, self.from_key = nn.Linear(query_dim, hidden), nn.Linear(in_dim, hidden, bias=False)
            self.out = nn.Linear(hidden, 1, bias=False)
        if kind == "cosine":
            self.beta = nn.Parameter(torch.empty(()))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the sharpness of ``cosine`` at 1."""
        if self.kind == "cosine":
            nn.init.constant_(self.beta, math.log(math.e - 1))

    def forward(self, query: Tensor, key: Tensor, mask: Tensor | None = None, key_mask: Tensor | None = None) -> Tensor:
        """Return (B, T, N) of ``query (B, T, query_dim)`` and ``key (B, N, in_dim)``, zero where either is padding."""
        score = blank(self._score(blank(query, mask), blank(key, key_mask)), mask)
        return score if key_mask is None else score.masked_fill(~key_mask.unsqueeze(1), 0)

    def _score(self, query: Tensor, key: Tensor) -> Tensor:
        return self.against(query, self.prepared(key))

    def prepared(self, key: Tensor) -> Tensor:
        """Return what of a score the keys (B, N, in_dim) decide alone, for many calls of :meth:`against`."""
        if self.kind == "additive":
            return self.from_key(key)
        if self.kind == "cosine":
            return l2_normalise(key)
        return self.map(key) if self.kind == "general" else key

    def against(self, query: Tensor, prepared: Tensor) -> Tensor:
        """Return (B, T, N) of queries (B, T, query_dim) and keys that are prepared; no mask is looked at."""
        if self.kind == "additive":
            return self._additive(self.from_query(query), prepared)
        if self.kind == "cosine":
            return F.softplus(self.beta) * (l2_normalise(query) @ prepared.mT)
        score = query @ prepared.mT
        return score / math.sqrt(self.in_dim) if self.kind == "scaled" else score

    def _additive(self, query: Tensor, key: Tensor) -> Tensor:
        """v.tanh(q + k), some queries at a time, since the sum of all pairs is B T N times the width."""
        rows = max(1, _CHUNK // max(1, key.numel()))
        parts = [self.out(torch.tanh(q.unsqueeze(2) + key.unsqueeze(1))).squeeze(-1) for q in query.split(rows, dim=1)]
        return torch.cat(parts, 1)


@brick(
    "attention",
    takes={"query": "set[query_dim]", "items": "set[in_dim]"},
    gives={"y": "set[out_dim]"},
)
class Attention(nn.Module):
    """``sum_i softmax_i(score(q, x_i)) x_i``: what the items say to each query (arXiv:1409.0473, eqs. 5 and 6).

    Parameters
    ----------
    in_dim, query_dim
        Widths of the items and of the queries.
    kind, hidden
        As in ``score``.
    """

    def __init__(self, *, in_dim: int, query_dim: int | None = None, kind: ScoreName = "additive",
                 hidden: int | None = None) -> None:  # fmt: skip
        super().__init__()
        self.score = Score(in_dim=in_dim, query_dim=query_dim, kind=kind, hidden=hidden)
        self.query_dim, self.out_dim = self.score.query_dim, in_dim

    def weights(self, query: Tensor, items: Tensor, items_mask: Tensor | None = None, *,
                bias: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, T, N) weights that sum to one over the real items."""
        score = self.score(query, items, key_mask=items_mask)
        score = score if bias is None else score + bias
        return masked_softmax(score, None if items_mask is None else items_mask.unsqueeze(1))

    def forward(self, query: Tensor, items: Tensor, mask: Tensor | None = None, items_mask: Tensor | None = None, *,
                bias: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, T, in_dim) of ``query (B, T, query_dim)`` and ``items (B, N, in_dim)``; ``bias (B, T, N)``."""
        weight = self.weights(blank(query, mask), items, items_mask, bias=bias)
        return blank(weight @ blank(items, items_mask), mask)


def attend(query: Tensor, key: Tensor, value: Tensor, *, key_mask: Tensor | None = None, pair: Tensor | None = None,
           causal: bool = False, dropout: float = 0.0) -> Tensor:  # fmt: skip
    """Scaled dot-product attention with a mask, a bias for each pair, and causality, in one fused call.

    Parameters
    ----------
    query, key, value
        (B, H, T, D), (B, H, N, D), (B, H, N, D).
    key_mask
        (B, N), True = real.
    pair
        (B, H or 1, T, N), added to the scores.
    causal
        Query t sees keys up to ``t + N - T``, so that queries which continue a cache see all of it.

    Returns
    -------
    Tensor
        (B, H, T, D); zeros for sets without any real item.
    """
    bias = _merged(key_mask, pair, causal, query.shape[2], key.shape[2], query)
    if pair is not None and query.device.type == "cpu" and (dropout > 0 or pair.requires_grad):
        out = _biased(query, key, value, bias, dropout)
        return out if key_mask is None else out.masked_fill(~key_mask.any(1).reshape(-1, 1, 1, 1), 0)
    out = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout)
    return out if key_mask is None else out.masked_fill(~key_mask.any(1).reshape(-1, 1, 1, 1), 0)


def mask_pair(pair: Tensor, mask: Tensor | None) -> Tensor:
    """Return ``pair (B, H, N, N)`` with -inf for padded keys.

    An empty set looks at its first slot, and what comes of it is to be blanked.
    """
    found = _merged(mask, pair, False, pair.shape[2], pair.shape[3], pair)
    return pair if found is None else found


def _biased(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, dropout: float) -> Tensor:
    """Attention with a bias that learns, on a CPU, where torch has no fused kernel for it and checks rows for -inf.

    The bias is the matrix that the product of queries and keys is added to, which spares two passes.
    """
    rows = query.shape[:2]
    bias = bias.expand(*rows, *bias.shape[2:]).flatten(0, 1)
    scale = 1 / math.sqrt(query.shape[-1])
    score = torch.baddbmm(bias, query.flatten(0, 1), key.flatten(0, 1).mT, alpha=scale)
    weight = F.dropout(at_least_float32(score).softmax(-1).to(value.dtype), dropout)
    return (weight @ value.flatten(0, 1)).unflatten(0, rows)


def _merged(key_mask: Tensor | None, pair: Tensor | None, causal: bool, num_queries: int, num_keys: int,
            like: Tensor) -> Tensor | None:  # fmt: skip
    """Return mask, bias and causality as the one mask that torch takes: bool (True = attend) or float (added)."""
    seen: Tensor | None = None
    if key_mask is not None:
        # an empty set looks at its first slot, lest a row of -inf make NaN; the caller blanks what comes of it
        nothing = ~key_mask.any(1, keepdim=True)
        first = torch.arange(num_keys, device=key_mask.device) == 0
        seen = (key_mask | (nothing & first))[:, None, None, :]
    if causal:
        here = torch.arange(num_keys, device=like.device)
        before = here <= (here[:num_queries] + (num_keys - num_queries)).unsqueeze(1)
        seen = before if seen is None else (seen & before) | (here == 0)
    if pair is None:
        return seen
    pair = pair.to(like.dtype)
    return pair if seen is None else pair.masked_fill(~seen, -torch.inf)


class MultiHeadAttention(nn.Module):
    """Multi-head attention on padded or packed items (arXiv:1706.03762, section 3.2.2).

    Weights as in :class:`torch.nn.MultiheadAttention`: ``in_proj`` holds the rows of query, key and value.

    Parameters
    ----------
    dim, heads
        Width and number of heads.
    dropout
        On the attention weights, in training.
    bias
        Whether the projections have biases.
    """

    def __init__(self, dim: int, heads: int, *, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"width {dim} does not divide into {heads} heads")
        self.heads = heads
        self.in_proj = nn.Linear(dim, 3 * dim, bias=bias)
        self.out_proj = nn.Linear(dim, dim, bias=bias)
        self.dropout = nn.Dropout(dropout)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Xavier weights, each of the three projections by itself; zero biases."""
        for weight in (*self.in_proj.weight.detach().chunk(3), self.out_proj.weight):
            nn.init.xavier_uniform_(weight, generator=generator)
        for linear in (self.in_proj, self.out_proj):
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, *, mask: Tensor | None = None, pair: Any = None, masked: bool = False,
                causal: bool = False, packing: Packing | LengthGroups | None = None,
                positions: Tensor | None = None) -> Tensor:  # fmt: skip
        """Self-attention of ``x (B, N, D)`` with ``mask (B, N)``, or of ``x (P, D)`` with its packing.

        ``pair (B, H or 1, N, N)`` is added to the scores, a list of them for groups; ``positions (N,)`` turns queries
        and keys (rotary). ``masked`` says that the pair comes from :func:`mask_pair`, so that the mask need not be
        applied once more in every layer.
        """

        def look(qkv: Tensor, mask: Tensor | None, pair: Tensor | None) -> Tensor:
            query, key, value = self._heads(qkv, 3)
            if positions is not None:
                query, key = rotate(query, positions), rotate(key, positions)
            seen = None if masked else mask
            out = attend(query, key, value, key_mask=seen, pair=pair, causal=causal, dropout=self._dropout())
            return out.transpose(1, 2).flatten(2)

        qkv = self.in_proj(x)
        return self.out_proj(look(qkv, mask, pair) if packing is None else packing.over(look, qkv, pair))

    def cross(self, x: Tensor, context: Tensor, *, mask: Tensor | None = None, pair: Tensor | None = None) -> Tensor:
        """Attention of queries ``x (B, T, D)`` to ``context (B, N, D)`` with ``mask (B, N)``."""
        dim = x.shape[-1]
        weight, bias = self.in_proj.weight, self.in_proj.bias
        (query,) = self._heads(F.linear(x, weight[:dim], None if bias is None else bias[:dim]), 1)
        key, value = self._heads(F.linear(context, weight[dim:], None if bias is None else bias[dim:]), 2)
        out = attend(query, key, value, key_mask=mask, pair=pair, dropout=self._dropout())
        return self.out_proj(out.transpose(1, 2).flatten(2))

    def step(self, x: Tensor, cache: tuple[Tensor, Tensor] | None, *, positions: Tensor | None = None,
             pair: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # fmt: skip
        """Causal self-attention of one more item ``x (B, 1, D)``; the cache holds keys and values (B, H, t, D / H)."""
        query, key, value = self._heads(self.in_proj(x), 3)
        if positions is not None:
            query, key = rotate(query, positions), rotate(key, positions)
        if cache is not None:
            key, value = torch.cat([cache[0], key], 2), torch.cat([cache[1], value], 2)
        out = attend(query, key, value, pair=pair, dropout=self._dropout())
        return self.out_proj(out.transpose(1, 2).flatten(2)), (key, value)

    def _heads(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """(B, N, parts D) -> parts of (B, H, N, D / H)."""
        return x.unflatten(-1, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)

    def _dropout(self) -> float:
        return self.dropout.p if self.training else 0.0


def rotate(x: Tensor, positions: Tensor, *, base: float = 10000.0) -> Tensor:
    """Turn pairs of channels of ``x (B, H, N, D)`` by angles that grow with the position (arXiv:2104.09864, eq. 34).

    ``positions (N,)``; channel j pairs with channel j + D / 2; D must be even.
    """
    half = x.shape[-1] // 2
    rate = base ** (-torch.arange(half, device=x.device, dtype=torch.float64) / half)
    angle = positions.to(torch.float64).unsqueeze(1) * rate
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
