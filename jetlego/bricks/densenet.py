"""Densely connected networks: every layer of a block sees the outputs of all before it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jetlego.bricks.conv import Conv
from jetlego.bricks.padding import PaddingName, modes_of
from jetlego.bricks.registry import brick
from jetlego.bricks.resnet import Stem, StemName


class DenseBlock(nn.Module):
    """``x_l = H_l([x_0 .. x_{l-1}])``, H = norm, ReLU, 1x1 convolution to 4 k, norm, ReLU, 3x3 convolution to k."""

    def __init__(self, in_dim: int, growth: int, layers: int, *, bottleneck: int, padding: tuple[str, str],
                 dropout: float) -> None:  # fmt: skip
        super().__init__()
        narrow = bottleneck * growth
        self.out_dim = in_dim + layers * growth
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(width), nn.ReLU(), Conv(in_dim=width, out_dim=narrow, kernel=1, bias=False),
                nn.BatchNorm2d(narrow), nn.ReLU(), Conv(in_dim=narrow, out_dim=growth, bias=False, padding=padding),
                nn.Dropout(dropout),
            )
            for width in range(in_dim, self.out_dim, growth)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, in_dim + layers growth, H, W)."""
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


class Transition(nn.Sequential):
    """Norm, ReLU, 1x1 convolution to fewer channels; the mean over 2x2 pixels follows."""

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__(nn.BatchNorm2d(in_dim), nn.ReLU(), Conv(in_dim=in_dim, out_dim=out_dim, kernel=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim, H // 2, W // 2)."""
        return F.avg_pool2d(super().forward(x), 2)


@brick("densenet", takes={"x": "image[in_dim]"}, gives={"y": "vector[out_dim]"})
class DenseNet(nn.Module):
    """Dense blocks with transitions, the mean over pixels, one linear layer (Huang et al., arXiv:1608.06993).

    Parameters
    ----------
    in_dim, out_dim
        Channels that come in; width of the last layer, None to leave it out.
    growth, blocks
        Channels that each layer adds; layers of each block.
    compression
        Share of the channels that a transition keeps.
    bottleneck
        Width of the 1x1 convolutions in units of ``growth``.
    stem, padding
        As in ``resnet``; the stem gives twice the growth.
    dropout
        After each layer.
    recompute
        Compute each block again in the backward pass instead of keeping its copies, whose size grows with the square
        of its layers.

    Notes
    -----
    DenseNet-BC (k = 12, L = 100) for CIFAR-10: ``growth: 12, blocks: [16, 16, 16], stem: 3x3`` (769,162 parameters).
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, growth: int = 12,
                 blocks: Sequence[int] = (4, 4, 4), compression: float = 0.5, bottleneck: int = 4,
                 stem: StemName = "3x3", padding: PaddingName | Sequence[PaddingName] = "zeros", dropout: float = 0.0,
                 recompute: bool = False) -> None:  # fmt: skip
        super().__init__()
        if not blocks or not 0 < compression <= 1:
            raise ValueError("a densenet needs a block, and a compression above 0 and up to 1")
        modes, width = modes_of(padding), 2 * growth
        # with the 3x3 stem the first norm is that of the first layer (CIFAR form)
        whole = Stem(in_dim, width, stem, modes)
        self.stem = whole if stem == "7x7" else whole[0]
        self.recompute, self.map_dims = recompute, []
        self.strides = [whole.stride * 2**i for i in range(len(blocks))]
        self.blocks, self.transitions = nn.ModuleList(), nn.ModuleList()
        for index, layers in enumerate(blocks):
            if index > 0:
                self.transitions.append(Transition(width, int(width * compression)))
                width = int(width * compression)
            dense = DenseBlock(width, growth, layers, bottleneck=bottleneck, padding=modes, dropout=dropout)
            width = dense.out_dim
            self.blocks.append(dense)
            self.map_dims.append(width)
        self.norm = nn.BatchNorm2d(width)
        self.head = None if out_dim is None else nn.Linear(width, out_dim)
        self.out_dim = width if out_dim is None else out_dim
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Draw convolutions by He's rule for what comes in (arXiv:1502.01852); norms have started themselves."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the image after each block, finest first, the last one normalised and rectified."""
        x, maps = self.stem(x), []
        for index, block in enumerate(self.blocks):
            x = self.transitions[index - 1](x) if index > 0 else x
            x = checkpoint(block, x, use_reentrant=False) if self.recompute and self.training else block(x)
            maps.append(x)
        return [*maps[:-1], torch.relu(self.norm(x))]

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim) of ``x (B, in_dim, H, W)``."""
        y = self.features(x)[-1].mean((2, 3))
        return y if self.head is None else self.head(y)


@brick("densenet121", takes={"x": "image[in_dim]"}, gives={"y": "vector[out_dim]"})
def densenet121(*, in_dim: int, out_dim: int | None = None, stem: StemName = "7x7", recompute: bool = False,
                padding: PaddingName | Sequence[PaddingName] = "zeros") -> nn.Module:  # fmt: skip
    """DenseNet with 6, 12, 24, 16 layers of growth 32 (arXiv:1608.06993, table 1).

    7,978,856 parameters with 3 channels and 1000 classes.

    Parameters
    ----------
    in_dim, out_dim, stem, recompute, padding
        As in ``densenet``.
    """
    return DenseNet(in_dim=in_dim, out_dim=out_dim, growth=32, blocks=(6, 12, 24, 16), stem=stem, padding=padding,
                    recompute=recompute)  # fmt: skip
