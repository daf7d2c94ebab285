"""Normalisations that know which items are real.

A plain batch norm over padded sets mixes the padding into its statistics; layer and RMS norm look at one item alone.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.masks import at_least_float32, blank
from jetlego.bricks.registry import brick

NormName = Literal["batch", "layer", "rms"]


@brick("batch_norm", takes={"x": "any[in_dim]"}, gives={"y": "same[out_dim]"}, views=("padded", "packed"))
class MaskedBatchNorm(nn.Module):
    """Batch normalisation over real items, channels last (arXiv:1502.03167).

    ``y = weight (x - mean) / sqrt(var + eps) + bias``; mean and (biased) variance over all real items of the batch,
    running ones in evaluation. Equals :class:`torch.nn.BatchNorm1d` on the packed items, and has its state names.
    A batch with a single item or none is legal: its variance counts as zero, and it does not move the running variance.

    Parameters
    ----------
    in_dim
        Number of channels, the last axis.
    eps, momentum
        As in torch.
    """

    def __init__(self, *, in_dim: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.out_dim, self.eps, self.momentum = in_dim, eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(in_dim)), nn.Parameter(torch.zeros(in_dim))
        self.register_buffer("running_mean", torch.zeros(in_dim))
        self.register_buffer("running_var", torch.ones(in_dim))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start as the identity with fresh statistics; nothing is drawn."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        self.running_mean.zero_()
        self.running_var.fill_(1)
        self.num_batches_tracked.zero_()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise ``x (..., in_dim)``; ``mask (...)`` says which items count, and the others come out zero."""
        x = blank(x, mask)
        if not self.training:
            return blank(self._by_torch(x), mask)
        if mask is None and x.shape[-1] > 0 and x.numel() > x.shape[-1]:
            self.num_batches_tracked += 1
            return self._by_torch(x)
        mean, var = self._statistics(x, mask)
        scale = self.weight * (var + self.eps).rsqrt()
        return blank(x * scale.to(x.dtype) + (self.bias - mean * scale).to(x.dtype), mask)

    def _by_torch(self, x: Tensor) -> Tensor:
        rows = x if x.dim() == 2 else x.reshape(-1, x.shape[-1])  # a view would make what follows in place copy
        running = self.running_mean, self.running_var
        rows = F.batch_norm(rows, *running, self.weight, self.bias, self.training, self.momentum, self.eps)
        return rows if x.dim() == 2 else rows.reshape(x.shape)

    def _statistics(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        items = at_least_float32(x).reshape(-1, x.shape[-1])
        if mask is None:
            count = items.new_full((), float(items.shape[0]))
            mean = items.sum(0) / count.clamp(min=1)
            var = (items - mean).square().sum(0) / count.clamp(min=1)
        else:
            real = mask.reshape(-1, 1).to(items.dtype)
            count = real.sum()
            mean = items.sum(0) / count.clamp(min=1)
            var = ((items - mean).square() * real).sum(0) / count.clamp(min=1)
        self._track(mean.detach(), var.detach(), count)
        return mean, var

    def _track(self, mean: Tensor, var: Tensor, count: Tensor) -> None:
        with torch.no_grad():
            unbiased = var * (count / (count - 1).clamp(min=1))
            for old, new, least in ((self.running_mean, mean, 0), (self.running_var, unbiased, 1)):
                old.lerp_(new.to(old.dtype), (count > least).to(old.dtype) * self.momentum)
            self.num_batches_tracked += 1


class RMSNorm(nn.RMSNorm):
    """Root-mean-square norm over the last axis (arXiv:1910.07467), its statistics in float32 under autocast."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``weight x / rms(x)``."""
        return super().forward(at_least_float32(x))


def norm(name: str | None, dim: int) -> nn.Module | None:
    """Return a normalisation over the last axis by name: ``batch``, ``layer``, ``rms`` or None."""
    if name is None:
        return None
    if name == "batch":
        return MaskedBatchNorm(in_dim=dim)
    if name in ("layer", "rms"):
        return nn.LayerNorm(dim) if name == "layer" else RMSNorm(dim)
    raise ValueError(f"no norm '{name}'; valid: batch, layer, rms")


def apply_norm(module: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    """Call a normalisation, with the mask if it is one over items."""
    return module(x, mask) if isinstance(module, MaskedBatchNorm) else module(x)


def l2_normalise(x: Tensor, *, eps: float = 1e-12) -> Tensor:
    """Return ``x / |x|`` over the last axis; finite, with finite gradient, at zero."""
    return x * (x.square().sum(-1, keepdim=True) + eps).rsqrt()


