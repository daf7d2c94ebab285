"""Positions in a sequence: added to the items (sinusoidal, learned) or turned into the attention (rotary)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

PositionName = Literal["sinusoidal", "learned", "rotary"]


def sinusoids(positions: Tensor, dim: int, *, base: float = 10000.0) -> Tensor:
    """Return (N, dim) sines and cosines of ``positions (N,)`` at geometric rates (arXiv:1706.03762, section 3.5)."""
    rate = torch.exp(torch.arange(0, dim, 2, device=positions.device, dtype=torch.float64) * (-math.log(base) / dim))
    angle = positions.to(torch.float64).unsqueeze(1) * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :dim]


class Positions(nn.Module):
    """Adds what tells position t apart; does nothing for ``rotary`` (which acts inside the attention) and None."""

    def __init__(self, kind: PositionName | None, dim: int, *, max_length: int = 512) -> None:
        super().__init__()
        if kind not in (None, "sinusoidal", "learned", "rotary"):
            raise ValueError(f"no positions '{kind}'; valid: sinusoidal, learned, rotary")
        self.kind, self.dim = kind, dim
        if kind == "learned":
            self.table = nn.Parameter(torch.empty(max_length, dim))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start learned positions small, as embeddings of language models do."""
        if self.kind == "learned":
            nn.init.normal_(self.table, std=0.02, generator=generator)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Return ``x (B, T, D)`` with its positions ``start .. start + T - 1``."""
        end = start + x.shape[1]
        if self.kind == "sinusoidal":
            return x + sinusoids(torch.arange(start, end, device=x.device), self.dim).to(x.dtype)
        if self.kind == "learned":
            if end > self.table.shape[0]:
                raise ValueError(f"position {end - 1} is beyond max_length {self.table.shape[0]}")
            return x + self.table[start:end]
        return x

    def turns(self, x: Tensor, start: int = 0) -> Tensor | None:
        """Return the positions that turn queries and keys, None unless ``rotary``."""
        return torch.arange(start, start + x.shape[1], device=x.device) if self.kind == "rotary" else None
