"""ParticleNet: edge convolutions on neighbourhoods that move with the features (Qu, Gouskos, arXiv:1902.08570)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.bricks.edgeconv import EdgeConv
from jetlego.bricks.feedforward import MLP
from jetlego.bricks.masks import set_mean
from jetlego.bricks.neighbours import NeighbourRule
from jetlego.bricks.norms import MaskedBatchNorm
from jetlego.bricks.registry import brick
from jetlego.models.inputs import angles_to_jet, constituents_of, momenta_of, packed_view

_TAKES = {"jets": "batch"}
_GIVES = {"logits": "logits[num_classes]"}


@brick("particle_net", takes=_TAKES, gives=_GIVES)
class ParticleNet(nn.Module):
    """Batch norm, edge convolutions, mean over the constituents, two linear layers.

    The first neighbourhood is in pseudorapidity and azimuth, each later one in the features before it. 366,160
    parameters with seven features and two classes.

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    channels
        Widths of the layers of each edge convolution.
    k
        Number of neighbours.
    hidden, dropout
        Of the layer before the last.
    fusion
        Width of a layer over the outputs of all edge convolutions together; None takes the last output.
    neighbours
        ``exact``, or ``weaver`` to reproduce networks trained there digit by digit.
    """

    def __init__(self, *, in_dim: int, num_classes: int,
                 channels: Sequence[Sequence[int]] = ((64, 64, 64), (128, 128, 128), (256, 256, 256)), k: int = 16,
                 hidden: int = 256, dropout: float = 0.1, fusion: int | None = None,
                 neighbours: NeighbourRule = "exact") -> None:  # fmt: skip
        super().__init__()
        self.input_norm = MaskedBatchNorm(in_dim=in_dim)
        widths = [in_dim, *(layers[-1] for layers in channels)]
        self.convs = nn.ModuleList(
            EdgeConv(in_dim=width, channels=layers, k=k, neighbours=neighbours)
            for width, layers in zip(widths, channels, strict=False)
        )
        self.fusion = nn.Linear(sum(widths[1:]), fusion, bias=False) if fusion else None
        self.fusion_norm = MaskedBatchNorm(in_dim=fusion) if fusion else None
        self.head = MLP(in_dim=fusion or widths[-1], hidden=[hidden], out_dim=num_classes, dropout=dropout)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        x, p4 = constituents_of(jets), momenta_of(jets)
        points = angles_to_jet(p4, jets.jet_ptr).to(x.dtype)
        return self.logits(x, points, **packed_view(jets))

    def logits(self, x: Tensor, points: Tensor, mask: Tensor | None = None, **packed: Any) -> Tensor:
        """Return logits (B, K) of features (B, N, F) and points (B, N, 2) with ``mask``, or packed with ``ptr``."""
        x = self.input_norm(x, mask)
        outputs = []
        for conv in self.convs:
            x = conv(x, mask, points, **packed)
            points = x
            outputs.append(x)
        if self.fusion is not None:
            x = torch.relu(self.fusion_norm(self.fusion(torch.cat(outputs, -1)), mask))
        return self.head(set_mean(x, mask, packed.get("ptr")))


@brick("particle_net_lite", takes=_TAKES, gives=_GIVES)
def particle_net_lite(*, in_dim: int, num_classes: int, k: int = 7, hidden: int = 128,
                      dropout: float = 0.1) -> nn.Module:  # fmt: skip
    """ParticleNet of two edge convolutions with 26,416 parameters (arXiv:1902.08570, section 3.2).

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    k, hidden, dropout
        As in ``particle_net``.
    """
    channels = ((32, 32, 32), (64, 64, 64))
    return ParticleNet(
        in_dim=in_dim, num_classes=num_classes, channels=channels, k=k, hidden=hidden, dropout=dropout
    )
