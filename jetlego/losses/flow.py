"""Negative log-likelihood under a density that knows its own ``log_prob``, such as a normalising flow."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from jetlego.losses.reduce import average, blank
from jetlego.losses.registry import loss


class Density(Protocol):
    """Anything with ``log_prob``: the distribution that a ``zuko`` flow returns for a context, or one of torch's."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density (...,) of ``value`` (..., D)."""
        ...


@loss("flow_nll")
def flow_nll(
    prediction: Density,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
) -> Tensor:
    """Return -log p(y | c) in nats, the mean over items.

    Parameters
    ----------
    prediction
        The density given the contexts, ``flow(context)``; Durkan et al., arXiv:1906.04032, for splines. Splines live
        on a bounded interval, so targets must be standardised.
    target
        (..., D) float32; add the sum of log(scale) for the likelihood in original units.
    weight, mask, reduction
        See :func:`jetlego.losses.reduce.average`, with one item per ``target`` row.

    Notes
    -----
    The context of a masked item must be finite: what a network does with padding is not seen from here.
    """
    item = -prediction.log_prob(blank(target, mask))
    if mask is not None:
        item = blank(item, mask)
    return average(item, weight=weight, mask=mask, reduction=reduction)
