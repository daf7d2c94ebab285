"""Optimizers by name, and the learning rate as a pure function of progress: a resumed run needs no state for it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from jetlego.training.config import OptimizerConfig, ScheduleConfig


def make_optimizer(model: torch.nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Return the optimizer; weight decay spares biases, norms and everything else of one dimension."""
    groups = [
        {
            "params": [p for p in model.parameters() if p.requires_grad and p.ndim > 1],
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in model.parameters() if p.requires_grad and p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.betas[0])
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    return kind(groups, lr=config.lr, betas=config.betas)


def learning_rate_factor(progress: float, config: ScheduleConfig) -> float:
    """Return the factor on the learning rate at ``progress`` in [0, 1] of the whole run.

    After a linear rise over ``warmup``: ``constant`` stays at 1; ``cosine`` and ``one_cycle`` fall on half a cosine to
    ``floor`` (``one_cycle`` also rises on one: Smith, arXiv:1803.09820); ``flat_decay`` stays at 1 until 70 % of the
    run and then falls exponentially to ``floor``.
    """
    if progress < config.warmup:
        rise = progress / config.warmup
        return _half_cosine(1 - rise, config.floor) if config.name == "one_cycle" else max(rise, config.floor)
    if config.name == "constant":
        return 1.0
    if config.name == "flat_decay":
        return config.floor ** max(0.0, (progress - 0.7) / 0.3) if config.floor > 0 else min(1.0, (1 - progress) / 0.3)
    return _half_cosine((progress - config.warmup) / (1 - config.warmup), config.floor)


def _half_cosine(x: float, floor: float) -> float:
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, x)))


class WeightAverage:
    """Exponential moving average of a model's weights, kept beside them.

    The decay grows as (1 + n) / (10 + n) up to ``decay`` so that early averages forget the start.
    Polyak, Juditsky, SIAM J. Control Optim. 30 (1992) 838; warm-up as in the TensorFlow reference documentation.
    """

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        """Move the average towards the model's present weights; integer buffers are copied."""
        self.updates += 1
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        current = model.state_dict()
        for name, average in self.weights.items():
            if average.is_floating_point():
                average.lerp_(current[name], 1 - keep)
            else:
                average.copy_(current[name])


def gradient_norm(parameters: Iterable[torch.nn.Parameter]) -> torch.Tensor:
    """Return the norm of all gradients together, on their device."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
