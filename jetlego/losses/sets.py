"""What the losses between two sets share: masks of both sides, padding out, pair distances."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from jetlego.errors import ConfigError
from jetlego.losses.reduce import blank

PairMask: TypeAlias = Tensor | tuple[Tensor | None, Tensor | None] | None
"""One bool mask (True = real) for both sets, or a pair (of the prediction, of the target)."""


class Sets(NamedTuple):
    """Two batches of sets (..., N, D) and (..., M, D), finite everywhere, and their masks (..., N) and (..., M)."""

    x: Tensor
    y: Tensor
    x_real: Tensor
    y_real: Tensor


def two_sets(prediction: Tensor, target: Tensor, mask: PairMask, name: str) -> Sets:
    """Return both sets with padding set to zero; check that their shapes fit."""
    if prediction.ndim != target.ndim or prediction.ndim < 2 or prediction.shape[-1] != target.shape[-1]:
        shapes = tuple(prediction.shape), tuple(target.shape)
        raise ConfigError("SHAPE", f"{name}: sets of shapes {shapes[0]} and {shapes[1]} cannot be compared")
    first, second = mask if isinstance(mask, tuple | list) else (mask, mask)
    target = target.to(prediction.dtype)
    return Sets(blank(prediction, first), blank(target, second), _real(prediction, first), _real(target, second))


def _real(items: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        return mask
    return torch.ones(items.shape[:-1], dtype=torch.bool, device=items.device)


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return |x_i - y_j|^2 (..., N, M), without the cancellation of the expanded square."""
    return (x.unsqueeze(-2) - y.unsqueeze(-3)).square().sum(-1)


def safe_root(x: Tensor) -> Tensor:
    """Return sqrt(x) with zero gradient, not infinity, at zero."""
    positive = x > 0
    return torch.where(positive, x, torch.ones_like(x)).sqrt() * positive


def power_distances(x: Tensor, y: Tensor, power: float) -> Tensor:
    """Return |x_i - y_j|^power (..., N, M), with zero gradient where the points coincide."""
    squared = squared_distances(x, y)
    if power == 2.0:
        return squared
    positive = squared > 0
    return torch.where(positive, squared, torch.ones_like(squared)) ** (0.5 * power) * positive
