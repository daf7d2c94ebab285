"""Convolution along a sequence whose rows may end at different places, with a cached step where it is causal."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import Packing, blank
from jetlego.bricks.padding import PaddingName, pad_rows
from jetlego.bricks.registry import brick

State = tuple[Tensor, ...]


@brick("conv1d", takes={"x": "sequence[in_dim]"}, gives={"y": "sequence[out_dim]"}, views=("padded", "packed"))
class Conv1d(nn.Module):
    """``y_t = b + sum_n u_n x_{t + d n - p}`` along a sequence of vectors (LeCun et al. 1998).

    Each row is padded at its own ends: what stands in the padding of a batch is never seen, and a circular row closes
    at its last real item.

    Parameters
    ----------
    in_dim, out_dim
        Channels; as many come out as go in if not said.
    kernel, dilation
        Number of items that a window holds, and how far apart they are.
    padding
        ``zeros``, ``circular``, ``replicate``, or ``causal``: item t sees itself and items before it.
    groups, bias
        As in torch.

    Notes
    -----
    Causal by padding before the row, not by cutting after it, so that no output is computed in vain.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, kernel: int = 3, dilation: int = 1,
                 padding: PaddingName = "zeros", groups: int = 1, bias: bool = True) -> None:  # fmt: skip
        super().__init__()
        if min(kernel, dilation) < 1:
            raise ValueError("kernel and dilation must be positive")
        self.in_dim, self.out_dim, self.padding = in_dim, in_dim if out_dim is None else out_dim, padding
        self.span = dilation * (kernel - 1)
        self.map = nn.Conv1d(in_dim, self.out_dim, kernel, dilation=dilation, groups=groups, bias=bias)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None, n_max: int = 0) -> Tensor:
        """Return (B, T, out_dim) of ``x (B, T, in_dim)`` with ``mask (B, T)``, or packed with ``ptr`` and ``n_max``."""
        if ptr is not None:
            packing = Packing.of(ptr, x.shape[0], n_max)
            return packing.unpad(self.forward(packing.pad(x), packing.mask))
        if x.shape[1] == 0:
            return x.new_zeros(x.shape[0], 0, self.out_dim)
        rows = pad_rows(x, self.span, self.padding, mask)
        return blank(self.map(rows.mT).mT, mask)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return (B, out_dim) after one more item ``x (B, in_dim)``, and the last ``span`` items, oldest first."""
        if self.padding != "causal":
            raise ValueError(f"a convolution with padding '{self.padding}' sees ahead; it has no step")
        past = x.new_zeros(x.shape[0], self.span, self.in_dim) if state is None else state[0]
        window = torch.cat([past, x.unsqueeze(1)], 1)
        return self.map(window.mT).squeeze(2), (window[:, 1:],)
