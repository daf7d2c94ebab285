"""Gaussian negative log-likelihood with a predicted width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch.nn.functional as F
from torch import Tensor

from jetlego.losses.reduce import average, blank, same_shape
from jetlego.losses.registry import loss

SIGMA_FLOOR = 1e-3
"""Smallest width, in units of the (standardised) target: without it one outlier-free point drives the loss to -inf."""

Parameters: TypeAlias = Tensor | Sequence[Tensor] | Mapping[str, Tensor]


@loss("gaussian_nll")
def gaussian_nll(
    prediction: Parameters,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    beta: float = 0.0,
) -> Tensor:
    """Return log(2 pi s^2) / 2 + (y - m)^2 / (2 s^2) in nats, the mean over elements.

    Parameters
    ----------
    prediction
        The pair (mean, sigma), each in the shape of ``target``, or {"mean":, "sigma":}; or the raw tensor of a head,
        see :func:`gaussian_parameters`.
    target
        (...,) values, standardised; add log(scale) for the likelihood in original units.
    weight, mask, reduction
        See :func:`jetlego.losses.reduce.average`.
    beta
        Each item is multiplied by s^(2 beta), gradient stopped (Seitzer et al., arXiv:2203.09168, eq. (5)): at 0.5
        badly fitted regions are not given up for a large s. The value is then no likelihood.
    """
    raw = isinstance(prediction, Tensor)
    mean, spread = prediction.chunk(2, dim=-1) if isinstance(prediction, Tensor) else gaussian_parameters(prediction)
    mean = blank(same_shape(mean, target, "gaussian_nll"), mask)
    spread = blank(same_shape(spread, target, "gaussian_nll"), mask, fill=1)
    sigma = width(spread) if raw else spread  # blanked first: softplus would pass a NaN gradient on to padding
    item = -log_normal(blank(target, mask).to(mean.dtype), mean, sigma)
    if beta != 0.0:
        item = item * sigma.detach() ** (2.0 * beta)
    return average(item, weight=weight, mask=mask, reduction=reduction)


def gaussian_parameters(prediction: Parameters) -> tuple[Tensor, Tensor]:
    """Return (mean, sigma) from a head's output.

    A pair or mapping passes through. A raw tensor (..., 2 D) holds D means, then D numbers r with
    sigma = softplus(r) + 1e-3.
    """
    if isinstance(prediction, Tensor):
        mean, raw = prediction.chunk(2, dim=-1)
        return mean, width(raw)
    if isinstance(prediction, Mapping):
        return prediction["mean"], prediction["sigma"]
    mean, sigma = prediction
    return mean, sigma


def width(raw: Tensor) -> Tensor:
    """Return sigma = softplus(raw) + 1e-3."""
    return F.softplus(raw) + SIGMA_FLOOR


def log_normal(value: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """Return the log density of N(mean, sigma^2) at ``value``."""
    return -0.5 * math.log(2.0 * math.pi) - sigma.log() - 0.5 * ((value - mean) / sigma) ** 2
