"""Set prediction by exact matching, with a class for slots that stay empty."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.losses.assignment import assign
from jetlego.losses.reduce import average
from jetlego.losses.registry import loss
from jetlego.losses.sets import PairMask, power_distances, two_sets


@loss("hungarian")
def hungarian(
    prediction: Tensor | tuple[Tensor, Tensor],
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: PairMask = None,
    reduction: str = "weighted_mean",
    power: float = 2.0,
    presence: float = 1.0,
) -> Tensor:
    """Return the cost of the best one-to-one matching of slots to targets, divided by the number of targets.

    A matched pair costs |x - y|^p, and -c log s(e) if slots have a presence logit e; a slot left over costs
    -c log(1 - s(e)). Without presence logits left-over slots are free. Targets beyond the number of slots are left
    out, the dearest ones.

    Parameters
    ----------
    prediction
        Slots (..., N, D), or the pair (slots, presence logits (..., N)).
    target
        (..., M, D) points.
    weight
        (...,) weights of the sets.
    mask
        (..., M) bool, which targets are real, all slots being there; or a pair (of slots, of targets).
    reduction
        See :func:`jetlego.losses.reduce.average`.
    power
        p of the cost.
    presence
        c, the factor of the presence terms, in the matching too.

    References
    ----------
    Carion et al., arXiv:2005.12872, eqs. (1) and (2), with distances in place of boxes.
    """
    slots, logit = prediction if isinstance(prediction, tuple | list) else (prediction, None)
    sets = two_sets(slots, target, mask if isinstance(mask, tuple | list) else (None, mask), "hungarian")
    pair = power_distances(sets.x, sets.y, power)
    alone = torch.zeros_like(pair[..., 0])
    if logit is not None:
        clean = logit.masked_fill(~sets.x_real, 0)
        pair = pair + presence * F.softplus(-clean).unsqueeze(-1)
        alone = presence * F.softplus(clean) * sets.x_real
    value = _matched(pair, alone, sets.x_real, sets.y_real)
    item = value / sets.y_real.sum(-1).clamp(min=1)
    return average(item, weight=weight, mask=sets.x_real.any(-1), reduction=reduction)


def match(cost: Tensor, x_real: Tensor, y_real: Tensor, alone: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the best matching of slots to targets.

    Parameters
    ----------
    cost
        (..., N, M) cost of each pair.
    x_real, y_real
        (..., N) and (..., M) bool.
    alone
        (..., N) cost of a slot without target, by default 0.

    Returns
    -------
    tuple of Tensor
        Column (..., N) int64 of the square problem that slot i gets, and (..., N) bool, whether it is a real target.
        As many pairs are matched as there are real items on the smaller side, whatever they cost.
    """
    n, m = cost.shape[-2:]
    size = max(n, m)
    full = _square(cost, torch.zeros_like(cost[..., 0]) if alone is None else alone, x_real, y_real)
    column = assign(full.reshape(-1, size, size)).reshape(*cost.shape[:-2], size)[..., :n]
    real_column = F.pad(y_real, (0, size - m)).gather(-1, column)
    return column, real_column & x_real


def _square(cost: Tensor, alone: Tensor, x_real: Tensor, y_real: Tensor) -> Tensor:
    """Return the square cost: absent targets cost what a slot alone costs, absent slots a price no pair reaches."""
    n, m = cost.shape[-2:]
    size = max(n, m)
    both = x_real.unsqueeze(-1) & y_real.unsqueeze(-2)
    cost, alone = cost.detach().masked_fill(~both, 0), alone.detach() * x_real
    dear = 2.0 * size * (cost.abs().amax((-2, -1)) + alone.abs().amax(-1) + 1.0)[..., None, None]
    full = torch.where(both, cost, alone.unsqueeze(-1))
    full = torch.where(x_real.unsqueeze(-1) | ~y_real.unsqueeze(-2), full, dear)
    right = alone.unsqueeze(-1).expand(*alone.shape, size - m)
    below = torch.where(F.pad(y_real, (0, size - m)).unsqueeze(-2), dear, torch.zeros_like(dear))
    return torch.cat([torch.cat([full, right], -1), below.expand(*below.shape[:-2], size - n, size)], -2)


def _matched(pair: Tensor, alone: Tensor, x_real: Tensor, y_real: Tensor) -> Tensor:
    column, real = match(pair, x_real, y_real, alone)
    chosen = pair.gather(-1, column.clamp(max=pair.shape[-1] - 1).unsqueeze(-1)).squeeze(-1)
    return torch.where(real, chosen, alone).masked_fill(~x_real, 0).sum(-1)
