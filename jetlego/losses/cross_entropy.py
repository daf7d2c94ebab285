"""Cross-entropy over K exclusive classes, from logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.bricks.constants import constants
from jetlego.errors import ConfigError
from jetlego.losses.reduce import average, blank
from jetlego.losses.registry import loss


@loss("cross_entropy")
def cross_entropy(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    label_smoothing: float = 0.0,
    class_weight: Sequence[float] | None = None,
) -> Tensor:
    """Return -sum_k q_k log softmax(logits)_k, the mean over items.

    Parameters
    ----------
    prediction
        (..., K) logits, classes on the *last* axis.
    target
        (...,) int64 class numbers, negative = unlabelled (such items are left out), or (..., K) probabilities.
    weight, mask, reduction
        See :func:`jetlego.losses.reduce.average`.
    label_smoothing
        Share of the target spread evenly over the K classes, in [0, 1).
    class_weight
        K factors c_k on the terms of the sum. The mean divides by the sum of w c_y, as torch does for class numbers.
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise ConfigError("BAD-VALUE", f"label_smoothing {label_smoothing} is outside [0, 1)")
    mask = labelled(target, mask, prediction)
    prediction, target = blank(prediction, mask), blank(target, mask)
    truth = as_probabilities(target, prediction)
    terms = truth * (1.0 - label_smoothing) + label_smoothing / prediction.shape[-1]
    scale = None
    if class_weight is not None:
        per_class = class_factors(class_weight, prediction)
        terms, scale = terms * per_class, truth @ per_class
    # a class that cannot be chosen has logit -inf and target 0: leave the term out, 0 x inf is NaN
    log_p = blank(F.log_softmax(prediction, dim=-1), terms != 0)
    item = -(terms * log_p).sum(-1)
    return average(item, weight=weight, mask=mask, reduction=reduction, scale=scale)


def labelled(target: Tensor, mask: Tensor | None, prediction: Tensor) -> Tensor | None:
    """Return the mask without unlabelled items (negative class numbers)."""
    if target.is_floating_point():
        if target.shape != prediction.shape:
            raise ConfigError("SHAPE", f"logits {tuple(prediction.shape)}, probabilities {tuple(target.shape)}")
        return mask
    if target.shape != prediction.shape[:-1]:
        raise ConfigError("SHAPE", f"logits {tuple(prediction.shape)}, class numbers {tuple(target.shape)}")
    known = target >= 0
    if mask is None:
        return known
    return known & mask.reshape(mask.shape + (1,) * (known.ndim - mask.ndim))


def as_probabilities(target: Tensor, prediction: Tensor) -> Tensor:
    """Return class numbers as one-hot rows in the dtype of the logits; probabilities pass through."""
    if target.is_floating_point():
        return target.to(prediction.dtype)
    classes = torch.arange(prediction.shape[-1], device=prediction.device)
    return (target.unsqueeze(-1) == classes).to(prediction.dtype)


def class_factors(class_weight: Sequence[float], prediction: Tensor) -> Tensor:
    """Return the class weights as a (K,) tensor beside the logits, after checking how many there are."""
    if len(class_weight) != prediction.shape[-1]:
        given, needed = len(class_weight), prediction.shape[-1]
        raise ConfigError("BAD-VALUE", f"class_weight has {given} entries for {needed} classes")
    return constants(class_weight, prediction)
