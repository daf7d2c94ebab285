"""What every loss shares: padding out, weights in, one mean.

An *item loss* has one number per item, ``(B,)`` for jets, ``(B, N)`` for padded constituents. Weights and masks have
the item loss's shape or its leading part: a weight ``(B,)`` of jets reaches every constituent of the jet.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from jetlego.errors import ConfigError, did_you_mean

REDUCTIONS = ("weighted_mean", "absolute_mean", "sum", "none")
_HALF = (torch.float16, torch.bfloat16)


def align(value: Tensor, like: Tensor, *, name: str = "weight") -> Tensor:
    """Return ``value`` with trailing axes of length one, so that it multiplies ``like`` item by item.

    Raises
    ------
    ConfigError
        If the shape of ``value`` is not the leading part of the shape of ``like``: broadcasting ``(B, 1)`` against
        ``(B,)`` would give a wrong mean and no message.
    """
    if value.shape != like.shape[: value.ndim]:
        raise ConfigError("SHAPE", f"{name} has shape {tuple(value.shape)}, the items {tuple(like.shape)}")
    return value.reshape(value.shape + (1,) * (like.ndim - value.ndim))


def blank(value: Tensor, mask: Tensor | None, fill: float | int = 0) -> Tensor:
    """Return ``value`` with padding replaced by ``fill`` *before* any formula sees it.

    Multiplying a finished loss by its mask leaves NaN gradients (0 x inf) where padding held NaN; replacing the
    input gives exactly zero gradients there.
    """
    if mask is None:
        return value
    return torch.where(align(mask, value, name="mask"), value, torch.full_like(value, fill))


def same_shape(prediction: Tensor, target: Tensor, name: str) -> Tensor:
    """Return ``prediction`` in the shape of ``target``, dropping at most one trailing axis of length one."""
    if prediction.ndim == target.ndim + 1 and prediction.shape[-1] == 1:
        prediction = prediction.squeeze(-1)
    if prediction.shape != target.shape:
        raise ConfigError(
            "SHAPE", f"{name}: prediction {tuple(prediction.shape)} does not fit target {tuple(target.shape)}"
        )
    return prediction


def average(
    item_loss: Tensor,
    *,
    weight: Tensor | None,
    mask: Tensor | None,
    reduction: str,
    scale: Tensor | None = None,
) -> Tensor:
    """Return the mean of an item loss under weights and mask.

    Parameters
    ----------
    item_loss
        One number per item; must be finite at masked items too (see :func:`blank`).
    weight
        Weights, any sign; None counts each item once.
    mask
        bool, True = real item.
    reduction
        ``weighted_mean``: sum w l / sum w. ``absolute_mean``: sum w l / sum |w|, for generator weights of both
        signs, where sum w can be small. ``sum``: sum w l. ``none``: w l, item by item.
    scale
        Further positive weights that enter the denominator alone, because ``item_loss`` holds them already
        (class weights).

    Returns
    -------
    Tensor
        A scalar, or the shape of ``item_loss`` for ``none``. If no item is real the mean is 0.
    """
    if reduction not in REDUCTIONS:
        hint = did_you_mean(reduction, REDUCTIONS)
        raise ConfigError("BAD-VALUE", f"loss reduction '{reduction}' is unknown", hint)
    factor = torch.ones_like(item_loss) if weight is None else align(weight, item_loss).to(item_loss.dtype)
    if mask is not None:
        factor = factor * align(mask, item_loss, name="mask")
    weighted = factor * item_loss
    if reduction == "none":
        return weighted
    if reduction == "sum":
        return weighted.sum()
    factor = (factor if scale is None else factor * scale).expand_as(item_loss)
    total = (factor if reduction == "weighted_mean" else factor.abs()).sum()
    return weighted.sum() / torch.where(total == 0, torch.ones_like(total), total)


def widen(value: Any) -> Any:
    """Return the tensors in ``value`` with half precision made float32; all else is left alone."""
    return tree_map(lambda v: v.float() if isinstance(v, Tensor) and v.dtype in _HALF else v, value)


def in_full_precision(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Wrap a loss so that it computes in float32 or better, autocast off, whatever the model ran in."""

    @functools.wraps(function)
    def wrapped(prediction: Any, target: Any, **options: Any) -> Tensor:
        prediction, target, options = widen(prediction), widen(target), widen(options)
        device = next((v.device.type for v in tree_leaves((prediction, target)) if isinstance(v, Tensor)), "cpu")
        with autocast_off(device):
            return function(prediction, target, **options)

    return wrapped


def autocast_off(device: str) -> contextlib.AbstractContextManager[Any]:
    """Return a context without autocast on this type of device, also where there is none to switch off."""
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return contextlib.nullcontext()
