"""Packed and padded views of a batch of sets, and sums, maxima and softmaxes that know which items are real.

Packed: items of all sets one after the other, ``x (P, ...)``; set b owns rows ``ptr[b]:ptr[b + 1]``, ``ptr (B + 1,)``
int64. Padded: ``x (B, N, ...)`` with ``mask (B, N)`` bool, True = real. No function here reads a value back from the
device: sizes are shapes or Python ints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def segment_index(ptr: Tensor, total: int) -> Tensor:
    """Return (P,) int64, the set each packed item belongs to; ``total`` is P."""
    sets = torch.arange(ptr.shape[0] - 1, device=ptr.device)
    return torch.repeat_interleave(sets, ptr.diff(), output_size=total)


def padded_mask(ptr: Tensor, n_max: int) -> Tensor:
    """Return (B, N) bool, True for the real items of each set; sets longer than ``n_max`` are cut."""
    return torch.arange(n_max, device=ptr.device) < ptr.diff().unsqueeze(1)


def padded_slots(ptr: Tensor, total: int, n_max: int) -> Tensor:
    """Return (P,) int64: the row of each packed item in the flattened padded array, B N for items cut off."""
    owner = segment_index(ptr, total)
    position = torch.arange(total, device=ptr.device) - ptr[owner]
    slot = owner * n_max + position
    return slot.masked_fill(position >= n_max, (ptr.shape[0] - 1) * n_max)


def pad(packed: Tensor, ptr: Tensor, n_max: int) -> Tensor:
    """Return packed items (P, ...) as (B, N, ...), zeros in the padding, the first ``n_max`` items of each set."""
    return Packing.of(ptr, packed.shape[0], n_max).pad(packed)


def pack(padded: Tensor, mask: Tensor, total: int) -> Tensor:
    """Return the real items of (B, N, ...) as (P, ...), in order; ``total`` is P, the number of real items."""
    return padded.flatten(0, 1).index_select(0, real_index(mask, total))


def real_index(flags: Tensor, total: int) -> Tensor:
    """Return (total,) int64, where the flattened ``flags`` are True, in order; ``total`` is how often that is."""
    flat = flags.flatten()
    target = (flat.cumsum(0) - 1).masked_fill(~flat, total)
    here = torch.arange(flat.shape[0], device=flags.device)
    return here.new_zeros(total + 1).index_copy(0, target, here)[:total]


def unpad(padded: Tensor, ptr: Tensor, total: int) -> Tensor:
    """Return the real items of (B, N, ...) as (P, ...) by offsets: the inverse of :func:`pad`, zeros where it cut."""
    return Packing.of(ptr, total, padded.shape[1]).unpad(padded)


def blank(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return ``x (B, N, ...)`` with zeros in the padding, whatever stood there (also NaN), and zero gradient to it."""
    if mask is None:
        return x
    return x.masked_fill(~mask.reshape(*mask.shape, *(1,) * (x.dim() - mask.dim())), 0)


