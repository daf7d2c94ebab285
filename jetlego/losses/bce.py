"""Binary cross-entropy from logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from jetlego.errors import ConfigError
from jetlego.losses.reduce import average, blank, same_shape
from jetlego.losses.registry import loss


@loss("bce")
def bce(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    label_smoothing: float = 0.0,
    class_weight: Sequence[float] | None = None,
) -> Tensor:
    """Return -y log s(x) - (1 - y) log(1 - s(x)), the mean over items; s is the logistic function.

    Parameters
    ----------
    prediction
        Logits in the shape of ``target``, or with one more axis of length one at the end.
    target
        0 or 1 (bool, integer or float), or a probability; negative = unlabelled, left out.
    weight, mask, reduction
        See :func:`jetlego.losses.reduce.average`.
    label_smoothing
        y becomes y (1 - e) + e / 2.
    class_weight
        (c_0, c_1): factors on the two terms; the mean divides by the sum of w (c_0 (1 - y) + c_1 y).
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise ConfigError("BAD-VALUE", f"label_smoothing {label_smoothing} is outside [0, 1)")
    prediction, truth, mask = binary(prediction, target, mask, "bce")
    smooth = truth * (1.0 - label_smoothing) + 0.5 * label_smoothing
    negative, positive = (1.0, 1.0) if class_weight is None else two_factors(class_weight)
    item = positive * smooth * F.softplus(-prediction) + negative * (1.0 - smooth) * F.softplus(prediction)
    scale = None if class_weight is None else negative * (1.0 - truth) + positive * truth
    return average(item, weight=weight, mask=mask, reduction=reduction, scale=scale)


def binary(
    prediction: Tensor, target: Tensor, mask: Tensor | None, name: str
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return logits, truth in the logits' dtype, and the mask without unlabelled items, padding blanked."""
    prediction = same_shape(prediction, target, name)
    truth = target.to(prediction.dtype)
    known = ~(truth < 0)  # NaN in padding must not count as unlabelled before the mask has spoken
    if mask is not None:
        known = known & mask.reshape(mask.shape + (1,) * (known.ndim - mask.ndim))
    return blank(prediction, known), blank(truth, known), known


def two_factors(class_weight: Sequence[float]) -> tuple[float, float]:
    """Return (c_0, c_1) after checking that there are two."""
    if len(class_weight) != 2:
        raise ConfigError("BAD-VALUE", f"class_weight has {len(class_weight)} entries, bce needs (c_0, c_1)")
    return float(class_weight[0]), float(class_weight[1])
