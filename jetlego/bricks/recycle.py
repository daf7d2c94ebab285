"""Recycling: what a network found enters it again, several times, with a gradient through the last pass alone."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from jetlego.bricks.evoformer import FirstRow
from jetlego.bricks.gated_attention import channels_first, channels_last
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick


class Folded(NamedTuple):
    """Items (B, N, C), pairs (B, P, N, N), rotations (B, N, 3, 3) and origins (B, N, 3)."""

    x: Tensor
    pair: Tensor
    rotation: Tensor
    origin: Tensor


@brick(
    "recycle",
    takes={"x": "rows[in_dim]", "pair": "pair[pair_dim]"},
    gives={"x": "set[in_dim]", "pair": "pair[pair_dim]", "rotation": "set", "origin": "set"},
    paper="Nature 596, 583",
)
class Recycle(nn.Module):
    """Rows and pairs through a trunk, then a structure module; items, pairs and distances enter again.

    ``m_1 += LN(s_before)`` (the first row), ``z_ij += LN(z_before) + W onehot(|t_i - t_j|)`` (Jumper et al., Nature 596
    (2021) 583, supplement, algorithms 2, 30 to 32). In training each jet of a batch draws how many passes it gets, in
    evaluation all get all; every pass but the last runs without gradient.

    Parameters
    ----------
    in_dim, pair_dim
        Width of the rows, channels of the pairs.
    trunk
        From rows and pairs to rows and pairs.
    structure
        From items and pairs to items, rotations and origins.
    passes
        Largest number of passes; 1 recycles nothing.
    bins, reach
        Bins of the distances between origins, over ``[0, reach]``, the last one open.
    random
        False gives every jet all passes in training too.
    """

    def __init__(self, *, in_dim: int, pair_dim: int, trunk: Annotated[Part, "rows -> rows"] = "evoformer",
                 structure: Annotated[Part, "set -> set"] = "structure", passes: int = 4, bins: int = 16,
                 reach: float = 4.0, random: bool = True) -> None:  # fmt: skip
        super().__init__()
        if passes < 1 or bins < 2:
            raise ValueError("recycling needs a pass and two bins")
        self.in_dim, self.pair_dim, self.passes, self.random = in_dim, pair_dim, passes, random
        self.bins, self.reach = bins, reach
        self.trunk = fit(trunk, in_dim=in_dim, pair_dim=pair_dim)
        self.first = FirstRow(in_dim=in_dim)
        self.structure = fit(structure, in_dim=in_dim, pair_dim=pair_dim)
        self.item_norm, self.pair_norm = nn.LayerNorm(in_dim), nn.LayerNorm(pair_dim)
        self.distance = nn.Linear(bins, pair_dim, bias=False)

    def forward(self, x: Tensor, pair: Tensor, mask: Tensor | None = None) -> Folded:
        """Return items, pairs and frames of rows ``x (B, S, N, C)``, ``pair (B, P, N, N)``, ``mask (B, N)``."""
        start = self._starts(x)
        before = None
        with torch.no_grad():
            for number in range(self.passes - 1):
                before = self._pass(x, pair, mask, before, number > start)
        return self._pass(x, pair, mask, before, self.passes - 1 > start)

    def _starts(self, x: Tensor) -> Tensor:
        """Return (B,): the pass at which each jet begins; what passes before it found is not used."""
        if not (self.training and self.random):
            return torch.zeros(x.shape[0], dtype=torch.int64, device=x.device)
        return torch.randint(self.passes, (x.shape[0],), device=x.device)

    def _pass(self, x: Tensor, pair: Tensor, mask: Tensor | None, before: Folded | None, begun: Tensor) -> Folded:
        if before is not None:
            x, pair = self.entered(x, pair, before, begun)
        items = mask.any(1) if mask is not None and mask.dim() == 3 else mask
        rows, pair = self.trunk(x, pair, mask=mask)
        return Folded(pair=pair, **self._placed(self.first(rows, items), pair, items))

    def _placed(self, single: Tensor, pair: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
        found = self.structure(single, pair, mask=mask)
        return dict(zip(("x", "rotation", "origin"), found, strict=True))

    def entered(self, x: Tensor, pair: Tensor, before: Folded, begun: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows and pairs with what the pass before found added, for the jets that have ``begun (B,)``."""
        single = self.item_norm(before.x).masked_fill(~begun.reshape(-1, 1, 1), 0)
        apart = (before.origin.unsqueeze(2) - before.origin.unsqueeze(1)).square().sum(-1)
        edges = torch.linspace(0, self.reach, self.bins, device=apart.device, dtype=apart.dtype).square()
        bin_of = (apart.unsqueeze(-1) >= edges).sum(-1) - 1
        near = (bin_of.unsqueeze(-1) == torch.arange(self.bins, device=bin_of.device)).to(pair.dtype)
        z = self.pair_norm(channels_last(before.pair)) + self.distance(near)
        z = z.masked_fill(~begun.reshape(-1, 1, 1, 1), 0)
        rows = torch.cat([x[:, :1] + single.unsqueeze(1), x[:, 1:]], 1)
        return rows, pair + channels_first(z)
