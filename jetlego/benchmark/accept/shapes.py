"""Pictures of shapes, drawn on the fly: six outlines at any place, size and angle, with overlap and noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SHAPES = ("disc", "square", "triangle", "ring", "frame", "cross")
_SIN = math.sin(2 * math.pi / 3)


def drawn(rng: torch.Generator, kind: Tensor, *, size: int, radius: tuple[float, float]) -> Tensor:
    """Return (n, size, size) bool, the shape ``kind (n,)`` of each picture at a random place, size and angle."""
    count = len(kind)
    place = torch.rand(count, 2, generator=rng) * (size - 2 * radius[0]) + radius[0]
    reach = (radius[0] + (radius[1] - radius[0]) * torch.rand(count, generator=rng)).reshape(-1, 1, 1)
    angle = 2 * math.pi * torch.rand(count, generator=rng).reshape(-1, 1, 1)
    line = torch.arange(size) + 0.5
    x, y = line.reshape(1, -1, 1) - place[:, 0].reshape(-1, 1, 1), line - place[:, 1].reshape(-1, 1, 1)
    along, across = (x * angle.cos() + y * angle.sin()) / reach, (y * angle.cos() - x * angle.sin()) / reach
    inside = torch.empty(count, size, size, dtype=torch.bool)
    for index, name in enumerate(SHAPES):
        mine = kind == index
        inside[mine] = outline(name, along[mine], across[mine])
    return inside


def outline(name: str, u: Tensor, v: Tensor) -> Tensor:
    """Return where (u, v), in units of the radius, lies in one of :data:`SHAPES`."""
    if name in ("disc", "ring"):
        far = u.square() + v.square()
        return far < 1 if name == "disc" else (far < 1) & (far > 0.36)
    if name == "triangle":
        half = -0.5 * u  # the three sides have their normals at 0, 120 and 240 degrees
        return (u < 0.5) & (half + _SIN * v < 0.5) & (half - _SIN * v < 0.5)
    block = torch.maximum(u.abs(), v.abs())
    if name == "cross":
        return (block < 1) & (torch.minimum(u.abs(), v.abs()) < 0.25)
    return block < 0.8 if name == "square" else (block < 0.8) & (block > 0.45)


def one_of_four(rng: torch.Generator, count: int, size: int = 32) -> tuple[Tensor, Tensor]:
    """Return pictures (n, 1, 32, 32) and the kind (n,) of the brightest shape: disc, square, triangle or ring.

    A second, fainter shape of any of the four kinds may overlap it; noise of 0.15 everywhere.
    """
    label, other = torch.randint(4, (2, count), generator=rng)
    bright, faint = 0.7 + 0.3 * torch.rand(count, generator=rng), 0.1 + 0.2 * torch.rand(count, generator=rng)
    radius = (size * 0.16, size * 0.3)
    first, second = (drawn(rng, kind, size=size, radius=radius).float() for kind in (label, other))
    picture = torch.maximum(first * bright.reshape(-1, 1, 1), second * faint.reshape(-1, 1, 1))
    return (picture + 0.15 * torch.randn(picture.shape, generator=rng)).unsqueeze(1), label


def all_masks(rng: torch.Generator, count: int, size: int = 64) -> tuple[Tensor, Tensor]:
    """Return pictures (n, 1, 64, 64) and masks (n, 6, 64, 64): each kind is there with probability 2/3; noise of 0.1.

    Shapes overlap: the brightest is seen, the masks are whole.
    """
    kinds = len(SHAPES)
    there = torch.rand(count, kinds, generator=rng) < 2 / 3
    kind = torch.arange(kinds).repeat(count)
    masks = drawn(rng, kind, size=size, radius=(size * 0.1, size * 0.18)).unflatten(0, (count, kinds))
    masks = masks & there.reshape(count, kinds, 1, 1)
    bright = 0.5 + 0.5 * torch.rand(count, kinds, 1, 1, generator=rng)
    picture = (masks * bright).amax(1)
    return (picture + 0.1 * torch.randn(picture.shape, generator=rng)).unsqueeze(1), masks.float()


def dice(logits: Tensor, masks: Tensor) -> Tensor:
    """Return one minus the soft Dice coefficient, the mean over pictures and classes."""
    return (1 - dice_coefficients(logits, masks)).mean()


def dice_coefficients(logits: Tensor, masks: Tensor) -> Tensor:
    """Return ``(2 sum p q + 1) / (sum p + sum q + 1)`` of each picture and class, (B, C).

    The ones make an absent class that is not found count as right.
    """
    p, q = logits.sigmoid().flatten(2), masks.flatten(2)
    return (2 * (p * q).sum(-1) + 1) / (p.sum(-1) + q.sum(-1) + 1)
