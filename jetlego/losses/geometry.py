"""Losses between point clouds that do not see how the whole is placed: pair distances, frame-aligned errors."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from jetlego.errors import ConfigError
from jetlego.losses.reduce import average, blank
from jetlego.losses.registry import loss
from jetlego.losses.sets import safe_root, squared_distances, two_sets


@loss("distance")
def distance(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    clamp: float | None = None,
) -> Tensor:
    """Return the mean over pairs of (|x_i - x_j| - |y_i - y_j|)^2, the mean over clouds.

    Parameters
    ----------
    prediction, target
        (..., N, D), point i of one belonging to point i of the other. Rigid motions *and reflections* of either
        change nothing.
    weight
        (...,) weights of the clouds.
    mask
        (..., N) bool. Clouds of fewer than two real points count nothing.
    reduction
        See :func:`jetlego.losses.reduce.average`.
    clamp
        Largest difference of two distances that counts.
    """
    sets = two_sets(prediction, target, mask, "distance")
    found, expected = (safe_root(squared_distances(v, v)) for v in (sets.x, sets.y))
    error = (found - expected).abs()
    error = error if clamp is None else error.clamp(max=clamp)
    pairs = sets.x_real.unsqueeze(-1) & sets.x_real.unsqueeze(-2)
    pairs = pairs & ~torch.eye(pairs.shape[-1], dtype=torch.bool, device=pairs.device)
    return average(_mean(error.square(), pairs), weight=weight, mask=pairs.any(-1).any(-1), reduction=reduction)


class Framed(NamedTuple):
    """Rotations (..., F, 3, 3) and origins (..., F, 3) of local frames, and points (..., N, 3)."""

    rotation: Tensor
    origin: Tensor
    points: Tensor


_Framed: TypeAlias = Framed | tuple[Tensor, Tensor, Tensor]


@loss("fape")
def fape(
    prediction: _Framed,
    target: _Framed,
    *,
    weight: Tensor | None = None,
    mask: Tensor | tuple[Tensor | None, Tensor | None] | None = None,
    reduction: str = "weighted_mean",
    clamp: float | None = 10.0,
    unit: float = 10.0,
) -> Tensor:
    """Return the mean over frames i and points j of min(clamp, |T_i^-1 x_j - T_i'^-1 x_j'|) / unit.

    Parameters
    ----------
    prediction, target
        Triples (rotations, origins, points), see :class:`Framed`. One rigid motion of all frames and points of either
        changes nothing; a reflection does.
    weight
        (...,) weights of the clouds.
    mask
        (..., N) bool for frames and points alike, or a pair (of frames, of points).
    reduction
        See :func:`jetlego.losses.reduce.average`.
    clamp, unit
        In the units of the points; None for no clamp.

    References
    ----------
    Jumper et al., Nature 596 (2021) 583, supplement, algorithm 28.
    """
    frames, points = mask if isinstance(mask, tuple | list) else (mask, mask)
    found, expected = (_local(Framed(*v), frames, points) for v in (prediction, target))
    if found.shape != expected.shape:
        raise ConfigError("SHAPE", f"fape: local points {tuple(found.shape)} and {tuple(expected.shape)} differ")
    error = safe_root((found - expected.to(found.dtype)).square().sum(-1))
    error = error if clamp is None else error.clamp(max=clamp)
    pairs = torch.ones_like(error, dtype=torch.bool)
    pairs = pairs if frames is None else pairs & frames.unsqueeze(-1)
    pairs = pairs if points is None else pairs & points.unsqueeze(-2)
    return average(_mean(error, pairs) / unit, weight=weight, mask=pairs.any(-1).any(-1), reduction=reduction)


def _local(v: Framed, frames: Tensor | None, points: Tensor | None) -> Tensor:
    """Return (..., F, N, 3) points as each frame sees them."""
    rotation, origin, place = blank(v.rotation, frames), blank(v.origin, frames), blank(v.points, points)
    shift = place.unsqueeze(-3) - origin.unsqueeze(-2)
    return torch.einsum("...fji,...fnj->...fni", rotation, shift)


def _mean(value: Tensor, pairs: Tensor) -> Tensor:
    return value.masked_fill(~pairs, 0).sum((-2, -1)) / pairs.sum((-2, -1)).clamp(min=1)
