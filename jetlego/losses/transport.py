"""The value of an optimal transport, with exact gradients to costs and masses."""

from __future__ import annotations

import torch
from torch import Tensor

from jetlego.bricks.sinkhorn import log_mass, potentials


def transport_cost(cost: Tensor, a: Tensor, b: Tensor, *, epsilon: Tensor | float, entropy: bool) -> Tensor:
    """Return the cost (...,) of moving masses a onto masses b.

    Parameters
    ----------
    cost
        (..., n, m), finite.
    a, b
        (..., n) and (..., m), not negative, of equal totals; a total of zero costs nothing.
    epsilon
        Blur in units of the largest cost of each problem, a number or (..., 1, 1).
    entropy
        Return the entropic value <P, C> + eps KL(P | a b), which has exact gradients at any eps (the envelope
        theorem); otherwise <P, C> of the plan found, with the plan held fixed in the gradient, which is exact as eps
        goes to 0.
    """
    total = a.sum(-1)
    there = total > 0
    share_a, share_b = (_shares(x) for x in (a, b))
    real = (a > 0).unsqueeze(-1) & (b > 0).unsqueeze(-2)
    cost = cost.masked_fill(~real, 0)
    unit = cost.detach().amax((-2, -1))
    unit = torch.where(unit > 0, unit, torch.ones_like(unit))
    with torch.no_grad():
        scaled = cost / unit[..., None, None]
        log_a, log_b = log_mass(share_a), log_mass(share_b)
        f, g = potentials(scaled, log_a, log_b, epsilon=epsilon)
        exponent = (f.unsqueeze(-1) + g.unsqueeze(-2) - scaled) / epsilon
        plan = torch.exp(exponent + log_a.unsqueeze(-1) + log_b.unsqueeze(-2))
        f, g = (x * unit.unsqueeze(-1) for x in (f, g))
    linear = (plan * cost).sum((-2, -1))
    # the dual value: its derivative by the masses is f and g, by the costs the plan
    dual = (f * share_a).sum(-1) + (g * share_b).sum(-1)
    value = dual + (linear - linear.detach()) if entropy else linear + (dual - dual.detach())
    return torch.where(there, value * total, torch.zeros_like(value))


def _shares(mass: Tensor) -> Tensor:
    """Return masses divided by their total; equal shares where there is none, so that all stays finite."""
    total = mass.sum(-1, keepdim=True)
    return torch.where(total > 0, mass / torch.where(total > 0, total, 1), 1.0 / max(1, mass.shape[-1]))
