"""Focal losses: cross-entropy with the weight taken from what is already classified well.

Lin et al., arXiv:1708.02002, eqs. (4) and (5); the heat-map form is Law and Deng, arXiv:1808.01244, eq. (1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.losses.bce import binary
from jetlego.losses.cross_entropy import as_probabilities, class_factors, labelled
from jetlego.losses.reduce import average, blank
from jetlego.losses.registry import loss


@loss("focal")
def focal(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    gamma: float = 2.0,
    alpha: Sequence[float] | None = None,
) -> Tensor:
    """Return -alpha_y (1 - p_y)^gamma log p_y over exclusive classes, the mean over items.

    Parameters
    ----------
    prediction
        (..., K) logits, K >= 2.
    target
        (...,) int64 class numbers, negative = unlabelled; or (..., K) probabilities, which weight the K terms.
    weight, mask, reduction
        See :func:`jetlego.losses.reduce.average`.
    gamma
        0 gives the cross-entropy exactly.
    alpha
        K factors; they do not enter the denominator (as in the paper).

    Notes
    -----
    log(1 - p_k) is a log-sum-exp over the *other* logits, so the gradient is finite at p_k = 1 for every gamma.
    """
    mask = labelled(target, mask, prediction)
    prediction, target = blank(prediction, mask), blank(target, mask)
    truth = as_probabilities(target, prediction)
    terms = truth if alpha is None else truth * class_factors(alpha, prediction)
    log_p = F.log_softmax(prediction, dim=-1)
    if gamma != 0.0:
        terms = terms * torch.exp(gamma * log_of_others(prediction))
    return average(-(terms * log_p).sum(-1), weight=weight, mask=mask, reduction=reduction)


@loss("focal_bce")
def focal_bce(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Tensor:
    """Return -alpha_t (1 - p_t)^gamma log p_t for independent yes/no outputs, the mean over items.

    ``prediction`` holds logits in the shape of ``target`` (0, 1 or between; negative = unlabelled); ``alpha`` is the
    factor of the positives, 1 - alpha that of the negatives.
    """
    prediction, truth, mask = binary(prediction, target, mask, "focal_bce")
    positive, negative = (1.0, 1.0) if alpha is None else (alpha, 1.0 - alpha)
    miss, alarm = F.softplus(-prediction), F.softplus(prediction)  # -log p and -log(1 - p)
    item = positive * truth * torch.exp(-gamma * alarm) * miss
    item = item + negative * (1.0 - truth) * torch.exp(-gamma * miss) * alarm
    return average(item, weight=weight, mask=mask, reduction=reduction)


@loss("focal_peaks")
def focal_peaks(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    gamma: float = 2.0,
    beta: float = 4.0,
) -> Tensor:
    """Return the focal loss of a heat map whose peaks are 1 and fall off smoothly.

    Cells with target 1 cost (1 - p)^gamma (-log p); the others (1 - y)^beta p^gamma (-log(1 - p)). The means divide
    by the (weighted) number of *peaks*, or by 1 where a batch has none.

    ``prediction`` holds logits in the shape of ``target``, whose values lie in [0, 1].
    """
    prediction, truth, mask = binary(prediction, target, mask, "focal_peaks")
    peak = (truth == 1.0).to(prediction.dtype)
    miss, alarm = F.softplus(-prediction), F.softplus(prediction)
    item = peak * torch.exp(-gamma * alarm) * miss
    item = item + (1.0 - peak) * (1.0 - truth) ** beta * torch.exp(-gamma * miss) * alarm
    return average(item, weight=weight, mask=mask, reduction=reduction, scale=peak)


def log_of_others(logits: Tensor) -> Tensor:
    """Return log(1 - softmax(logits)) along the last axis, without cancellation."""
    classes = logits.shape[-1]
    own = torch.eye(classes, dtype=torch.bool, device=logits.device)
    others = logits.unsqueeze(-2).expand(*logits.shape, classes).masked_fill(own, -torch.inf)
    return torch.logsumexp(others, dim=-1) - torch.logsumexp(logits, dim=-1, keepdim=True)
