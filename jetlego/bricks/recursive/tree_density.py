"""How a node's state becomes the density of a decay: a mixture over mass fractions and direction."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

SMALLEST_FRACTION = 1e-6
"""Mass fractions and (1 + cos theta*) / 2 are kept this far from 0 and 1: leaves may have no mass at all."""

_LEAST_WIDTH = 1e-2
_LOG_TWO_PI = math.log(2.0 * math.pi)


class DecayDensity(nn.Module):
    """p(x_left, x_right, cos theta*, phi* | state): a mixture whose components factorise.

    logit x_left, logit x_right and logit((1 + cos theta*) / 2) are normal, phi* is von Mises. The density is that of
    the four numbers themselves, Jacobians included, so that likelihoods of different models can be compared.

    Parameters
    ----------
    in_dim
        Width of the state.
    components
        Number of components.
    """

    def __init__(self, *, in_dim: int, components: int = 4) -> None:
        super().__init__()
        self.components = components
        self.layer = nn.Linear(in_dim, components * 9)  # weight, three means, three widths, (cos, sin) kappa

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return log weights (n, C), means and widths (n, C, 3), and kappa (cos mu, sin mu), (n, C, 2)."""
        raw = self.layer(state).unflatten(-1, (self.components, 9))
        weight, mean, width, turn = raw.split([1, 3, 3, 2], dim=-1)
        return weight.squeeze(-1).log_softmax(-1), mean, softplus(width) + _LEAST_WIDTH, turn

    def log_prob(self, state: Tensor, numbers: Tensor) -> Tensor:
        """Return (n,) log density of ``numbers (n, 4)`` given ``state (n, in_dim)``."""
        weight, mean, width, turn = self._parts(state)
        unit = _to_unit(numbers.narrow(-1, 0, 3)).to(mean.dtype)  # (n, 3)
        phi = numbers.select(-1, 3).to(mean.dtype)
        pull = (torch.logit(unit).unsqueeze(-2) - mean) / width
        normal = (-0.5 * pull.square() - width.log() - 0.5 * _LOG_TWO_PI).sum(-1)
        jacobian = -(unit.log() + torch.log1p(-unit)).sum(-1) - math.log(2.0)  # cos theta* runs over 2, not 1
        along = turn.select(-1, 0) * phi.cos().unsqueeze(-1) + turn.select(-1, 1) * phi.sin().unsqueeze(-1)
        kappa = (turn.square().sum(-1) + 1e-12).sqrt()
        mises = along - kappa - torch.special.i0e(kappa).log() - _LOG_TWO_PI
        return torch.logsumexp(weight + normal + mises, dim=-1) + jacobian

    def sample(self, state: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return (n, 4) numbers drawn given ``state (n, in_dim)``."""
        weight, mean, width, turn = self._parts(state)
        chosen = torch.multinomial(weight.exp(), 1, generator=generator).unsqueeze(-1)  # (n, 1, 1)
        mean, width, turn = (
            part.gather(1, chosen.expand(-1, -1, part.shape[-1])).squeeze(1) for part in (mean, width, turn)
        )
        noise = torch.randn(mean.shape, dtype=mean.dtype, device=mean.device, generator=generator)
        unit = torch.sigmoid(mean + width * noise).clamp(SMALLEST_FRACTION, 1.0 - SMALLEST_FRACTION)
        phi = _sample_von_mises(turn, generator)
        return torch.cat([unit.narrow(-1, 0, 2), 2.0 * unit.narrow(-1, 2, 1) - 1.0, phi.unsqueeze(-1)], dim=-1)


def _to_unit(numbers: Tensor) -> Tensor:
    x, cos_theta = numbers.split([2, 1], dim=-1)
    unit = torch.cat([x, 0.5 * (1.0 + cos_theta)], dim=-1)
    return unit.clamp(SMALLEST_FRACTION, 1.0 - SMALLEST_FRACTION)


def _sample_von_mises(turn: Tensor, generator: torch.Generator | None, points: int = 4096) -> Tensor:
    """Return (n,) angles of density ~ exp(turn . (cos, sin)), by the inverse of a tabulated distribution."""
    kappa = turn.square().sum(-1, keepdim=True).sqrt()
    grid = torch.linspace(-math.pi, math.pi, points, dtype=turn.dtype, device=turn.device)
    total = (kappa * (grid.cos() - 1.0)).exp().cumsum(-1)
    draw = torch.rand(kappa.shape, dtype=turn.dtype, device=turn.device, generator=generator)
    place = torch.searchsorted(total, draw * total.narrow(-1, points - 1, 1)).clamp(max=points - 1).squeeze(-1)
    jitter = torch.rand(place.shape, dtype=turn.dtype, device=turn.device, generator=generator) - 0.5
    mean = torch.atan2(turn.select(-1, 1), turn.select(-1, 0))
    angle = mean + grid[place] + jitter * (2.0 * math.pi / (points - 1))
    return torch.remainder(angle + math.pi, 2.0 * math.pi) - math.pi
