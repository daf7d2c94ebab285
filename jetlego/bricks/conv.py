"""Convolution and pooling with padding by axis, and the plain convolutional net made of both.

Images are (B, C, H, W) with H along eta and W along phi. Jet-centred images want zeros on both axes; an image of a
whole detector wants ``padding: [zeros, circular]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.padding import PaddingName, modes_of, pad_image, pair_of
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick

_IMAGE = {"x": "image[in_dim]"}
ImageNorm = Literal["batch", "group"]
PoolName = Literal["max", "mean", "weighted"]


def image_norm(name: str | None, dim: int) -> nn.Module:
    """Return a normalisation of the channels of an image: ``batch``, ``group`` (one group), or none."""
    if name is None:
        return nn.Identity()
    if name not in ("batch", "group"):
        raise ValueError(f"no norm '{name}' of images; valid: batch, group")
    return nn.BatchNorm2d(dim) if name == "batch" else nn.GroupNorm(1, dim)


@brick("conv", takes=_IMAGE, gives={"y": "image[out_dim]"})
class Conv(nn.Module):
    """``y_ij = b + sum_nm u_nm x_{s i + d n - p, s j + d m - p}``, image in and image out (LeCun et al. 1998).

    With stride 1 the size is kept; stride s gives ceil(size / s).

    Parameters
    ----------
    in_dim, out_dim
        Channels; as many come out as go in if not said.
    kernel, stride, dilation
        One number, or one for eta and one for phi.
    padding
        ``zeros``, ``circular``, ``replicate`` or ``causal`` (zeros before the axis alone); one for both axes or one
        each.
    groups, bias
        As in torch.

    Notes
    -----
    As in every network library this is a correlation: the kernel is not turned round. A circular axis must be at least
    half as long as the kernel reaches. With a stride that does not divide its length, a circular axis is not periodic
    any more.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, kernel: int | Sequence[int] = 3,
                 stride: int | Sequence[int] = 1, dilation: int | Sequence[int] = 1, groups: int = 1,
                 bias: bool = True, padding: PaddingName | Sequence[PaddingName] = "zeros") -> None:  # fmt: skip
        super().__init__()
        self.out_dim = in_dim if out_dim is None else out_dim
        size, far = pair_of(kernel, "kernel"), pair_of(dilation, "dilation")
        self.spans = tuple(d * (k - 1) for k, d in zip(size, far, strict=True))
        self.modes = modes_of(padding)
        # symmetric zeros are torch's own padding, which needs no copy of the image
        inside = self.modes == ("zeros", "zeros") and all(s % 2 == 0 for s in self.spans)
        self.padded = not inside and any(self.spans)
        self.map = nn.Conv2d(in_dim, self.out_dim, size, pair_of(stride, "stride"), dilation=far, groups=groups,
                             bias=bias, padding=tuple(s // 2 for s in self.spans) if inside else 0)  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim, H', W') of ``x (B, in_dim, H, W)``."""
        return self.map(pad_image(x, self.spans, self.modes) if self.padded else x)


@brick("image_pool", takes={"x": "image[in_dim]", "weight": "image?"}, gives={"y": "image[out_dim]"})
class ImagePool(nn.Module):
    """Maximum, mean or weighted mean over windows; rows and columns that fill no window are left out.

    Parameters
    ----------
    in_dim
        Channels.
    how
        ``max``, ``mean``, or ``weighted``: ``sum w x / sum w`` in each window, with pT as the weight for instance;
        zero where the weights are.
    size, stride
        Of the windows, one number or two; windows touch if no stride is given.
    """

    def __init__(self, *, in_dim: int, how: PoolName = "max", size: int | Sequence[int] = 2,
                 stride: int | Sequence[int] | None = None) -> None:  # fmt: skip
        super().__init__()
        self.out_dim, self.how, self.size = in_dim, how, pair_of(size, "size")
        self.stride = self.size if stride is None else pair_of(stride, "stride")

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return (B, in_dim, H', W') of ``x (B, in_dim, H, W)``; ``weight (B, 1, H, W)``, at least 0."""
        if self.how == "max":
            return F.max_pool2d(x, self.size, self.stride)
        if self.how == "mean":
            return F.avg_pool2d(x, self.size, self.stride)
        if weight is None:
            raise ValueError("image_pool with how: weighted needs the weights")
        total = F.avg_pool2d(weight, self.size, self.stride)
        return F.avg_pool2d(x * weight, self.size, self.stride) / total.masked_fill(total == 0, 1)


@brick("global_pool", takes=_IMAGE, gives={"y": "vector[out_dim]"})
class GlobalPool(nn.Module):
    """Mean or maximum over all pixels; a list concatenates both (arXiv:1312.4400, section 3.2).

    Parameters
    ----------
    in_dim
        Channels.
    how
        ``mean``, ``max``, ``sum``, or a list of them.
    """

    def __init__(self, *, in_dim: int, how: str | Sequence[str] = "mean") -> None:
        super().__init__()
        self.how = [how] if isinstance(how, str) else list(how)
        if not self.how or not {*self.how} <= {"mean", "max", "sum"}:
            raise ValueError(f"how must be mean, max or sum, not {how!r}")
        self.out_dim = in_dim * len(self.how)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim) of ``x (B, in_dim, H, W)``."""
        by_name = {"mean": torch.mean, "max": torch.amax, "sum": torch.sum}
        return torch.cat([by_name[how](x, dim=(2, 3)) for how in self.how], 1)


@brick("convnet", takes=_IMAGE, gives={"y": "vector[out_dim]"})
class ConvNet(nn.Module):
    """``[convolution, norm, activation, pool] x L``, a readout, a head (LeCun et al. 1998).

    A sequence is an image of height one: ``kernel: [1, 5], pool: [1, 2]``.

    Parameters
    ----------
    in_dim, out_dim
        Channels that come in; width of the head, None for a net without one.
    channels
        Of each layer.
    kernel, padding
        As in ``conv``.
    pool, how
        Windows and kind of the pooling after each layer, as in ``image_pool``; ``pool: 1`` leaves it out.
    norm, activation
        After each convolution.
    readout
        From the last image to a vector.
    head
        From there on.

    Notes
    -----
    On jets: images of pT and of counts (arXiv:1511.05190). Each pooling needs two pixels to work on.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, channels: Sequence[int] = (16, 32, 64),
                 kernel: int | Sequence[int] = 3, padding: PaddingName | Sequence[PaddingName] = "zeros",
                 pool: int | Sequence[int] = 2, how: Literal["max", "mean"] = "max", norm: ImageNorm | None = None,
                 activation: str = "relu", readout: Annotated[Part, "image -> vector"] = "global_pool",
                 head: Annotated[Part, "vector -> vector"] | None = None) -> None:  # fmt: skip
        super().__init__()
        if not channels:
            raise ValueError("a convnet needs a layer")
        windows = pair_of(pool, "pool")
        self.layers, width, stride = nn.ModuleList(), in_dim, 1
        self.map_dims, self.strides = list(channels), []
        for dim in channels:
            conv = Conv(in_dim=width, out_dim=dim, kernel=kernel, padding=padding, bias=norm is None)
            shrink = nn.Identity() if windows == (1, 1) else ImagePool(in_dim=dim, how=how, size=windows)
            self.layers.append(nn.Sequential(conv, image_norm(norm, dim), make_activation(activation), shrink))
            width, stride = dim, stride * windows[0]
            self.strides.append(stride)
        self.readout = fit(readout, in_dim=width)
        self.head = None
        if head is not None or out_dim is not None:
            plain = nn.Linear(self.readout.out_dim, out_dim) if head is None and out_dim is not None else head
            self.head = fit(plain, in_dim=self.readout.out_dim, out_dim=out_dim)
        self.out_dim = out_dim if out_dim is not None else getattr(self.head or self.readout, "out_dim", None)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the image after each layer; ``map_dims`` and ``strides`` describe them."""
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim) of ``x (B, in_dim, H, W)``."""
        y = self.readout(self.features(x)[-1])
        return y if self.head is None else self.head(y)
