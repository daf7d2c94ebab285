"""Tasks of the nets on images, learned on shapes drawn on the fly."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.benchmark.accept.digits import score
from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.shapes import SHAPES, all_masks, dice, one_of_four
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build
from jetlego.losses import cross_entropy


def shape_accuracy(spec: Any, seed: int, *, steps: int, lr: float) -> float:
    """Return the share of 2000 new pictures whose brightest shape a net names right."""
    net, rng = build(spec, seed=seed, in_dim=1, out_dim=4).train(), generator(seed)

    def loss(step: int) -> Tensor:
        picture, label = one_of_four(rng, 64)
        return cross_entropy(net(picture), label)

    fit(net.parameters(), loss, steps=steps, lr=lr, warmup=20)
    return score(net, *one_of_four(generator(seed + 1000), 2000))


@task("resnet", published=None, source="none for these pictures; arXiv:1512.03385: 8.75 % error on CIFAR-10 with 20 "
      "layers (unverified)", gate=">= 0.97", minutes=3, figure="accuracy")  # fmt: skip
def learn_shapes_residual(seed: int) -> float:
    """Accuracy of a ResNet of width 8 on four shapes with a second one across.

    300 steps gave 0.970, which is the gate itself.
    """
    return shape_accuracy({"brick": "resnet", "width": 8, "blocks": [1, 1, 1]}, seed, steps=450, lr=1e-2)


@task("densenet", published=None, source="none for these pictures; arXiv:1608.06993: 4.51 % error on CIFAR-10+ "
      "(unverified)", gate=">= 0.97", minutes=3, figure="accuracy")  # fmt: skip
def learn_shapes_dense(seed: int) -> float:
    """Accuracy of a DenseNet of growth 8 on four shapes with a second one across."""
    return shape_accuracy({"brick": "densenet", "growth": 8, "blocks": [2, 2, 2]}, seed, steps=250, lr=1e-2)


@task("unet", published={"dice loss": 0.031, "gain of the skips": None},
      source="public U-Net with an 18-layer encoder on six shapes of 192 pixels, 60 epochs",
      gate={"dice loss": "<= 0.05", "gain of the skips": "> 0"}, minutes=4)  # fmt: skip
def learn_masks(seed: int) -> dict[str, float]:
    """Dice loss of the masks of six overlapping shapes, and how much worse it is with nothing handed across.

    In so few steps it reaches 0.46 (0.37 if no shape is ever absent; an absent class counts as found only if its 4096
    probabilities sum to far less than one).
    """
    whole, blind = (mask_loss(seed, skips=skips) for skips in (True, False))
    return {"dice loss": whole, "gain of the skips": blind - whole}


def mask_loss(seed: int, *, skips: bool) -> float:
    """Return the Dice loss on 500 new pictures."""
    spec = {"brick": "unet", "width": 8, "depth": 3, "norm": "batch", "skips": skips}
    net, rng = build(spec, seed=seed, in_dim=1, out_dim=len(SHAPES)).train(), generator(seed)

    def loss(step: int) -> Tensor:
        picture, masks = all_masks(rng, 16)
        logits = net(picture)
        return F.binary_cross_entropy_with_logits(logits, masks) + dice(logits, masks)

    fit(net.parameters(), loss, steps=350, lr=1e-2, warmup=20)
    picture, masks = all_masks(generator(seed + 1000), 500)
    with torch.no_grad():
        net.eval()
        logits = torch.cat([net(part) for part in picture.split(50)])
    return float(dice(logits, masks))
