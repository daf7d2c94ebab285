"""Necks: the images of a backbone, coarse and fine, told of each other; and the head that goes back to full size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.conv import Conv, image_norm
from jetlego.bricks.padding import PaddingName, modes_of
from jetlego.bricks.registry import brick

_TAKES = {"x": "image[in_dim]", "x2": "image[in_dim2]?", "x3": "image[in_dim3]?", "x4": "image[in_dim4]?"}
_GIVES = {"y": "image[out_dim]", "y2": "image[out_dim]", "y3": "image[out_dim]", "y4": "image[out_dim]",
          "y5": "image[out_dim]"}  # fmt: skip


def resized(x: Tensor, like: Tensor) -> Tensor:
    """Return an image in the size of another: nearest pixels where it grows, maxima where it shrinks."""
    size = like.shape[2:]
    if x.shape[2:] == size:
        return x
    if x.shape[2] <= size[0] and x.shape[3] <= size[1]:
        return F.interpolate(x, size=size, mode="nearest")
    return F.adaptive_max_pool2d(x, size)


class Fuse(nn.Module):
    """``sum_i relu(w_i) I_i / (sum_i relu(w_i) + eps)``: fast normalised fusion (arXiv:1911.09070, section 3.3)."""

    def __init__(self, count: int, eps: float = 1e-4) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(count)), eps

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with equal weights: the mean."""
        nn.init.ones_(self.weight)

    def forward(self, images: Sequence[Tensor]) -> Tensor:
        """Return the weighted mean of images of one size."""
        share = torch.relu(self.weight)
        share = share / (share.sum() + self.eps)
        return sum((w * image for w, image in zip(share, images, strict=True)), torch.zeros_like(images[0]))


class _Laterals(nn.Module):
    """1x1 convolutions to one width, and further, coarser levels by maxima."""

    def __init__(self, dims: Sequence[int | None], dim: int, extra: int) -> None:
        super().__init__()
        known = [d for d in dims if d is not None]
        self.maps = nn.ModuleList(nn.Sequential(nn.Conv2d(d, dim, 1), image_norm("group", dim)) for d in known)
        self.extra, self.count = extra, len(known) + extra

    def forward(self, images: Sequence[Tensor | None]) -> list[Tensor]:
        """Return the levels, finest first."""
        levels = [lateral(image) for lateral, image in zip(self.maps, images, strict=False)]
        for _ in range(self.extra):
            levels.append(F.max_pool2d(levels[-1], 2, ceil_mode=True))
        return levels


@brick("fpn", takes=_TAKES, gives=_GIVES)
class FPN(nn.Module):
    """Feature pyramid: every level learns what the coarser ones know (Lin et al., arXiv:1612.03144).

    ``m_i = lateral(x_i) + upsampled m_{i+1}``, ``y_i = conv3(m_i)``.

    Parameters
    ----------
    in_dim, in_dim2, in_dim3, in_dim4
        Channels of the images that come in, finest first; as many levels as are given.
    dim, extra
        Channels of all levels; coarser levels to add.
    padding
        As in ``conv``.
    """

    def __init__(self, *, in_dim: int, in_dim2: int | None = None, in_dim3: int | None = None,
                 in_dim4: int | None = None, dim: int = 32, extra: int = 0,
                 padding: PaddingName | Sequence[PaddingName] = "zeros") -> None:  # fmt: skip
        super().__init__()
        self.out_dim = dim
        self.laterals = _Laterals((in_dim, in_dim2, in_dim3, in_dim4), dim, extra)
        self.convs = nn.ModuleList(Conv(in_dim=dim, padding=padding) for _ in range(self.laterals.count))

    def forward(self, x: Tensor, x2: Tensor | None = None, x3: Tensor | None = None,
                x4: Tensor | None = None) -> list[Tensor]:  # fmt: skip
        """Return images (B, dim, H_i, W_i) of the levels, finest first."""
        levels = self.laterals((x, x2, x3, x4))
        for fine in range(len(levels) - 2, -1, -1):
            levels[fine] = levels[fine] + resized(levels[fine + 1], levels[fine])
        return [conv(level) for conv, level in zip(self.convs, levels, strict=True)]


