"""Regression losses with one number an element: squared, absolute, Huber, log-cosh."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.errors import ConfigError
from jetlego.losses.reduce import average, blank, same_shape
from jetlego.losses.registry import loss


@loss("mse")
def mse(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
) -> Tensor:
    """Return the mean of (x - y)^2; its minimiser is the mean of y.

    ``prediction`` has the shape of ``target`` (or one more axis of length one); weight, mask and reduction are those
    of :func:`jetlego.losses.reduce.average`.
    """
    return average(residual(prediction, target, mask, "mse") ** 2, weight=weight, mask=mask, reduction=reduction)


@loss("mae")
def mae(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
) -> Tensor:
    """Return the mean of |x - y|; its minimiser is the median of y. Shapes as in :func:`mse`."""
    return average(residual(prediction, target, mask, "mae").abs(), weight=weight, mask=mask, reduction=reduction)


@loss("huber")
def huber(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    delta: float = 1.0,
) -> Tensor:
    """Return the mean of r^2 / 2 where |r| <= delta, and of delta (|r| - delta / 2) beyond.

    Shapes as in :func:`mse`.
    """
    if delta <= 0:
        raise ConfigError("BAD-VALUE", f"huber delta {delta} is not positive")
    size = residual(prediction, target, mask, "huber").abs()
    item = torch.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))
    return average(item, weight=weight, mask=mask, reduction=reduction)


@loss("log_cosh")
def log_cosh(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
) -> Tensor:
    """Return the mean of log cosh(x - y), in a form that does not overflow. Shapes as in :func:`mse`."""
    r = residual(prediction, target, mask, "log_cosh")
    item = r + F.softplus(-2.0 * r) - math.log(2.0)
    return average(item, weight=weight, mask=mask, reduction=reduction)


def residual(prediction: Tensor, target: Tensor, mask: Tensor | None, name: str) -> Tensor:
    """Return prediction minus target, zero where masked, after checking the shapes."""
    prediction = same_shape(prediction, target, name)
    return blank(prediction, mask) - blank(target, mask).to(prediction.dtype)
