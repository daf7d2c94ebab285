"""Gated PixelCNN: the likelihood of an image, pixel after pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.registry import brick


class _GatedLayer(nn.Module):
    """One gated layer: a stack of the rows above feeds a stack of the row itself.

    The upper stack sees rows up to its own, so it is handed on one row lower. The first layer leaves out the pixel
    itself (mask A), later ones do not (mask B). All masks are cut kernels with zeros before them, so that no
    multiplication is in vain.
    """

    def __init__(self, in_dim: int, hidden: int, kernel: int, first: bool) -> None:
        super().__init__()
        self.reach, self.first = kernel // 2, first
        self.rows = nn.Conv2d(in_dim, 2 * hidden, (self.reach + 1, kernel))
        self.row = nn.Conv2d(in_dim, 2 * hidden, (1, self.reach + (not first)))
        self.across, self.onward = nn.Conv2d(2 * hidden, 2 * hidden, 1), nn.Conv2d(hidden, hidden, 1)

    def forward(self, above: Tensor, here: Tensor) -> tuple[Tensor, Tensor]:
        """Return both stacks, (B, hidden, H, W) each."""
        n = self.reach
        rows = self.rows(F.pad(above, (n, n, n, 0)))
        earlier = F.pad(here[..., :-1], (n, 0)) if self.first else F.pad(here, (n, 0))
        lowered = F.pad(self.across(rows)[:, :, :-1], (0, 0, 1, 0))
        y = self.onward(gated(self.row(earlier) + lowered))
        return gated(rows), y if self.first else here + y


def gated(x: Tensor) -> Tensor:
    """Return ``tanh(a) sigma(b)`` of the two halves of the channels."""
    a, b = x.chunk(2, 1)
    return a.tanh() * b.sigmoid()


@brick("pixelcnn", takes={"x": "image[in_dim]"}, gives={"y": "image[out_dim]"})
class PixelCNN(nn.Module):
    """Gated PixelCNN: logits of each pixel from all pixels before it, row by row (arXiv:1606.05328).

    ``p(x) = prod_ij p(x_ij | x_above, x_left)``, each factor a softmax over ``out_dim`` levels. Two stacks of masked
    convolutions, one for the rows above and one for the row itself, leave no blind spot.

    Parameters
    ----------
    in_dim, out_dim
        Channels, and levels of a pixel.
    hidden, layers, kernel
        Channels, number and width (odd) of the gated layers. A pixel sees as far as ``layers (kernel // 2)``.

    Notes
    -----
    :meth:`log_prob` and :meth:`sample` are for one channel with levels 0 .. out_dim - 1. Channels of one pixel do not
    see each other. On jets: the likelihood of a jet image, as an anomaly score.
    """

    def __init__(self, *, in_dim: int = 1, out_dim: int = 2, hidden: int = 32, layers: int = 5,
                 kernel: int = 3) -> None:  # fmt: skip
        super().__init__()
        if layers < 1 or kernel < 3 or kernel % 2 == 0:
            raise ValueError("a pixelcnn needs a layer and an odd kernel of at least 3")
        self.in_dim, self.out_dim = in_dim, out_dim
        self.layers = nn.ModuleList(
            _GatedLayer(hidden if i else in_dim, hidden, kernel, first=i == 0) for i in range(layers)
        )
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(hidden, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, out_dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, out_dim, H, W) of ``x (B, in_dim, H, W)``; those at ij do not depend on x_ij or later."""
        above = here = x
        for layer in self.layers:
            above, here = layer(above, here)
        return self.head(here)

    def log_prob(self, pixels: Tensor) -> Tensor:
        """Return (B,) log probabilities in nats of ``pixels (B, H, W)`` int64, levels 0 .. out_dim - 1."""
        logits = self.forward(self.scaled(pixels))
        return -F.cross_entropy(logits, pixels, reduction="none").sum((1, 2))

    def scaled(self, pixels: Tensor) -> Tensor:
        """Return levels as the image (B, 1, H, W) from -1 to 1 that the net reads."""
        return (pixels.unsqueeze(1) * (2 / max(1, self.out_dim - 1)) - 1).to(self.head[1].weight.dtype)

    @torch.no_grad()
    def sample(self, count: int, height: int, width: int, *,
               generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return images (count, height, width) int64 drawn pixel by pixel, and their log probabilities (count,)."""
        device = self.head[1].weight.device
        pixels = torch.zeros(count, height, width, dtype=torch.int64, device=device)
        total = torch.zeros(count, dtype=self.head[1].weight.dtype, device=device)
        for i in range(height):
            for j in range(width):
                log_p = self.forward(self.scaled(pixels))[:, :, i, j].log_softmax(1)
                drawn = torch.multinomial(log_p.exp(), 1, generator=generator)
                pixels[:, i, j] = drawn[:, 0]
                total = total + log_p.gather(1, drawn)[:, 0]
        return pixels, total
