"""Tasks of the nets on images, learned on shapes drawn on the fly."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.benchmark.accept.digits import score
from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.shapes import SHAPES, all_masks, dice, dice_coefficients, one_of_four
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
      gate={"dice loss": "<= 0.05", "gain of the skips": "> 0"}, minutes=5)  # fmt: skip
def learn_masks(seed: int) -> dict[str, float]:
    """Dice loss of the masks of six overlapping shapes, and how much worse it is with nothing handed across.

    The gain is that of nets which learn for as many steps, an eighth of those of the first. The loss, 0.115, still
    falls with the number of pictures (0.38 after a quarter of them). Some of it stays: one shape in 23 is more than
    half hidden behind brighter ones, one in 90 more than three quarters. The public figure is of upright shapes without
    noise, of which none is ever absent.
    """
    blind, seeing = (mask_loss(seed, skips=skips, steps=250) for skips in (False, True))
    return {"dice loss": mask_loss(seed, skips=True, steps=2000), "gain of the skips": blind - seeing}


def mask_loss(seed: int, *, skips: bool, steps: int) -> float:
    """Return the Dice loss on 500 new pictures, the mean over pictures and classes as in the public net's code.

    One third of the classes is absent from a picture. Such a class is right only if its 4096 probabilities sum to far
    less than one, which neither the Dice loss itself nor a mean over pixels demands while the sum is large; the
    logarithm of the Dice coefficient does.
    """
    spec = {"brick": "unet", "width": 16, "depth": 3, "norm": "batch", "skips": skips}
    net, rng = build(spec, seed=seed, in_dim=1, out_dim=len(SHAPES)).train(), generator(seed)
    torch.nn.init.constant_(net.last.bias, -4.0)  # a class covers few pixels
    net = net.to(memory_format=torch.channels_last)  # with bfloat16 twice as fast on recent processors

    def answer(picture: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return net(picture.contiguous(memory_format=torch.channels_last)).float()

    def loss(step: int) -> Tensor:
        picture, masks = all_masks(rng, 8)
        logits = answer(picture)
        pixels = F.binary_cross_entropy_with_logits(logits, masks)
        return 10.0 * (1.0 - step / steps) * pixels - dice_coefficients(logits, masks).log().mean()

    fit(net.parameters(), loss, steps=steps, lr=5e-3, warmup=20)
    picture, masks = all_masks(generator(seed + 1000), 500)
    with torch.no_grad():
        net.eval()
        logits = torch.cat([answer(part) for part in picture.split(50)])
    return float(dice(logits, masks))
