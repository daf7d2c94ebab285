"""Frames: a rotation and an origin for each item, and how a network moves them.

A frame ``T = (R, t)`` maps local points to global ones, ``T x = R x + t``. Rotations come from quaternions
``(1, b, c, d) / norm``, which never turn by half a circle at once and start as the identity. Frames are kept in
float32 or better: products of rotations drift in half precision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import at_least_float32, blank
from jetlego.bricks.registry import brick

_FRAMES_IN = {"rotation": "along", "origin": "along"}
_FRAMES_OUT = {"rotation": "set", "origin": "set"}


def rotation_of(vector: Tensor) -> Tensor:
    """Return rotations (..., 3, 3) of the quaternions ``(1, b, c, d) / norm``, ``vector (..., 3)`` = (b, c, d)."""
    b, c, d = (vector * (1 + vector.square().sum(-1, keepdim=True)).rsqrt()).unbind(-1)
    a = (1 + vector.square().sum(-1)).rsqrt()
    rows = [
        a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c),
        2 * (b * c + a * d), a * a - b * b + c * c - d * d, 2 * (c * d - a * b),
        2 * (b * d - a * c), 2 * (c * d + a * b), a * a - b * b - c * c + d * d,
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def to_global(rotation: Tensor, origin: Tensor, points: Tensor) -> Tensor:
    """Return ``R x + t`` of local points (..., P, 3) in frames (..., 3, 3) and (..., 3)."""
    return points @ rotation.mT + origin.unsqueeze(-2)


def to_local(rotation: Tensor, origin: Tensor, points: Tensor) -> Tensor:
    """Return ``R^T (x - t)`` of global points (..., P, 3): the inverse of :func:`to_global`."""
    return (points - origin.unsqueeze(-2)) @ rotation


def at_origin(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return identity frames at the origin for items ``like (B, N, D)``: rotations (B, N, 3, 3), origins (B, N, 3)."""
    wide = at_least_float32(like.new_zeros(()))
    eye = torch.eye(3, dtype=wide.dtype, device=like.device)
    return eye.expand(*like.shape[:2], 3, 3), wide.expand(*like.shape[:2], 3)


@brick("frames", takes={"x": "set[in_dim]", **_FRAMES_IN}, gives=_FRAMES_OUT, paper="Nature 596, 583")
class FrameUpdate(nn.Module):
    """``T_i <- T_i o dT_i`` with ``dT_i`` linear in the item's features (supplement, algorithm 23).

    A common rigid motion of the frames moves the result along.

    Parameters
    ----------
    in_dim
        Width of the items.
    """

    def __init__(self, *, in_dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(in_dim, 6)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start small, so that frames start near where they were."""
        nn.init.normal_(self.map.weight, std=0.02, generator=generator)
        nn.init.zeros_(self.map.bias)

    def forward(self, x: Tensor, rotation: Tensor, origin: Tensor,
                mask: Tensor | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return rotations (B, N, 3, 3) and origins (B, N, 3), zero for padded items."""
        rotation, origin = blank(rotation, mask), blank(origin, mask)
        step = self.map(blank(x, mask)).to(origin.dtype)
        with torch.autocast(x.device.type, enabled=False):
            origin = to_global(rotation, origin, step[..., None, 3:]).squeeze(-2)
            rotation = rotation @ rotation_of(step[..., :3])
        return blank(rotation, mask), blank(origin, mask)
