"""Distance correlation: a penalty that is zero only for independence."""

from __future__ import annotations

import torch
from torch import Tensor

from jetlego.errors import ConfigError
from jetlego.losses.reduce import REDUCTIONS, blank, same_shape
from jetlego.losses.registry import loss


@loss("disco")
def disco(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    squared: bool = True,
) -> Tensor:
    """Return the distance correlation between two columns of a batch, such as scores and masses, in [0, 1].

    Parameters
    ----------
    prediction, target
        (B,) each. For decorrelation select the background with ``mask`` or ``weight``.
    weight
        (B,) weights; an item of weight 2 counts as two.
    mask
        (B,) bool, True = real.
    reduction
        One number comes out of a batch whatever the reduction; ``none`` is refused.
    squared
        dCov^2 / (dVar dVar); otherwise its root, steep at independence.

    Notes
    -----
    O(B^2) in memory and time.

    References
    ----------
    Szekely, Rizzo, Bakirov, Ann. Stat. 35 (2007) 2769, eqs. (2.8) to (2.10); Kasieczka and Shih, arXiv:2001.05310.
    """
    prediction = same_shape(prediction, target, "disco")
    if prediction.ndim != 1 or reduction not in REDUCTIONS or reduction == "none":
        raise ConfigError("SHAPE", "disco compares two columns (B,) and gives one number: no reduction 'none'")
    mass = torch.ones_like(prediction) if weight is None else weight.to(prediction.dtype)
    mass = blank(mass, mask)
    total = mass.sum()
    share = mass / torch.where(total == 0, torch.ones_like(total), total)
    a = _centred(blank(prediction, mask), share)
    b = _centred(blank(target, mask).to(prediction.dtype), share)
    covariance, spread = _mean(a * b, share), _mean(a * a, share) * _mean(b * b, share)
    defined = spread > 0
    root = torch.where(defined, spread, torch.ones_like(spread)).sqrt()
    ratio = (covariance * defined / root).clamp(min=0)
    if squared:
        return ratio
    positive = ratio > 0
    return torch.where(positive, ratio, torch.ones_like(ratio)).sqrt() * positive


def _centred(x: Tensor, share: Tensor) -> Tensor:
    """Return |x_i - x_j| minus its weighted row and column means plus its mean."""
    distance = (x.unsqueeze(0) - x.unsqueeze(1)).abs()
    row = distance @ share
    return distance - row.unsqueeze(0) - row.unsqueeze(1) + share @ row


def _mean(product: Tensor, share: Tensor) -> Tensor:
    return share @ (product @ share)
