"""Bricks for several rows of the same items, such as one row for each clustering of a jet, and for their pairs.

Rows are ``m (B, S, N, C)`` with ``mask (B, S, N)``, since row s need not know every item, or ``(B, N)``. Every brick
gives the *update*, which whoever holds it adds. Source: Jumper et al., Nature 596 (2021) 583, supplement, algorithms
7 to 10.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.gated_attention import GatedAttention, channels_first, channels_last
from jetlego.bricks.masks import blank
from jetlego.bricks.registry import brick

_PAPER = "Nature 596, 583"


def rows_mask(mask: Tensor | None, rows: int) -> Tensor | None:
    """Return (B, S, N) of ``mask (B, S, N)``, or of one ``(B, N)`` that holds for every row."""
    return mask if mask is None or mask.dim() == 3 else mask.unsqueeze(1).expand(-1, rows, -1)


@brick("msa_attention", takes={"x": "rows[in_dim]", "pair": "pair[pair_dim]?"}, gives={"y": "rows[out_dim]"},
       paper=_PAPER)  # fmt: skip
class RowsAttention(nn.Module):
    """Gated attention along a row, biased by pairs (algorithm 7), or along a column, between rows (algorithm 8).

    ``along: row``: item i of row s looks at items j of row s, with ``W LN(z_ij)`` added to the scores; ``column``:
    item i of row s looks at item i of every row. Rows are a set: nothing tells them apart but their content.

    Parameters
    ----------
    in_dim
        Width of the rows.
    pair_dim
        Channels of the pairs; None for no bias.
    heads, head_dim
        Of the attention.
    along
        ``row`` or ``column``.
    """

    def __init__(self, *, in_dim: int, pair_dim: int | None = None, heads: int = 4, head_dim: int | None = None,
                 along: Literal["row", "column"] = "row") -> None:  # fmt: skip
        super().__init__()
        if along == "column" and pair_dim is not None:
            raise ValueError("attention between rows knows no pairs: leave pair_dim out")
        self.out_dim, self.along, self.pair_dim = in_dim, along, pair_dim
        self.norm = nn.LayerNorm(in_dim)
        self.attention = GatedAttention(in_dim, heads, head_dim)
        if pair_dim is not None:
            self.pair_norm, self.bias = nn.LayerNorm(pair_dim), nn.Linear(pair_dim, heads, bias=False)

    def forward(self, x: Tensor, pair: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return (B, S, N, C) of ``x (B, S, N, C)``, ``pair (B, P, N, N)`` and ``mask (B, S, N)``."""
        return self.update(x, None if pair is None else channels_last(pair), rows_mask(mask, x.shape[1]))

    def update(self, m: Tensor, z: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return the update of ``m (B, S, N, C)`` given ``z (B, N, N, P)``."""
        m = self.norm(blank(m, mask))
        if self.along == "column":
            y = self.attention(m.transpose(1, 2), None, None if mask is None else mask.transpose(1, 2)).transpose(1, 2)
            return blank(y, mask)
        if (z is None) != (self.pair_dim is None):
            raise ValueError("row attention takes pairs exactly if it was built with pair_dim")
        bias = None
        if z is not None:
            real = None if mask is None else mask.any(1)
            both = None if real is None else real.unsqueeze(2) & real.unsqueeze(1)
            bias = channels_first(self.bias(self.pair_norm(blank(z, both)))).unsqueeze(1)  # (B, 1, H, N, N)
        return blank(self.attention(m, bias, mask), mask)


@brick("outer_product_mean", takes={"x": "rows[in_dim]"}, gives={"y": "pair[out_dim]"}, paper=_PAPER)
class OuterProductMean(nn.Module):
    """``W [mean_s a_si (x) b_sj]``: the rows vote on each pair; algorithm 10.

    The mean is over the rows in which both items are real.

    Parameters
    ----------
    in_dim
        Width of the rows.
    out_dim
        Channels of the pairs.
    hidden
        Width of a and b; the product has its square.
    """

    def __init__(self, *, in_dim: int, out_dim: int, hidden: int = 16) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.norm = nn.LayerNorm(in_dim)
        self.sides, self.out = nn.Linear(in_dim, 2 * hidden), nn.Linear(hidden**2, out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, out_dim, N, N) of ``x (B, S, N, in_dim)`` and ``mask (B, S, N)``."""
        return channels_first(self.update(x, rows_mask(mask, x.shape[1])))

    def update(self, m: Tensor, mask: Tensor | None) -> Tensor:
        """Return the update (B, N, N, out_dim) of pairs."""
        a, b = blank(self.sides(self.norm(blank(m, mask))), mask).chunk(2, -1)
        product = torch.einsum("bsic,bsjd->bijcd", a, b)
        if mask is None:
            return self.out((product / max(1, m.shape[1])).flatten(-2))
        count = torch.einsum("bsi,bsj->bij", mask.to(m.dtype), mask.to(m.dtype))
        mean = product / count.clamp(min=1)[..., None, None].to(product.dtype)
        return blank(self.out(mean.flatten(-2)), count > 0)
