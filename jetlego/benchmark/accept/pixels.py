"""Bars and stripes: the likelihood of thirty pictures, whose entropy is known."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit
from jetlego.bricks.build import build

SIDE = 4


@task("pixelcnn", published=math.log(30), source="exact: 30 equal patterns, ln 30; CIFAR-10 3.03 bits a dimension in "
      "arXiv:1606.05328 (unverified)", gate="<= 3.45", minutes=1, figure="nll")  # fmt: skip
def learn_patterns(seed: int) -> float:
    """NLL in nats of a pattern of 4 x 4 pixels, all rows or all columns equal; cannot fall below ln 30 = 3.4012."""
    pixels = bars_and_stripes()
    net = build({"brick": "pixelcnn", "hidden": 24, "layers": 4}, seed=seed, in_dim=1, out_dim=2)

    def loss(step: int) -> Tensor:
        return -net.log_prob(pixels).mean()

    fit(net.parameters(), loss, steps=500, lr=1e-2, warmup=20, clip=1.0)
    with torch.no_grad():
        return float(loss(0))


def bars_and_stripes() -> Tensor:
    """Return the 30 patterns (30, 4, 4) of 0 and 1."""
    lines = torch.tensor(list(itertools.product((0, 1), repeat=SIDE)))
    bars = lines.unsqueeze(1).expand(-1, SIDE, -1)
    stripes = lines[1:-1].unsqueeze(2).expand(-1, -1, SIDE)  # all dark and all bright are bars already
    return torch.cat([bars, stripes])
