"""The few lines that most acceptance tasks train with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from jetlego.benchmark.accept.watch import tell


def generator(seed: int) -> torch.Generator:
    """Return a CPU generator with this seed."""
    return torch.Generator().manual_seed(seed)


def fit(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    lr: float,
    warmup: int = 0,
    clip: float | None = None,
) -> None:
    """Minimise ``loss(step)`` with Adam, the rate falling to zero along a cosine.

    Parameters
    ----------
    loss
        Called once a step with its number; draws its own batch.
    warmup
        Steps of linear rise before the cosine.
    clip
        Largest norm of the gradient, if any.
    """
    learned = list(parameters)
    optimizer = torch.optim.Adam(learned, lr=lr)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, warmup))
    for step in range(steps):
        optimizer.zero_grad()
        loss(step).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(learned, clip)
        optimizer.step()
        rate.step()
        tell(step, steps)


def _rate(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def mlp(*widths: int, activation: Callable[[], nn.Module] = nn.SiLU) -> nn.Sequential:
    """Return a plain multi-layer perceptron of these widths."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


def r_squared(prediction: Tensor, target: Tensor) -> float:
    """Return the share of the target's variance that is explained, the least over the columns of (n, C) or (n,)."""
    error = (prediction - target).square().mean(0)
    return float((1.0 - error / target.var(0, unbiased=False)).min())
