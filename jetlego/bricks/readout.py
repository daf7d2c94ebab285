"""Readouts: one vector from the items of a set, however many there are.

All give zeros (of their inputs) for an empty set, and agree on padded and packed items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import at_least_float32, blank, per_item, set_max, set_mean, set_softmax, set_sum
from jetlego.bricks.part import Part, fit, on_items
from jetlego.bricks.registry import brick

How = Literal["sum", "mean", "max"]

_TAKES = {"x": "set[in_dim]"}
_GIVES = {"y": "vector[out_dim]"}
_BOTH = ("padded", "packed")


def weigh(x: Tensor, weight: Tensor | None, mask: Tensor | None) -> Tensor:
    """Return items (..., D) times their weight (...); nothing leaks from padded weights."""
    return x if weight is None else blank(x, mask) * blank(weight, mask).unsqueeze(-1)


@brick("pool", takes={"x": "set[in_dim]", "weight": "weight?"}, gives=_GIVES, views=_BOTH)
class Pool(nn.Module):
    """Sum, mean or maximum over the items; a list concatenates several.

    With weights ``w``: the sum is ``sum_i w_i x_i`` and the mean divides it by ``sum_i w_i``; the maximum ignores them.

    Parameters
    ----------
    in_dim
        Width of the items.
    how
        ``sum``, ``mean``, ``max``, or a list of them.
    """

    def __init__(self, *, in_dim: int, how: How | Sequence[How] = "sum") -> None:
        super().__init__()
        self.how = [how] if isinstance(how, str) else list(how)
        if not self.how or not {*self.how} <= {"sum", "mean", "max"}:
            raise ValueError(f"how must be sum, mean or max, not {how!r}")
        self.out_dim = in_dim * len(self.how)

    def forward(self, x: Tensor, mask: Tensor | None = None, weight: Tensor | None = None, *,
                ptr: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, out_dim) of ``x (B, N, in_dim)`` with ``mask`` or ``x (P, in_dim)`` with ``ptr``."""
        return torch.cat([self._one(how, x, mask, weight, ptr) for how in self.how], -1)

    def _one(self, how: str, x: Tensor, mask: Tensor | None, weight: Tensor | None, ptr: Tensor | None) -> Tensor:
        if how == "max":
            return set_max(x, mask, ptr)
        if how == "sum" or weight is None:
            return (set_sum if how == "sum" else set_mean)(weigh(x, weight, mask), mask, ptr)
        total = set_sum(weight, mask, ptr).unsqueeze(-1)
        summed = set_sum(weigh(x, weight, mask), mask, ptr)
        return summed / total.masked_fill(total == 0, 1)


@brick("attention_pool", takes=_TAKES, gives=_GIVES, views=_BOTH)
class AttentionPool(nn.Module):
    """``sum_i softmax_i(s(x_i)) v(x_i)``: global attention pooling (arXiv:1511.05493, eq. 7).

    Parameters
    ----------
    in_dim
        Width of the items.
    heads
        Number of scores; each weighs a slice of equal width of the values.
    score
        Gives the scores, by default one linear layer.
    value
        Applied to the items before they are summed; None leaves them.
    """

    def __init__(self, *, in_dim: int, heads: int = 1, score: Annotated[Part, "set -> set"] | None = None,
                 value: Annotated[Part, "set -> set"] | None = None) -> None:  # fmt: skip
        super().__init__()
        self.score = nn.Linear(in_dim, heads) if score is None else fit(score, in_dim=in_dim, out_dim=heads)
        self.value = None if value is None else fit(value, in_dim=in_dim, out_dim=in_dim)
        self.out_dim, self.heads = getattr(self.value, "out_dim", in_dim), heads
        if self.out_dim % heads:
            raise ValueError(f"{self.out_dim} channels do not divide into {heads} heads")

    def forward(self, x: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None) -> Tensor:
        """Return (B, out_dim) of ``x (B, N, in_dim)`` with ``mask`` or ``x (P, in_dim)`` with ``ptr``."""
        x = blank(x, mask)
        weight = set_softmax(on_items(self.score, x, mask), mask, ptr)
        value = x if self.value is None else on_items(self.value, x, mask)
        heads = value.unflatten(-1, (self.heads, -1)) * weight.to(value.dtype).unsqueeze(-1)
        return set_sum(heads.flatten(-2), mask, ptr)


