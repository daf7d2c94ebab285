"""Forty layers with and without a shortcut: the vanishing gradient as a task."""

from __future__ import annotations

import torch
from torch import Tensor

from jetlego.benchmark.accept.digits import score, train_classifier
from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import generator
from jetlego.bricks.build import build

LAYERS, WIDTH = 40, 32


@task(
    "residual",
    published={"residual": 0.86, "plain": 0.25},
    source="own measurement, once, of the same nets written by hand; arXiv:1512.03385 for the brick",
    gate={"residual": ">= 0.80", "plain": "<= 0.35"},
    minutes=0.5,
)
def learn_through_depth(seed: int) -> dict[str, float]:
    """Accuracy of 40 layers of 32 units on four classes of 20 numbers, 4000 to learn from, 600 steps."""
    x, y = four_classes(generator(seed), 8000)
    found = {}
    for name, layer in (
        ("residual", {"brick": "residual", "body": {"brick": "mlp", "hidden": [WIDTH]}}),
        ("plain", {"brick": "mlp", "hidden": [WIDTH]}),
    ):
        first, last = {"brick": "mlp", "hidden": [WIDTH]}, {"brick": "logistic", "out_dim": 4}
        net = build({"brick": "chain", "parts": [first, *[layer] * LAYERS, last]}, seed=seed, in_dim=x.shape[1])
        train_classifier(net, x[:4000], y[:4000], seed, steps=600, lr=1e-3, batch=128)
        found[name] = score(net, x[4000:], y[4000:])
    return found


def four_classes(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor]:
    """Return x (n, 20) normal and the label 2 [x0 x1 > 0] + [x2 + x3 > 0]."""
    x = torch.randn(items, 20, generator=rng)
    return x, 2 * (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] + x[:, 3] > 0).long()
