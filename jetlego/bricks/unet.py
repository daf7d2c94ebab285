"""U-Net: down to coarse images and up again, with each scale handed across."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.conv import Conv, ImageNorm, image_norm
from jetlego.bricks.padding import PaddingName, amounts, modes_of, pad_image
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions, each with norm and ReLU."""

    def __init__(self, in_dim: int, out_dim: int, norm: str | None, padding: tuple[str, str]) -> None:
        layers: list[nn.Module] = []
        for width in (in_dim, out_dim):
            conv = Conv(in_dim=width, out_dim=out_dim, padding=padding, bias=norm is None)
            layers += [conv, image_norm(norm, out_dim), nn.ReLU()]
        super().__init__(*layers)


class Contract(nn.Module):
    """The way down: a double convolution a scale, the maximum over 2x2 pixels between."""

    def __init__(self, in_dim: int, widths: Sequence[int], norm: str | None, padding: tuple[str, str]) -> None:
        super().__init__()
        self.map_dims, self.strides = list(widths), [2**i for i in range(len(widths))]
        self.scales = nn.ModuleList(DoubleConv(a, b, norm, padding) for a, b in pairwise([in_dim, *widths]))

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the image at each scale, finest first."""
        maps = []
        for scale in self.scales:
            x = scale(F.max_pool2d(maps[-1], 2) if maps else x)
            maps.append(x)
        return maps


@brick("unet", takes={"x": "image[in_dim]"}, gives={"y": "image[out_dim]"})
class UNet(nn.Module):
    """Encoder, decoder, and concatenation at equal scales (Ronneberger, Fischer, Brox, arXiv:1505.04597).

    The output has the size of the input. Sides that 2^depth does not divide are lengthened on both ends, in the way of
    their padding, and cut again.

    Parameters
    ----------
    in_dim, out_dim
        Channels that come in and out; as many if not said.
    width, depth
        Channels at full size, doubled at each of ``depth`` halvings. The paper has 64 and 4: 31,030,658 parameters for
        one channel and two classes.
    norm
        After each convolution: ``batch``, ``group``, or none as in the paper.
    padding
        As in ``conv``. ``[zeros, circular]`` makes a net that knows the azimuth closes.
    skips
        False leaves out what is handed across, to see what it is worth.
    encoder
        Another way down: a brick with ``features(x)`` at strides 1, 2, 4 ... such as ``resnet``.

    Notes
    -----
    The paper's convolutions are unpadded and lose a border; these keep the size. A circular axis that 2^depth does not
    divide is only nearly periodic. On jets: pile-up share of each pixel, origin of each cell, super-resolution.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, width: int = 16, depth: int = 3,
                 norm: ImageNorm | None = None, padding: PaddingName | Sequence[PaddingName] = "zeros",
                 skips: bool = True, encoder: Annotated[Part, "image -> any"] | None = None) -> None:  # fmt: skip
        super().__init__()
        self.modes, self.skips = modes_of(padding), skips
        self.out_dim = in_dim if out_dim is None else out_dim
        widths = [width * 2**i for i in range(depth + 1)]
        self.down = Contract(in_dim, widths, norm, self.modes) if encoder is None else fit(encoder, in_dim=in_dim)
        dims, strides = self.down.map_dims, self.down.strides
        if strides != [2**i for i in range(len(strides))]:
            raise ValueError(f"the encoder's strides are {strides}, not 1, 2, 4 ...")
        self.factor = strides[-1]
        steps = list(pairwise(dims))
        self.up = nn.ModuleList(nn.ConvTranspose2d(low, high, 2, stride=2) for high, low in steps)
        self.merge = nn.ModuleList(
            DoubleConv(2 * high if skips else high, high, norm, self.modes) for high, _ in steps
        )
        self.last = nn.Conv2d(dims[0], self.out_dim, 1)
        self.normed = norm is not None
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Without norm, start as the paper does, lest what comes in is lost on the way: weights of N(0, 2 / fan-in).

        Torch's own start shrinks the variance to a sixth at each layer with ReLU.
        """
        if self.normed:
            return
        own = self.down if isinstance(self.down, Contract) else nn.Module()
        for module in (*own.modules(), *self.merge.modules()):
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim, H, W) of ``x (B, in_dim, H, W)``."""
        spans = tuple((-side) % self.factor for side in x.shape[2:])
        maps = self.down.features(pad_image(x, spans, self.modes) if any(spans) else x)
        y = maps[-1]
        for up, merge, across in zip(reversed(self.up), reversed(self.merge), maps[-2::-1], strict=True):
            y = up(y)
            y = merge(torch.cat([across, y], 1) if self.skips else y)
        top, left = (amounts(span, mode)[0] for span, mode in zip(spans, self.modes, strict=True))
        return self.last(y)[:, :, top : top + x.shape[2], left : left + x.shape[3]]
