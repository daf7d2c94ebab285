"""Residual networks on images, with one channel or many, and padding by axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.conv import Conv
from jetlego.bricks.padding import PaddingName, modes_of, pad_image
from jetlego.bricks.registry import brick
from jetlego.bricks.residual import Residual

StemName = Literal["7x7", "3x3"]


class Stem(nn.Sequential):
    """The first layer: ``7x7`` with stride 2 and a maximum of stride 2 behind it, or ``3x3`` with stride 1."""

    def __init__(self, in_dim: int, out_dim: int, kind: str, padding: tuple[str, str]) -> None:
        if kind not in ("7x7", "3x3"):
            raise ValueError(f"no stem '{kind}'; valid: 7x7, 3x3")
        big = kind == "7x7"
        conv = Conv(in_dim=in_dim, out_dim=out_dim, kernel=7 if big else 3, stride=2 if big else 1, bias=False,
                    padding=padding)  # fmt: skip
        super().__init__(conv, nn.BatchNorm2d(out_dim), nn.ReLU(), *[_Halve(padding)] * big)
        self.stride = 4 if big else 1


class _Halve(nn.Module):
    """Maximum over 3x3 windows with stride 2, each axis closed as it is."""

    def __init__(self, modes: tuple[str, str]) -> None:
        super().__init__()
        self.modes = modes

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, ceil(H / 2), ceil(W / 2))."""
        if self.modes == ("zeros", "zeros"):
            return F.max_pool2d(x, 3, 2, padding=1)  # pads with -infinity; after a ReLU zeros are as good
        return F.max_pool2d(pad_image(x, (2, 2), self.modes), 3, 2)


class PaddedShortcut(nn.Module):
    """Every second pixel, and zeros for the further channels: a shortcut without parameters (arXiv:1512.03385, A)."""

    def __init__(self, in_dim: int, out_dim: int, stride: int) -> None:
        super().__init__()
        self.more, self.stride = out_dim - in_dim, stride

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim, ceil(H / s), ceil(W / s))."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


def basic_block(in_dim: int, out_dim: int, stride: int, *, padding: tuple[str, str], zero_init: bool,
                shortcut: str) -> nn.Sequential:  # fmt: skip
    """Return ``relu(shortcut(x) + bn(conv3(relu(bn(conv3(x))))))``, the first convolution with the stride."""
    how = {"padding": padding, "bias": False}
    body = nn.Sequential(
        Conv(in_dim=in_dim, out_dim=out_dim, stride=stride, **how), nn.BatchNorm2d(out_dim), nn.ReLU(),
        Conv(in_dim=out_dim, out_dim=out_dim, **how), nn.BatchNorm2d(out_dim),
    )  # fmt: skip
    way: nn.Module | None = None
    if stride > 1 or in_dim != out_dim:
        way = PaddedShortcut(in_dim, out_dim, stride) if shortcut == "pad" else nn.Sequential(
            Conv(in_dim=in_dim, out_dim=out_dim, kernel=1, stride=stride, bias=False), nn.BatchNorm2d(out_dim)
        )  # fmt: skip
    return nn.Sequential(Residual(in_dim=in_dim, out_dim=out_dim, body=body, shortcut=way, zero_init=zero_init),
                         nn.ReLU())  # fmt: skip


@brick("resnet", takes={"x": "image[in_dim]"}, gives={"y": "vector[out_dim]"})
class ResNet(nn.Module):
    """Residual network of basic blocks, the mean over pixels, one linear layer (He et al., arXiv:1512.03385).

    Stage i has ``blocks[i]`` blocks of ``width 2^i`` channels; every stage but the first halves the image.

    Parameters
    ----------
    in_dim, out_dim
        Channels that come in; width of the last layer, None to leave it out.
    width, blocks
        Channels of the first stage; blocks of each.
    stem
        ``7x7`` with stride 4 in all, or ``3x3`` with stride 1 for small images.
    padding
        As in ``conv``.
    shortcut
        Where a stage begins: ``project`` (1x1 convolution and norm) or ``pad`` (no parameters, as in the paper's nets
        for CIFAR-10).
    zero_init
        Start every block as its shortcut.

    Notes
    -----
    Depth 20 for CIFAR-10: ``width: 16, blocks: [3, 3, 3], stem: 3x3, shortcut: pad`` (269,722 parameters). Batch norm
    in training needs more than one pixel in the batch at the last stage.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, width: int = 16,
                 blocks: Sequence[int] = (2, 2, 2, 2), stem: StemName = "3x3",
                 padding: PaddingName | Sequence[PaddingName] = "zeros",
                 shortcut: Literal["project", "pad"] = "project", zero_init: bool = True) -> None:  # fmt: skip
        super().__init__()
        if not blocks or min(blocks) < 1:
            raise ValueError("blocks must name one or more blocks a stage")
        modes = modes_of(padding)
        self.stem = Stem(in_dim, width, stem, modes)
        self.map_dims = [width * 2**i for i in range(len(blocks))]
        self.strides = [self.stem.stride * 2**i for i in range(len(blocks))]
        self.stages, last = nn.ModuleList(), width
        for stage, (count, dim) in enumerate(zip(blocks, self.map_dims, strict=True)):
            parts = []
            for index in range(count):
                step = 2 if stage > 0 and index == 0 else 1
                parts.append(basic_block(last, dim, step, padding=modes, zero_init=zero_init, shortcut=shortcut))
                last = dim
            self.stages.append(nn.Sequential(*parts))
        self.head = None if out_dim is None else nn.Linear(last, out_dim)
        self.out_dim = last if out_dim is None else out_dim
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Draw convolutions by He's rule for what comes out (arXiv:1502.01852); norms have started themselves."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the image after each stage, finest first; ``map_dims`` and ``strides`` describe them."""
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim) of ``x (B, in_dim, H, W)``."""
        y = self.features(x)[-1].mean((2, 3))
        return y if self.head is None else self.head(y)


@brick("resnet34", takes={"x": "image[in_dim]"}, gives={"y": "vector[out_dim]"})
def resnet34(*, in_dim: int, out_dim: int | None = None, stem: StemName = "7x7",
             padding: PaddingName | Sequence[PaddingName] = "zeros") -> nn.Module:  # fmt: skip
    """ResNet with 3, 4, 6, 3 blocks of 64 to 512 channels (arXiv:1512.03385, table 1).

    21,797,672 parameters with 3 channels and 1000 classes.

    Parameters
    ----------
    in_dim, out_dim, stem, padding
        As in ``resnet``.
    """
    return ResNet(in_dim=in_dim, out_dim=out_dim, width=64, blocks=(3, 4, 6, 3), stem=stem, padding=padding)