class _Round(nn.Module):
    """One way down and one way up of :class:`BiFPN`."""

    def __init__(self, count: int, dim: int, padding: tuple[str, str]) -> None:
        super().__init__()
        self.down = nn.ModuleList(Fuse(2) for _ in range(count - 1))
        self.up = nn.ModuleList(Fuse(3 if i < count - 2 else 2) for i in range(count - 1))
        self.after_down, self.after_up = (
            nn.ModuleList(_separable(dim, padding) for _ in range(count - 1)) for _ in range(2)
        )

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Return the levels after both ways."""
        middle = [*levels]
        for i in range(len(levels) - 2, -1, -1):
            middle[i] = self.after_down[i](self.down[i]([levels[i], resized(middle[i + 1], levels[i])]))
        out = [middle[0]]
        for i in range(1, len(levels)):
            inner = [middle[i]] if i < len(levels) - 1 else []  # the coarsest has no middle of its own
            fused = self.up[i - 1]([levels[i], *inner, resized(out[-1], levels[i])])
            out.append(self.after_up[i - 1](fused))
        return out


def _separable(dim: int, padding: tuple[str, str]) -> nn.Sequential:
    """Return an activation, a 3x3 convolution of each channel, a 1x1 one across them, and a norm."""
    depthwise = Conv(in_dim=dim, groups=dim, bias=False, padding=padding)
    return nn.Sequential(nn.SiLU(), depthwise, nn.Conv2d(dim, dim, 1), image_norm("group", dim))


@brick("bifpn", takes=_TAKES, gives=_GIVES)
class BiFPN(nn.Module):
    """Bidirectional feature pyramid: coarse tells fine, then fine tells coarse (Tan, Pang, Le, arXiv:1911.09070).

    Every fusion is ``sum relu(w_i) I_i / (sum relu(w_i) + eps)`` with learned w, followed by a separable convolution.

    Parameters
    ----------
    in_dim, in_dim2, in_dim3, in_dim4
        Channels of the images that come in, finest first; two or more levels with the extra ones.
    dim, layers
        Channels of all levels; rounds.
    extra
        Coarser levels to add, by maxima.
    padding
        As in ``conv``.

    Notes
    -----
    Levels need not be halves of each other, and odd sizes are brought back exactly. Norms are over one jet's channels
    and pixels, so that a jet's output does not depend on its batch. The "strides" may also be depths of a tree.
    """

    def __init__(self, *, in_dim: int, in_dim2: int | None = None, in_dim3: int | None = None,
                 in_dim4: int | None = None, dim: int = 48, layers: int = 2, extra: int = 1,
                 padding: PaddingName | Sequence[PaddingName] = "zeros") -> None:  # fmt: skip
        super().__init__()
        self.out_dim = dim
        self.laterals = _Laterals((in_dim, in_dim2, in_dim3, in_dim4), dim, extra)
        if self.laterals.count < 2 or layers < 1:
            raise ValueError("a bifpn needs two levels and a layer")
        modes = modes_of(padding)
        self.rounds = nn.ModuleList(_Round(self.laterals.count, dim, modes) for _ in range(layers))

    def forward(self, x: Tensor, x2: Tensor | None = None, x3: Tensor | None = None,
                x4: Tensor | None = None) -> list[Tensor]:  # fmt: skip
        """Return images (B, dim, H_i, W_i) of the levels, finest first."""
        levels = self.laterals((x, x2, x3, x4))
        for step in self.rounds:
            levels = step(levels)
        return levels


@brick("image_head", takes={"x": "image[in_dim]", "fine": "image[fine_dim]"}, gives={"y": "image[out_dim]"})
class ImageHead(nn.Module):
    """From a coarse image, and a fine one of an earlier stage, to one of the fine size, as a ``unet`` goes up.

    Parameters
    ----------
    in_dim, fine_dim, out_dim
        Channels of the coarse image, of the fine one, and of what comes out.
    hidden
        Channels of the layers between.
    padding
        As in ``conv``.
    """

    def __init__(self, *, in_dim: int, fine_dim: int, out_dim: int = 1, hidden: int = 16,
                 padding: PaddingName | Sequence[PaddingName] = "zeros") -> None:  # fmt: skip
        super().__init__()
        self.fine_dim, self.out_dim = fine_dim, out_dim
        widths = [in_dim + fine_dim, hidden, hidden]
        layers = [[Conv(in_dim=a, out_dim=b, padding=padding), nn.ReLU()] for a, b in pairwise(widths)]
        self.layers = nn.Sequential(*[part for layer in layers for part in layer], nn.Conv2d(hidden, out_dim, 1))

    def forward(self, x: Tensor, fine: Tensor) -> Tensor:
        """Return (B, out_dim, H, W) of ``x (B, in_dim, h, w)`` and ``fine (B, fine_dim, H, W)``."""
        return self.layers(torch.cat([fine, resized(x, fine)], 1))
