"""Jet images: constituents summed on a grid around the jet's axis, seen by a network for pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.convert import Pixelise
from jetlego.bricks.masks import per_item, segment_sum
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick
from jetlego.models.inputs import angles_to_jet, constituents_of, momenta_of, transverse

Channel = Literal["pt", "count", "features"]
_FAINT = 1e-3
"""Share of the jet's pT below which a pixel counts as faint: ln(1 + z / this) is linear below and a logarithm above."""


@brick("jet_image", takes={"jets": "batch"}, gives={"logits": "logits[num_classes]"})
class JetImageTagger(nn.Module):
    """``net(image of the jet)`` (arXiv:1511.05190; with a residual net arXiv:1902.09914).

    Pixels hold ``ln(1 + z / 0.001)`` scaled to one at z = 1, with z the share of the jet's pT that falls there; the
    number of constituents, ``ln(1 + n)``; and the sum of their features weighted by their share of pT.

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    net
        From the image to logits.
    channels
        Some of ``pt``, ``count``, ``features``.
    size, half_width
        Pixels along each axis; the image reaches from ``-half_width`` to ``half_width`` around the jet's axis.

    Notes
    -----
    Neither turned nor flipped: convolution knows translations alone, so let the training sample be large, or turn jets
    on the way in. Constituents outside the frame are not seen.
    """

    def __init__(self, *, in_dim: int, num_classes: int, net: Annotated[Part, "image -> vector"] = "resnet",
                 channels: Sequence[Channel] = ("pt", "count", "features"), size: int = 32,
                 half_width: float = 0.8) -> None:  # fmt: skip
        super().__init__()
        known = {"pt": 1, "count": 1, "features": in_dim}
        if not channels or not {*channels} <= known.keys():
            raise ValueError(f"channels must be some of {', '.join(known)}, not {list(channels)}")
        self.channels = tuple(channels)
        self.pixelise = Pixelise(in_dim=sum(known[c] for c in channels), size=size, half_width=half_width)
        self.net = fit(net, in_dim=self.pixelise.out_dim, out_dim=num_classes)

    def image(self, jets: Any) -> Tensor:
        """Return the images (B, C, size, size) of a ``JetBatch``."""
        p4, ptr = momenta_of(jets), jets.jet_ptr
        pt = transverse(p4)
        share = (pt / per_item(segment_sum(pt, ptr), pt, ptr).clamp(min=1e-12)).unsqueeze(1)
        columns = {"pt": share, "count": torch.ones_like(share)}
        if "features" in self.channels:
            columns["features"] = share * constituents_of(jets).to(share.dtype)
        image = self.pixelise(torch.cat([columns[c] for c in self.channels], 1), angles_to_jet(p4, ptr), ptr=ptr)
        widths = [columns[c].shape[1] for c in self.channels]
        parts = zip(self.channels, image.split(widths, 1), strict=True)
        return torch.cat([_scaled(channel, part) for channel, part in parts], 1)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        return self.net(self.image(jets))


def _scaled(channel: str, image: Tensor) -> Tensor:
    if channel == "pt":
        return torch.log1p(image / _FAINT) / math.log1p(1 / _FAINT)
    return torch.log1p(image) if channel == "count" else image
