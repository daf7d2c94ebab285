"""Losses on soft ranks: soft 0/1 and top-k errors, and one minus Spearman's correlation (arXiv:1905.11885)."""

from __future__ import annotations

import torch
from torch import Tensor

from jetlego.bricks.soft_order import Negative, soft_rank
from jetlego.errors import ConfigError
from jetlego.losses.cross_entropy import labelled
from jetlego.losses.reduce import average, blank
from jetlego.losses.registry import loss


@loss("soft01")
def soft01(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    epsilon: float = 1e-2,
) -> Tensor:
    """Return max(0, K - rank of the true class), the mean over items: a soft count of the classes above it.

    Parameters
    ----------
    prediction
        (..., K) logits.
    target
        (...,) int64 class numbers, negative = unlabelled.
    weight, mask, reduction
        See :func:`jetlego.losses.reduce.average`.
    epsilon
        Blur of the ranks, see :func:`jetlego.bricks.soft_order.soft_rank`.
    """
    return average(
        _classes_above(prediction, target, mask, epsilon, 1),
        weight=weight, mask=labelled(target, mask, prediction), reduction=reduction,
    )  # fmt: skip


@loss("soft_topk_loss")
def soft_topk_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    k: int = 1,
    epsilon: float = 1e-2,
) -> Tensor:
    """Return max(0, K - k + 1 - rank of the true class), the mean over items: zero where it is among the top k.

    The arguments are those of :func:`soft01`, which is k = 1.
    """
    if not 1 <= k <= prediction.shape[-1]:
        raise ConfigError("BAD-VALUE", f"soft_topk_loss: k = {k} with {prediction.shape[-1]} classes")
    return average(
        _classes_above(prediction, target, mask, epsilon, k),
        weight=weight, mask=labelled(target, mask, prediction), reduction=reduction,
    )  # fmt: skip


def _classes_above(prediction: Tensor, target: Tensor, mask: Tensor | None, epsilon: float, k: int) -> Tensor:
    known = labelled(target, mask, prediction)
    rank = soft_rank(blank(prediction, known), epsilon=epsilon)
    of_label = rank.gather(-1, blank(target, known).unsqueeze(-1)).squeeze(-1)
    return (prediction.shape[-1] - k + 1 - of_label).clamp(min=0)


@loss("spearman")
def spearman(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    epsilon: float = 1e-2,
    negative: Negative = "error",
) -> Tensor:
    """Return 1 - Spearman's rank correlation along the last axis, the mean over sets.

    Parameters
    ----------
    prediction, target
        (..., n). The ranks of the prediction are soft, those of the target exact, ties sharing their mean rank.
    weight
        (..., n): masses of the items, which enter ranks and correlation, each set counting with its total; or (...,),
        one weight a set.
    mask
        (..., n) bool, True = real. Sets with fewer than two real items, or a constant target, count nothing.
    reduction
        See :func:`jetlego.losses.reduce.average`.
    epsilon, negative
        See :func:`jetlego.bricks.soft_order.soft_rank`.
    """
    if prediction.shape != target.shape:
        given = tuple(prediction.shape), tuple(target.shape)
        raise ConfigError("SHAPE", f"spearman: prediction {given[0]} does not fit target {given[1]}")
    by_item = weight is not None and weight.ndim == prediction.ndim
    prediction, target = blank(prediction, mask), blank(target, mask).to(prediction.dtype)
    mass = weight.to(prediction.dtype) if by_item and weight is not None else torch.ones_like(prediction)
    mass = {"drop": mass.clamp(min=0), "abs": mass.abs()}.get(negative, mass)
    mass = blank(mass, mask)
    # unequal masses end between the targets: finer ones bring the soft rank to the middle of each mass
    targets = 4 * prediction.shape[-1] if by_item else None
    soft = soft_rank(prediction, weight=mass, mask=mask, epsilon=epsilon, targets=targets, negative=negative)
    correlation, defined = _correlation(soft, _mid_rank(target, mass), mass)
    per_set = mass.sum(-1) if by_item else weight
    return average(1.0 - correlation, weight=per_set, mask=defined, reduction=reduction)


def _mid_rank(value: Tensor, mass: Tensor) -> Tensor:
    """Return the mass below each value plus half of that at it: mean ranks, up to a constant, for equal masses."""
    below = (value.unsqueeze(-1) > value.unsqueeze(-2)).to(mass.dtype)
    level = (value.unsqueeze(-1) == value.unsqueeze(-2)).to(mass.dtype)
    return ((below + 0.5 * level) @ mass.unsqueeze(-1)).squeeze(-1)


def _correlation(x: Tensor, y: Tensor, mass: Tensor) -> tuple[Tensor, Tensor]:
    """Return Pearson's correlation (...,) under masses, and where it is defined (zero elsewhere)."""
    share = mass / mass.sum(-1, keepdim=True).clamp(min=torch.finfo(mass.dtype).tiny)
    x, y = x - (share * x).sum(-1, keepdim=True), y - (share * y).sum(-1, keepdim=True)
    square = (share * x * x).sum(-1) * (share * y * y).sum(-1)
    defined = square > 0
    root = torch.where(defined, square, torch.ones_like(square)).sqrt()
    return (share * x * y).sum(-1) * defined / root, defined
