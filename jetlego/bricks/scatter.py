"""Items painted on a grid, and a grid read at the places of items."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.constants import constants
from jetlego.bricks.masks import blank, segment_index
from jetlego.bricks.registry import brick

HowName = Literal["add", "mean", "max"]

_ALONG = {"x": "set[in_dim]", "points": "along[point_dim]"}
_BOTH = ("padded", "packed")


def grid_cells(points: Tensor, height: int, width: int, half_width: float) -> Tensor:
    """Return the cell (...,) int64 of ``points (..., 2)`` in a grid, row by row; ``height * width`` for those outside.

    The grid reaches from ``-half_width`` to ``half_width`` along both axes.
    """
    count = constants((height, width), points)
    place = ((points + half_width) * (count / (2 * half_width))).floor()
    inside = ((place >= 0) & (place < count)).all(-1)
    return (place[..., 0] * width + place[..., 1]).masked_fill(~inside, height * width).long()


def scatter_items(x: Tensor, place: Tensor, total: int, *, how: HowName = "add") -> Tensor:
    """Return (total, D): rows of ``x (P, D)`` that go to the same ``place (P,)`` added, averaged or maximised.

    Places from ``total`` on are left out; a place without rows is zero. Adding is the adjoint of reading:
    ``<scatter(x), m> = <x, gather(m)>``.
    """
    rows = place.clamp(max=total)
    empty = x.new_zeros(total + 1, x.shape[1])
    if how == "max":
        found = empty.scatter_reduce(0, rows.unsqueeze(1).expand_as(x), x, "amax", include_self=False)
        return found[:total]
    summed = empty.index_add(0, rows, x)[:total]
    if how == "add":
        return summed
    count = x.new_zeros(total + 1).index_add(0, rows, torch.ones_like(x[:, 0]))[:total]
    return summed / count.clamp(min=1).unsqueeze(1)


def gather_items(image: Tensor, owner: Tensor, cell: Tensor) -> Tensor:
    """Return (P, C), the pixel of ``image (B, C, H, W)`` at ``cell (P,)`` of picture ``owner (P,)``; zero outside."""
    pixels = image.flatten(2).mT.reshape(-1, image.shape[1])  # (B H W, C)
    size = image.shape[2] * image.shape[3]
    outside = cell >= size
    found = pixels.index_select(0, (owner * size + cell).masked_fill(outside, 0))
    return found.masked_fill(outside.unsqueeze(1), 0)


def owner_of(x: Tensor, ptr: Tensor | None) -> Tensor:
    """Return (P,) int64: the picture of each item, packed with ``ptr`` or padded (B, N, ...) and flattened."""
    if ptr is not None:
        return segment_index(ptr, x.shape[0])
    return torch.arange(x.shape[0], device=x.device).unsqueeze(1).expand(x.shape[:2]).flatten()


@brick("scatter_connection", takes=_ALONG, gives={"y": "image[out_dim]"}, views=_BOTH, paper="Nature 575, 350")
class ScatterConnection(nn.Module):
    """Paint what a network knows of each item at its place: ``map[:, y_i, x_i] += W e_i`` (Nature 575 (2019) 350).

    Axis 2 of the map is eta, axis 3 phi; items outside the frame are left out, :meth:`outside` counts them.

    Parameters
    ----------
    in_dim, out_dim
        Widths of the items and of the map.
    size, half_width
        Cells along each axis; the frame reaches from ``-half_width`` to ``half_width``.
    how
        What becomes of items in one cell: ``add``, ``mean`` or ``max``.

    Notes
    -----
    Embeddings are painted, not pT: that is ``pixelise``. The order in which items of one cell are added is not fixed
    on a GPU, so the last digits are not either.
    """

    point_dim = 2

    def __init__(self, *, in_dim: int, out_dim: int = 16, size: int = 32, half_width: float = 0.8,
                 how: HowName = "add") -> None:  # fmt: skip
        super().__init__()
        if size < 1 or half_width <= 0:
            raise ValueError("size and half_width must be positive")
        self.out_dim, self.size, self.half_width, self.how = out_dim, size, half_width, how
        self.map = nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, x: Tensor, points: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None) -> Tensor:
        """Return (B, out_dim, size, size) of ``x (B, N, in_dim)`` and ``points (B, N, 2)``, or packed with ``ptr``."""
        count = x.shape[0] if ptr is None else ptr.shape[0] - 1
        cell = self._cells(points, mask)
        pixels = self.size**2
        place = (owner_of(x, ptr) * pixels + cell).masked_fill(cell == pixels, count * pixels)
        values = self.map(blank(x, mask)).reshape(-1, self.out_dim)
        image = scatter_items(values, place, count * pixels, how=self.how)
        return image.unflatten(0, (count, self.size, self.size)).permute(0, 3, 1, 2)

    def outside(self, points: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the number () of real items outside the frame, over the whole batch."""
        lost = (self._cells(points, None) == self.size**2).reshape(points.shape[:-1])
        return (lost if mask is None else lost & mask).sum()

    def _cells(self, points: Tensor, mask: Tensor | None) -> Tensor:
        cell = grid_cells(blank(points, mask), self.size, self.size, self.half_width)
        return (cell if mask is None else cell.masked_fill(~mask, self.size**2)).flatten()


@brick("gather_connection", takes={**_ALONG, "image": "image[image_dim]"}, gives={"y": "set[out_dim]"}, views=_BOTH)
class GatherConnection(nn.Module):
    """Read a map at the place of each item, ``[x_i; map[:, y_i, x_i]]``: the way back of ``scatter_connection``.

    Parameters
    ----------
    in_dim, image_dim
        Widths of the items and of the map.
    half_width
        The map reaches from ``-half_width`` to ``half_width``, whatever its number of cells; zeros are read outside.
    """

    point_dim = 2

    def __init__(self, *, in_dim: int, image_dim: int, half_width: float = 0.8) -> None:
        super().__init__()
        if half_width <= 0:
            raise ValueError("half_width must be positive")
        self.image_dim, self.out_dim, self.half_width = image_dim, in_dim + image_dim, half_width

    def forward(self, x: Tensor, points: Tensor, image: Tensor, mask: Tensor | None = None, *,
                ptr: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, N, out_dim) of ``x (B, N, in_dim)`` and ``image (B, image_dim, H, W)``, or packed with ``ptr``."""
        x, points = blank(x, mask), blank(points, mask)
        cell = grid_cells(points, image.shape[2], image.shape[3], self.half_width).flatten()
        read = gather_items(image, owner_of(x, ptr), cell).reshape(*x.shape[:-1], self.image_dim)
        return blank(torch.cat([x, read], -1), mask)
