"""Quantile regression (Koenker and Bassett, Econometrica 46 (1978) 33)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from jetlego.bricks.constants import constants
from jetlego.errors import ConfigError
from jetlego.losses.reduce import average, blank
from jetlego.losses.registry import loss


@loss("pinball")
def pinball(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    quantiles: Sequence[float] = (0.16, 0.5, 0.84),
) -> Tensor:
    """Return the mean of max(q r, (q - 1) r) with r = y - x; its minimiser is the q-quantile of y.

    Parameters
    ----------
    prediction
        (..., Q), one column for each of ``quantiles``.
    target
        (...,) values.
    weight, mask, reduction
        See :func:`jetlego.losses.reduce.average`; the Q columns of an item count alike.
    quantiles
        Q numbers in (0, 1).
    """
    if not all(0.0 < q < 1.0 for q in quantiles):
        raise ConfigError("BAD-VALUE", f"pinball quantiles {list(quantiles)} are not all inside (0, 1)")
    if prediction.shape != (*target.shape, len(quantiles)):
        given = tuple(prediction.shape), tuple(target.shape)
        raise ConfigError("SHAPE", f"pinball: prediction {given[0]}, target {given[1]}, {len(quantiles)} quantiles")
    q = constants(quantiles, prediction)
    r = blank(target, mask).to(prediction.dtype).unsqueeze(-1) - blank(prediction, mask)
    return average(torch.maximum(q * r, (q - 1.0) * r), weight=weight, mask=mask, reduction=reduction)
