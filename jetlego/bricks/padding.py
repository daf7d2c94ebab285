"""Padding of one axis at a time: zeros, circular (an azimuth), replicate, causal; also for rows of unequal length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.bricks.masks import blank

PaddingName = Literal["zeros", "circular", "replicate", "causal"]
"""``causal`` puts zeros before the axis alone, so that nothing is seen ahead of time."""

_MODES = {"zeros": "constant", "causal": "constant", "circular": "circular", "replicate": "replicate"}


def pair_of(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """Return the numbers for both axes of an image, from one number or two; ValueError if one is not positive."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or min(both) < 1:
        raise ValueError(f"{name} must be one positive number, or two, not {value!r}")
    return both[0], both[1]


def modes_of(padding: str | Sequence[str]) -> tuple[str, str]:
    """Return the padding of both axes of an image, from one name or two."""
    both = (padding, padding) if isinstance(padding, str) else tuple(padding)
    if len(both) != 2 or not {*both} <= _MODES.keys():
        raise ValueError(f"padding must be one or two of {', '.join(_MODES)}, not {padding!r}")
    return both


def amounts(span: int, mode: str) -> tuple[int, int]:
    """Return how much to put before and after an axis so that a kernel reaching over ``span`` further cells fits."""
    return (span, 0) if mode == "causal" else (span // 2, span - span // 2)


def pad_image(x: Tensor, spans: tuple[int, int], modes: tuple[str, str]) -> Tensor:
    """Return ``x (B, C, H, W)`` lengthened by ``spans``, each axis in its own way.

    A circular axis cannot be lengthened by more than it has.
    """
    high, wide = (amounts(span, mode) for span, mode in zip(spans, modes, strict=True))
    if _MODES[modes[0]] == _MODES[modes[1]]:
        return F.pad(x, (*wide, *high), mode=_MODES[modes[0]])
    x = F.pad(x, (0, 0, *high), mode=_MODES[modes[0]])
    return F.pad(x, (*wide, 0, 0), mode=_MODES[modes[1]])


def pad_rows(x: Tensor, span: int, mode: str, mask: Tensor | None) -> Tensor:
    """Return ``x (B, T, C)`` as (B, T + span, C); each row ends where ``mask (B, T)`` says, and is padded there."""
    before, after = amounts(span, mode)
    x = blank(x, mask)
    if mode in ("zeros", "causal") or x.shape[1] == 0:
        return F.pad(x, (0, 0, before, after))
    length = x.new_full((x.shape[0], 1), x.shape[1], dtype=torch.int64) if mask is None else mask.sum(1, keepdim=True)
    place = torch.arange(-before, x.shape[1] + after, device=x.device)
    if mode == "circular":
        index = torch.remainder(place, length.clamp(min=1))
    else:
        index = torch.minimum(place.clamp(min=0), (length - 1).clamp(min=0))
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[2]))
