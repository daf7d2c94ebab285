"""One-shot recognition of procedural pen strokes by a matching network."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build

WAYS, QUERIES, CORNERS, SIDE = 5, 10, 5, 14
PIXELS = SIDE * SIDE


@task("matching", published=0.981, source="arXiv:1606.04080, table 1, Omniglot, 5-way 1-shot (unverified)",
      gate=">= 0.90", minutes=4, figure="5-way 1-shot")  # fmt: skip
def learn_glyphs(seed: int) -> float:
    """Accuracy on glyphs never seen before, one example each of five: curves through five points, bent and moved."""
    embed = {"brick": "mlp", "hidden": [256, 128], "out_dim": 64}
    net = build({"brick": "matching", "embed": embed}, in_dim=PIXELS, num_classes=WAYS, seed=seed)
    rng = generator(seed)

    def loss(step: int) -> Tensor:
        x, label, support, given = episodes(rng, 16)
        return F.nll_loss(net(x, None, support, None, given).flatten(0, 1), label.flatten())

    fit(net.parameters(), loss, steps=900, lr=1e-3, warmup=20)
    x, label, support, given = episodes(rng, 1000)
    with torch.no_grad():
        return float((net(x, None, support, None, given).argmax(-1) == label).double().mean())


def episodes(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return queries (B, 10, 196) and their labels, supports (B, 5, 196) and their labels."""
    shape = 2 * torch.rand(items, WAYS, CORNERS, 2, generator=rng) - 1
    label = torch.randint(WAYS, (items, QUERIES), generator=rng)
    given = torch.rand(items, WAYS, generator=rng).argsort(1)
    both = torch.cat([given, label], 1)
    corner = shape.gather(1, both.reshape(items, -1, 1, 1).expand(-1, -1, CORNERS, 2))
    image = drawn(_written(corner, rng))
    return image[:, WAYS:], label, image[:, :WAYS], given


def _written(corner: Tensor, rng: torch.Generator) -> Tensor:
    """Return the same glyph by another hand: corners shaken by 0.1, turned by 0.2, scaled by 10 %, moved by 0.1."""
    size = corner.shape[:2]
    angle = 0.2 * torch.randn(size, generator=rng)
    scale = 1 + 0.1 * torch.randn(size, generator=rng)
    shaken = corner + 0.1 * torch.randn(corner.shape, generator=rng)
    cos, sin = (scale * f(angle) for f in (torch.cos, torch.sin))
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return shaken @ turn.mT + 0.1 * torch.randn(*size, 1, 2, generator=rng)


def drawn(corner: Tensor) -> Tensor:
    """Return images (..., 196) of the polygonal line through the corners (..., 5, 2), a pen of width 0.12."""
    axis = torch.linspace(-1.4, 1.4, SIDE)
    pixel = torch.cartesian_prod(axis, axis)
    first, step = corner[..., :-1, None, :], (corner[..., 1:, :] - corner[..., :-1, :]).unsqueeze(-2)
    away = pixel - first  # (..., 4, 196, 2)
    along = ((away * step).sum(-1) / step.square().sum(-1).clamp(min=1e-9)).clamp(0, 1)
    square = (away - along.unsqueeze(-1) * step).square().sum(-1).amin(-2)
    return torch.exp(-square / (2 * 0.12**2)) * math.sqrt(2)
