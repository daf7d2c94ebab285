"""Energy mover's distance: the work of turning one jet into another."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.errors import ConfigError
from jetlego.losses.reduce import average
from jetlego.losses.registry import loss
from jetlego.losses.sets import PairMask, two_sets
from jetlego.losses.transport import transport_cost


@loss("emd")
def emd(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: PairMask = None,
    reduction: str = "weighted_mean",
    radius: float = 1.0,
    beta: float = 1.0,
    periodic: bool = True,
    epsilon: float = 1e-3,
) -> Tensor:
    """Return min_f sum_ij f_ij (theta_ij / R)^beta + |sum_i pt_i - sum_j pt_j|, the mean over jets.

    Parameters
    ----------
    prediction, target
        (..., N, 1 + D) and (..., M, 1 + D): the transverse momentum (or any mass, not negative), then D coordinates,
        such as (pt, eta, phi).
    weight
        (...,) weights of the jets.
    mask
        (..., N) bool for both, or a pair of masks. An empty jet is at a distance of the other's summed pt.
    reduction
        See :func:`jetlego.losses.reduce.average`.
    radius, beta
        R and beta; R should be at least half the largest theta for a metric.
    periodic
        The last coordinate is an angle: its differences are wrapped to [-pi, pi).
    epsilon
        Entropic blur of the plan, in units of the largest distance; the value is that of a feasible plan, above the
        least one by a term that vanishes faster than epsilon.

    References
    ----------
    Komiske, Metodiev, Thaler, arXiv:1902.02346, eq. (1); with beta: arXiv:2004.04159, eq. (2.18).
    """
    if radius <= 0 or beta <= 0:
        raise ConfigError("BAD-VALUE", f"emd: radius {radius} and beta {beta} must be positive")
    sets = two_sets(prediction, target, mask, "emd")
    a, b = sets.x[..., 0], sets.y[..., 0]
    cost = _ground(sets.x[..., 1:], sets.y[..., 1:], beta, periodic) / radius**beta
    excess = b.sum(-1) - a.sum(-1)
    # what is missing in one jet is a ghost beside it, from which all distances are R
    a, b = (torch.cat([m, e.clamp(min=0).unsqueeze(-1)], -1) for m, e in ((a, excess), (b, -excess)))
    cost = F.pad(F.pad(cost, (0, 1, 0, 1), value=1.0)[..., :-1, :], (0, 0, 0, 1), value=1.0)
    item = transport_cost(cost, a, b, epsilon=epsilon, entropy=False)
    return average(item, weight=weight, mask=None, reduction=reduction)


def _ground(x: Tensor, y: Tensor, beta: float, periodic: bool) -> Tensor:
    """Return theta^beta (..., N, M), with zero gradient where the items coincide."""
    difference = x.unsqueeze(-2) - y.unsqueeze(-3)
    if periodic:
        wrapped = torch.remainder(difference[..., -1:] + math.pi, 2.0 * math.pi) - math.pi
        difference = torch.cat([difference[..., :-1], wrapped], dim=-1)
    squared = difference.square().sum(-1)
    if beta == 2.0:
        return squared
    positive = squared > 0
    return torch.where(positive, squared, torch.ones_like(squared)) ** (0.5 * beta) * positive