def at_least_float32(x: Tensor) -> Tensor:
    """Return half precision as float32, anything else as it is: for statistics of softmaxes and norms."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def masked_softmax(score: Tensor, mask: Tensor | None, dim: int = -1) -> Tensor:
    """Return the softmax over real items; a row without any gives zeros, with zero gradient.

    ``mask`` broadcasts against ``score``. Computed in float32 or better.
    """
    wide = at_least_float32(score)
    if mask is None or score.shape[dim] == 0:
        return wide.softmax(dim).to(score.dtype)
    wide = wide.masked_fill(~mask, -torch.inf)
    top = wide.detach().amax(dim, keepdim=True).clamp(min=torch.finfo(wide.dtype).min)
    weight = (wide - top).exp()
    return (weight / weight.sum(dim, keepdim=True).clamp(min=1e-30)).to(score.dtype)


def segment_sum(x: Tensor, ptr: Tensor) -> Tensor:
    """Return (B, ...) sums of packed items (P, ...)."""
    owner = segment_index(ptr, x.shape[0])
    return x.new_zeros((ptr.shape[0] - 1, *x.shape[1:])).index_add(0, owner, x)


def segment_max(x: Tensor, ptr: Tensor) -> Tensor:
    """Return (B, ...) maxima of packed items (P, ...), zero for empty sets; ties share the gradient."""
    owner = segment_index(ptr, x.shape[0]).reshape(-1, *(1,) * (x.dim() - 1)).expand_as(x)
    start = x.new_zeros((ptr.shape[0] - 1, *x.shape[1:]))
    return start.scatter_reduce(0, owner, x, "amax", include_self=False)


def segment_softmax(score: Tensor, ptr: Tensor) -> Tensor:
    """Return the softmax of packed scores (P, ...) within each set, computed in float32 or better."""
    wide = at_least_float32(score)
    owner = segment_index(ptr, score.shape[0])
    weight = (wide - segment_max(wide.detach(), ptr)[owner]).exp()
    return (weight / segment_sum(weight, ptr)[owner]).to(score.dtype)


def set_sum(x: Tensor, mask: Tensor | None = None, ptr: Tensor | None = None) -> Tensor:
    """Return the sum over the real items of each set, padded (B, N, ...) or packed (P, ...): (B, ...)."""
    return segment_sum(x, ptr) if ptr is not None else blank(x, mask).sum(1)


def set_count(x: Tensor, mask: Tensor | None = None, ptr: Tensor | None = None) -> Tensor:
    """Return the number of real items of each set as (B,) in the dtype of ``x``."""
    if ptr is not None:
        return ptr.diff().to(x.dtype)
    return mask.sum(1).to(x.dtype) if mask is not None else x.new_full((x.shape[0],), x.shape[1])


def set_mean(x: Tensor, mask: Tensor | None = None, ptr: Tensor | None = None) -> Tensor:
    """Return the mean over the real items of each set (zero for an empty one): (B, ...)."""
    count = set_count(x, mask, ptr).clamp(min=1)
    return set_sum(x, mask, ptr) / count.reshape(-1, *(1,) * (x.dim() - (1 if ptr is not None else 2)))


def set_max(x: Tensor, mask: Tensor | None = None, ptr: Tensor | None = None) -> Tensor:
    """Return the maximum over the real items of each set (zero for an empty one): (B, ...)."""
    if ptr is not None:
        return segment_max(x, ptr)
    if x.shape[1] == 0:
        return x.sum(1)
    if mask is None:
        return x.amax(1)
    wide = mask.reshape(*mask.shape, *(1,) * (x.dim() - 2))
    return x.masked_fill(~wide, -torch.inf).amax(1).masked_fill(~wide.any(1), 0)


def set_softmax(score: Tensor, mask: Tensor | None = None, ptr: Tensor | None = None) -> Tensor:
    """Return the softmax over the real items of each set, padded (B, N, ...) or packed (P, ...)."""
    if ptr is not None:
        return segment_softmax(score, ptr)
    wide = None if mask is None else mask.reshape(*mask.shape, *(1,) * (score.dim() - 2))
    return masked_softmax(score, wide, dim=1)


def per_item(value: Tensor, like: Tensor, ptr: Tensor | None = None) -> Tensor:
    """Return a value of each set (B, D) at each of its items: (B, N, D), or (P, D) where ``ptr`` is given."""
    if ptr is not None:
        return value.index_select(0, segment_index(ptr, like.shape[0]))
    return value.unsqueeze(1).expand(-1, like.shape[1], *value.shape[1:])


class Packing(NamedTuple):
    """How packed items lie in the padded array: made once a forward, used by every layer that needs the padded view."""

    slot: Tensor
    mask: Tensor
    whole: bool = False
    """Known that no set is longer than the padded length."""

    @classmethod
    def of(cls, ptr: Tensor, total: int, n_max: int, *, whole: bool = False) -> Packing:
        """Return the packing of ``total`` items with offsets ``ptr`` into rows of ``n_max``."""
        return cls(padded_slots(ptr, total, n_max), padded_mask(ptr, n_max), whole)

    def pad(self, packed: Tensor) -> Tensor:
        """Return (P, ...) as (B, N, ...), zeros in the padding."""
        # one more row takes what is cut off; writing rows (and not reading them) keeps the backward a plain gather
        shape = self.mask.shape
        rows = packed.new_zeros((shape[0] * shape[1] + 1, *packed.shape[1:])).index_copy_(0, self.slot, packed)
        return rows[:-1].unflatten(0, shape)

    def over(self, function: Callable[..., Tensor], packed: Tensor, pair: Tensor | None) -> Tensor:
        """Return packed what ``function(padded, mask, pair)`` makes of packed items."""
        return self.unpad(function(self.pad(packed), self.mask, pair))

    def unpad(self, padded: Tensor) -> Tensor:
        """Return (B, N, ...) as (P, ...); items that were cut come out as zeros."""
        rows = padded.flatten(0, 1)
        if self.whole:
            return rows.index_select(0, self.slot)
        if rows.shape[0] == 0:
            return rows.new_zeros((self.slot.shape[0], *rows.shape[1:]))
        found = rows.index_select(0, self.slot.clamp(max=rows.shape[0] - 1))
        cut = self.slot == rows.shape[0]
        return found.masked_fill(cut.reshape(-1, *(1,) * (found.dim() - 1)), 0)
