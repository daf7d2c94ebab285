"""What further heads can learn from the jets themselves: targets made from four-momenta."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from jetlego.bricks.masks import Packing, per_item, segment_sum
from jetlego.bricks.scatter import grid_cells, owner_of, scatter_items
from jetlego.models.inputs import angles_to_jet, momenta_of, transverse

HALF_WIDTH = 0.8
"""Of the images, as in ``jet_assembly``."""

SOFT = 2.0
"""GeV below which a constituent counts as soft."""


class Target(NamedTuple):
    """A target, and where it counts (True), in the leading shape of the target."""

    value: Tensor
    mask: Tensor | None = None


def ln_mass(jets: Any, prediction: Tensor) -> Target:
    """Return (B, 1), ln(m / 60 GeV) / 0.6 of the sum of the constituents; m is at least 1 GeV."""
    total = segment_sum(momenta_of(jets).double(), jets.jet_ptr)
    square = total[:, 3] ** 2 - total[:, :3].square().sum(1)
    value = (0.5 * square.clamp(min=1.0).log() - torch.log(square.new_full((), 60.0))) / 0.6
    return Target(value.unsqueeze(1).to(prediction.dtype))


def soft_share(jets: Any, prediction: Tensor) -> Target:
    """Return (B, 1, H, W), the share of pT in each pixel that constituents below 2 GeV carry; empty pixels are out."""
    p4, shape = momenta_of(jets), prediction.shape
    pt = transverse(p4)
    columns = torch.stack([pt, pt * (pt < SOFT)], 1)
    owner = owner_of(p4, jets.jet_ptr)
    cell = grid_cells(angles_to_jet(p4, jets.jet_ptr), shape[2], shape[3], HALF_WIDTH)
    pixels = shape[2] * shape[3]
    place = (owner * pixels + cell).masked_fill(cell == pixels, shape[0] * pixels)
    image = scatter_items(columns, place, shape[0] * pixels).unflatten(0, (shape[0], 1, *shape[2:]))
    filled = image[..., 0] > 0
    return Target(image[..., 1] / image[..., 0].masked_fill(~filled, 1), filled)


def leading_peaks(jets: Any, prediction: Tensor) -> Target:
    """Return (B, 1, H, W), a peak of height 1 and width of one pixel on each of the three hardest constituents."""
    p4 = momenta_of(jets)
    packing = Packing.of(jets.jet_ptr, p4.shape[0], max(jets.max_constituents, 3))
    points = packing.pad(angles_to_jet(p4, jets.jet_ptr))
    hardest = packing.pad(transverse(p4)).topk(3, dim=1)
    points = points.gather(1, hardest.indices.unsqueeze(-1).expand(-1, -1, 2))
    return Target(peaks(points, hardest.values > 0, prediction))


def peaks(points: Tensor, there: Tensor, like: Tensor) -> Tensor:
    """Return (B, 1, H, W): ``max_k exp(-r_k^2 / 2)`` in pixels around the cells of ``points (B, K, 2)``.

    Points that are not ``there (B, K)``, or outside the frame, make no peak. A peak is exactly 1 in its cell.
    """
    height, width = like.shape[2:]
    cell = grid_cells(points, height, width, HALF_WIDTH)
    row, column = (torch.arange(n, device=points.device) for n in (height, width))
    place = cell.clamp(max=height * width - 1)
    far = ((row - (place // width).unsqueeze(-1)) ** 2).unsqueeze(-1) + (
        (column - (place % width).unsqueeze(-1)) ** 2
    ).unsqueeze(-2)  # (B, K, H, W)
    height_of = torch.exp(-0.5 * far.to(like.dtype))
    seen = there & (cell < height * width)
    return (height_of * seen.unsqueeze(-1).unsqueeze(-1)).amax(1, keepdim=True)


def hard_core(jets: Any, prediction: Tensor) -> Target:
    """Return (B, N), whether a constituent is one of the hardest that carry half of the jet's pT together."""
    p4 = momenta_of(jets)
    packing = Packing.of(jets.jet_ptr, p4.shape[0], prediction.shape[1])
    pt = transverse(p4)
    share = packing.pad(pt / per_item(segment_sum(pt, jets.jet_ptr), pt, jets.jet_ptr).clamp(min=1e-12))
    harder = (share.unsqueeze(1) * (share.unsqueeze(1) > share.unsqueeze(2))).sum(2)  # carried by harder ones
    return Target((harder < 0.5).to(prediction.dtype), packing.mask)


TARGETS: Mapping[str, Callable[[Any, Tensor], Target]] = MappingProxyType(
    {f.__name__: f for f in (ln_mass, soft_share, leading_peaks, hard_core)}
)
"""Name -> function of a ``JetBatch`` and of the prediction, whose size says that of the target."""
