"""Tasks of order: rejection at a fixed efficiency, and ranks learned from pairs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator, mlp
from jetlego.losses import rejection_at, spearman

SIGNAL = (2.0, 1.5)
BACKGROUND = ((0.95, (0.0, 0.0)), (0.05, (4.0, 0.0)))
"""Means of unit Gaussians in the plane; the background's two have these shares."""


@task(
    "rejection_at",
    published={"efficiency 0.3": 106.3, "efficiency 0.5": 35.5},
    source="best linear score, by normal integrals; logistic regression reaches 56.0 and 29.5",
    gate={"efficiency 0.3": ">= 103", "efficiency 0.5": ">= 34.5"},
    minutes=2,
)
def learn_rejection(seed: int) -> dict[str, float]:
    """Background rejection of a linear score, exact for the direction that was learned."""
    return {f"efficiency {e}": exact_rejection(learned_angle(e, seed), e) for e in (0.3, 0.5)}


def learned_angle(efficiency: float, seed: int) -> float:
    """Return the direction in the plane that 1500 steps of :func:`rejection_at` find."""
    rng = generator(seed)
    direction = nn.Parameter(torch.tensor([1.0, 1.0]))

    def loss(step: int) -> Tensor:
        points, label = two_classes(rng, 4096)
        temperature = 0.4 * (0.05 / 0.4) ** (step / 1500)
        return rejection_at(points @ direction, label, signal_efficiency=efficiency, temperature=temperature)

    fit([direction], loss, steps=1500, lr=0.02)
    return math.atan2(*reversed(direction.tolist()))


def two_classes(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor]:
    """Return ``items`` points of signal and as many of background, and their labels."""
    points = torch.randn(2 * items, 2, generator=rng)
    second = torch.rand(items, generator=rng) < BACKGROUND[1][0]
    points[:items] += torch.tensor(SIGNAL)
    points[items:] += second.unsqueeze(-1) * torch.tensor(BACKGROUND[1][1])
    return points, (torch.arange(2 * items) < items).long()


def exact_rejection(angle: float, efficiency: float) -> float:
    """Return 1 / background efficiency of the score x cos(angle) + y sin(angle) at a signal efficiency."""
    unit = math.cos(angle), math.sin(angle)
    normal = torch.distributions.Normal(0.0, 1.0)
    threshold = _along(SIGNAL, unit) + float(normal.icdf(torch.tensor(1.0 - efficiency, dtype=torch.float64)))
    above = {mean: 0.5 * math.erfc((threshold - _along(mean, unit)) / math.sqrt(2.0)) for _, mean in BACKGROUND}
    return 1.0 / sum(share * above[mean] for share, mean in BACKGROUND)


def _along(mean: tuple[float, float], unit: tuple[float, float]) -> float:
    return mean[0] * unit[0] + mean[1] * unit[1]


@task("soft_rank", published=None, source="none; five MNIST numbers in arXiv:1905.11885: 0.917 right (unverified)",
      gate=">= 0.95", minutes=1, figure="spearman", bricks=["soft_rank", "spearman"])  # fmt: skip
def learn_order(seed: int) -> float:
    """Spearman correlation of learned with true order, 5 hidden scores seen through noisy non-linear pair features."""
    net, rng = mlp(2, 64, 64, 1), generator(seed)

    def score(pairs: Tensor) -> Tensor:
        return net(pairs).squeeze(-1).mean(-1)

    def loss(step: int) -> Tensor:
        pairs, hidden = hidden_scores(rng, 128)
        return spearman(score(pairs), hidden)

    fit(net.parameters(), loss, steps=500, lr=3e-3)
    pairs, hidden = hidden_scores(rng, 4096)
    with torch.no_grad():
        return 1.0 - float(spearman(score(pairs), hidden, epsilon=1e-3))


def hidden_scores(rng: torch.Generator, sets: int, items: int = 5) -> tuple[Tensor, Tensor]:
    """Return pair features (B, n, n, 2), tanh and square of the difference with noise of 0.1, and scores (B, n)."""
    hidden = torch.randn(sets, items, generator=rng)
    difference = hidden.unsqueeze(-1) - hidden.unsqueeze(-2)
    clean = torch.stack([difference.tanh(), difference.square()], dim=-1)
    return clean + 0.1 * torch.randn(clean.shape, generator=rng), hidden