@brick("set2set", takes=_TAKES, gives=_GIVES, views=_BOTH)
class Set2Set(nn.Module):
    """An LSTM that reads the set several times by content (arXiv:1511.06391, section 4.2).

    ``q_t = LSTM([q, r]_{t-1})``, ``a = softmax(x . q_t)``, ``r_t = sum_i a_i x_i``; the output is ``[q, r]`` of the
    last read.

    Parameters
    ----------
    in_dim
        Width of the items; the output is twice as wide.
    steps
        Number of reads.
    """

    def __init__(self, *, in_dim: int, steps: int = 3) -> None:
        super().__init__()
        if steps < 1:
            raise ValueError("steps must be at least 1")
        self.in_dim, self.steps, self.out_dim = in_dim, steps, 2 * in_dim
        self.lstm = nn.LSTMCell(2 * in_dim, in_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None) -> Tensor:
        """Return (B, 2 in_dim) of ``x (B, N, in_dim)`` with ``mask`` or ``x (P, in_dim)`` with ``ptr``."""
        x = blank(x, mask)
        num_sets = x.shape[0] if ptr is None else ptr.shape[0] - 1
        hidden = memory = x.new_zeros(num_sets, self.in_dim)
        read = x.new_zeros(num_sets, self.in_dim)
        for _ in range(self.steps):
            hidden, memory = self.lstm(torch.cat([hidden, read], -1), (hidden, memory))
            score = at_least_float32(x * per_item(hidden, x, ptr)).sum(-1)
            weight = set_softmax(score, mask, ptr).to(x.dtype)
            read = set_sum(x * weight.unsqueeze(-1), mask, ptr)
        return torch.cat([hidden, read], -1)


@brick("dtnn", takes=_TAKES, gives=_GIVES, views=_BOTH)
class DTNN(nn.Module):
    """``mean_i W_2 tanh(W_1 x_i + b_1) + b_2``, the readout of deep tensor networks (arXiv:1609.08259, eq. 7).

    Parameters
    ----------
    in_dim, out_dim
        Widths; the output is as wide as the items by default.
    hidden
        Width inside, by default ``in_dim``.
    how
        ``mean`` (taggers.md, as in Henrion et al. 2017) or ``sum`` (as in the paper).
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, hidden: int | None = None,
                 how: Literal["mean", "sum"] = "mean") -> None:  # fmt: skip
        super().__init__()
        self.out_dim = out_dim or in_dim
        self.inner = nn.Linear(in_dim, hidden or in_dim)
        self.outer = nn.Linear(hidden or in_dim, self.out_dim)
        self.reduce = set_mean if how == "mean" else set_sum

    def forward(self, x: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None) -> Tensor:
        """Return (B, out_dim) of ``x (B, N, in_dim)`` with ``mask`` or ``x (P, in_dim)`` with ``ptr``."""
        return self.reduce(self.outer(torch.tanh(self.inner(blank(x, mask)))), mask, ptr)


@brick("quantiles", takes=_TAKES, gives=_GIVES)
class Quantiles(nn.Module):
    """Quantiles of each channel over the items, interpolated linearly between order statistics.

    Parameters
    ----------
    in_dim
        Width of the items.
    levels
        Numbers in [0, 1]; the output is ``in_dim * len(levels)`` wide, levels slowest.
    """

    def __init__(self, *, in_dim: int, levels: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0)) -> None:
        super().__init__()
        if not levels or min(levels) < 0 or max(levels) > 1:
            raise ValueError("levels must lie in [0, 1]")
        self.out_dim, self.levels = in_dim * len(levels), tuple(levels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, out_dim) of ``x (B, N, in_dim)``."""
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        if x.shape[1] == 0:
            return x.new_zeros(x.shape[0], self.out_dim)
        # the padding sorts to the end and is not read: the last position asked for is count - 1
        ordered = x.masked_fill(~mask.unsqueeze(-1), torch.inf).sort(dim=1).values
        ordered = ordered.masked_fill(ordered == torch.inf, 0)
        last = (mask.sum(1) - 1).clamp(min=0)
        return torch.cat([self._at(ordered, level * last.to(x.dtype)) for level in self.levels], -1)

    @staticmethod
    def _at(ordered: Tensor, position: Tensor) -> Tensor:
        low = position.floor().long()
        high = position.ceil().long()
        rows = [ordered.gather(1, p.reshape(-1, 1, 1).expand(-1, 1, ordered.shape[2])).squeeze(1) for p in (low, high)]
        return torch.lerp(rows[0], rows[1], (position - low).unsqueeze(-1))
