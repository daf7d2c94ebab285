"""Debiased entropic distance between two sets."""

from __future__ import annotations

import torch
from torch import Tensor

from jetlego.errors import ConfigError
from jetlego.losses.reduce import average
from jetlego.losses.registry import loss
from jetlego.losses.sets import PairMask, power_distances, two_sets
from jetlego.losses.transport import transport_cost


@loss("sinkhorn")
def sinkhorn(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: PairMask = None,
    reduction: str = "weighted_mean",
    epsilon: float = 0.01,
    power: float = 2.0,
    debiased: bool = True,
) -> Tensor:
    """Return OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2 at cost |x_i - y_j|^p, the mean over sets.

    Parameters
    ----------
    prediction, target
        (..., N, D) and (..., M, D) points; the real ones of each side have equal masses of total one.
    weight
        (...,) weights of the sets.
    mask
        (..., N) bool for both, or a pair of masks. Where a side is empty the set counts nothing.
    reduction
        See :func:`jetlego.losses.reduce.average`.
    epsilon
        Blur in units of the cost: 0.01 is a tenth of a unit for p = 2. As it goes to 0 the value becomes the least
        mean cost of moving one set onto the other: for equal sizes, that of the best assignment. Below 1e-4 of the
        largest cost it is taken as that.
    power
        p of the cost.
    debiased
        Without the last two terms the entropy pulls the prediction together.

    References
    ----------
    Cuturi, arXiv:1306.0895; Feydy et al., arXiv:1810.08278, eq. (3).
    """
    if epsilon <= 0:
        raise ConfigError("BAD-VALUE", f"sinkhorn epsilon {epsilon} is not positive")
    sets = two_sets(prediction, target, mask, "sinkhorn")
    there = sets.x_real.any(-1) & sets.y_real.any(-1)
    pairs = [(sets.x, sets.y, sets.x_real, sets.y_real)]
    if debiased:
        pairs += [(sets.x, sets.x, sets.x_real, sets.x_real), (sets.y, sets.y, sets.y_real, sets.y_real)]
    values = _costs([(power_distances(x, y, power), a, b) for x, y, a, b in pairs], epsilon)
    item = values[0] if not debiased else values[0] - 0.5 * (values[1] + values[2])
    return average(item.masked_fill(~there, 0), weight=weight, mask=there, reduction=reduction)


def _costs(problems: list[tuple[Tensor, Tensor, Tensor]], epsilon: float) -> list[Tensor]:
    """Return the entropic cost (...,) of each (cost, real items, real items), all at once where the sizes agree.

    Small problems spend their time on calls, not on numbers: three at once take two thirds of the time.
    """
    if len({tuple(part.shape for part in problem) for problem in problems}) > 1:
        return [_cost(*problem, epsilon) for problem in problems]
    cost, a, b = (torch.stack(parts) for parts in zip(*problems, strict=True))
    return list(_cost(cost, a, b, epsilon).unbind())


def _cost(cost: Tensor, a: Tensor, b: Tensor, epsilon: float) -> Tensor:
    """Return the entropic cost (...,) between equal masses on the real items."""
    a, b = (x / x.sum(-1, keepdim=True).clamp(min=1) for x in (a.to(cost.dtype), b.to(cost.dtype)))
    unit = cost.detach().masked_fill(~((a > 0).unsqueeze(-1) & (b > 0).unsqueeze(-2)), 0).amax((-2, -1))
    relative = (epsilon / unit.clamp(min=torch.finfo(unit.dtype).tiny)).clamp(min=1e-4, max=1e4)
    return transport_cost(cost, a, b, epsilon=relative[..., None, None], entropy=True)
