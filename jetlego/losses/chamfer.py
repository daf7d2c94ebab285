"""Chamfer distance between two sets."""

from __future__ import annotations

import torch
from torch import Tensor

from jetlego.losses.reduce import average
from jetlego.losses.registry import loss
from jetlego.losses.sets import PairMask, power_distances, two_sets


@loss("chamfer")
def chamfer(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: PairMask = None,
    reduction: str = "weighted_mean",
    power: float = 2.0,
) -> Tensor:
    """Return mean_i min_j |x_i - y_j|^p + mean_j min_i |x_i - y_j|^p, the mean over sets.

    Parameters
    ----------
    prediction, target
        (..., N, D) and (..., M, D) points.
    weight
        (...,) weights of the sets.
    mask
        (..., N) bool for both, or a pair of masks, of which either may be None. Where a side is empty there is no
        distance, and the set counts nothing.
    reduction
        See :func:`jetlego.losses.reduce.average`.
    power
        p, 2 by default.

    Notes
    -----
    Zero if and only if both have the same support; multiplicities are not seen.
    """
    sets = two_sets(prediction, target, mask, "chamfer")
    distance = power_distances(sets.x, sets.y, power)
    there = sets.x_real.any(-1) & sets.y_real.any(-1)
    forth = _nearest(distance, sets.x_real, sets.y_real)
    back = _nearest(distance.mT, sets.y_real, sets.x_real)
    return average(forth + back, weight=weight, mask=there, reduction=reduction)


def _nearest(distance: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the mean over real rows of the least distance to a real column; finite for empty sets."""
    far = torch.finfo(distance.dtype).max
    least = distance.masked_fill(~columns.unsqueeze(-2), far).amin(-1)
    real = rows & columns.any(-1, keepdim=True)
    return least.masked_fill(~real, 0).sum(-1) / rows.sum(-1).clamp(min=1)
