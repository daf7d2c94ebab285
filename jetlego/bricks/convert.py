"""Adapters between the kinds: a vector to each item, items to an image, an image to patches, a set put in order."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import Packing, blank, per_item, segment_index
from jetlego.bricks.registry import brick


@brick(
    "broadcast",
    takes={"x": "set[in_dim]", "vector": "vector[vector_dim]"},
    gives={"y": "set[out_dim]"},
    views=("padded", "packed"),
)
class Broadcast(nn.Module):
    """Give every item of a set the vector of its set: ``[x_i; v]`` or ``x_i + W v``.

    Parameters
    ----------
    in_dim, vector_dim
        Widths of the items and of the vector.
    how
        ``concat`` or ``add``.
    """

    def __init__(self, *, in_dim: int, vector_dim: int, how: Literal["concat", "add"] = "concat") -> None:
        super().__init__()
        self.vector_dim, self.how = vector_dim, how
        self.out_dim = in_dim + vector_dim if how == "concat" else in_dim
        self.map = nn.Linear(vector_dim, in_dim) if how == "add" else None

    def forward(self, x: Tensor, vector: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None) -> Tensor:
        """Return (B, N, out_dim) of ``x (B, N, in_dim)`` and ``vector (B, vector_dim)``, or (P, out_dim)."""
        x = blank(x, mask)
        if self.map is not None:
            return blank(x + per_item(self.map(vector), x, ptr), mask)
        return blank(torch.cat([x, per_item(vector, x, ptr)], -1), mask)


@brick(
    "pixelise",
    takes={"x": "set[in_dim]", "points": "along[point_dim]"},
    gives={"y": "image[out_dim]"},
    views=("padded", "packed"),
)
class Pixelise(nn.Module):
    """Sum of the items in each cell of a square grid in (eta, phi): a jet image (arXiv:1511.05190).

    Axis 2 of the image is eta, axis 3 phi, both growing; items outside the frame are left out.

    Parameters
    ----------
    in_dim
        Channels: what is summed, such as pT.
    size
        Cells along each axis.
    half_width
        The frame reaches from ``-half_width`` to ``half_width`` around the jet's axis.
    """

    point_dim = 2

    def __init__(self, *, in_dim: int, size: int = 64, half_width: float = 0.8) -> None:
        super().__init__()
        if size < 1 or half_width <= 0:
            raise ValueError("size and half_width must be positive")
        self.out_dim, self.size, self.half_width = in_dim, size, half_width

    def forward(self, x: Tensor, points: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None) -> Tensor:
        """Return (B, in_dim, size, size) of ``x (B, N, in_dim)`` and ``points (B, N, 2)``, or packed with ``ptr``."""
        x, points = blank(x, mask), blank(points, mask)
        num_sets = x.shape[0] if ptr is None else ptr.shape[0] - 1
        owner = (
            torch.arange(num_sets, device=x.device).unsqueeze(1).expand(x.shape[:2])
            if ptr is None
            else segment_index(ptr, x.shape[0])
        )
        cell = ((points + self.half_width) * (self.size / (2 * self.half_width))).floor()
        inside = ((cell >= 0) & (cell < self.size)).all(-1)
        cell = cell.masked_fill(~inside.unsqueeze(-1), 0).long()
        place = (owner * self.size + cell[..., 0]) * self.size + cell[..., 1]
        values = x.masked_fill(~inside.unsqueeze(-1), 0).reshape(-1, x.shape[-1])
        image = values.new_zeros(num_sets * self.size**2, x.shape[-1]).index_add(0, place.flatten(), values)
        return image.unflatten(0, (num_sets, self.size, self.size)).permute(0, 3, 1, 2)


@brick(
    "order",
    takes={"x": "set[in_dim]", "key": "weight"},
    gives={"y": "sequence[out_dim]"},
    views=("padded", "packed"),
)
class Order(nn.Module):
    """Put the items of a set in order of a key; equal keys keep their order.

    Parameters
    ----------
    in_dim
        Width of the items.
    descending
        Largest key first.
    """

    def __init__(self, *, in_dim: int, descending: bool = True) -> None:
        super().__init__()
        self.out_dim, self.descending = in_dim, descending

    def forward(self, x: Tensor, key: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None,
                n_max: int = 0) -> Tensor:  # fmt: skip
        """Return ``x (B, N, in_dim)`` in order of ``key (B, N)``, or packed; padding stays at the end."""
        if ptr is not None:
            packing = Packing.of(ptr, x.shape[0], n_max)
            return packing.unpad(self.forward(packing.pad(x), packing.pad(key), packing.mask))
        x = blank(x, mask)
        return x.gather(1, self.order(key, mask).unsqueeze(-1).expand_as(x))

    def order(self, key: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, N) int64: which item stands at each place; ``argsort`` of it is the way back."""
        key = -key if self.descending else key
        if mask is not None:
            key = key.masked_fill(~mask, torch.inf)
        return key.argsort(dim=1, stable=True)


@brick("patches", takes={"x": "image[in_dim]"}, gives={"y": "sequence[out_dim]"})
class Patches(nn.Module):
    """Cut an image into square patches, each mapped to a vector: an image as a sequence (arXiv:2010.11929, eq. 1).

    Parameters
    ----------
    in_dim
        Channels of the image.
    size
        Side of a patch; image sides that it does not divide are padded with zeros at their ends.
    out_dim
        Width of the vectors.
    """

    def __init__(self, *, in_dim: int, size: int = 8, out_dim: int = 64) -> None:
        super().__init__()
        self.size, self.out_dim = size, out_dim
        self.map = nn.Linear(in_dim * size**2, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, patches, out_dim) of ``x (B, in_dim, H, W)``, row by row."""
        short = [(-side) % self.size for side in x.shape[2:]]
        x = nn.functional.pad(x, (0, short[1], 0, short[0]))
        cut = x.unflatten(3, (-1, self.size)).unflatten(2, (-1, self.size))  # (B, C, R, s, Q, s)
        return self.map(cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2))


@brick("flatten", takes={"x": "image[in_dim]"}, gives={"y": "vector[out_dim]"})
class Flatten(nn.Module):
    """Lay the pixels of an image of known size side by side.

    Parameters
    ----------
    in_dim
        Channels of the image.
    height, width
        Its size.
    """

    def __init__(self, *, in_dim: int, height: int, width: int) -> None:
        super().__init__()
        self.out_dim = in_dim * height * width

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, in_dim H W) of ``x (B, in_dim, H, W)``."""
        return x.flatten(1)
