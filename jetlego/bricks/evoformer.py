"""The Evoformer: rows of items and pairs of items inform each other, block by block.

    m += row attention(m, z)      m += column attention(m)      m += transition(m)
    z += outer product mean(m)
    z += triangle out(z)  z += triangle in(z)  z += triangle start(z)  z += triangle end(z)  z += transition(z)
"""

from __future__ import annotations

from torch import Tensor, nn

from jetlego.bricks.gated_attention import Transition, channels_first, channels_last, pair_mask
from jetlego.bricks.masks import blank
from jetlego.bricks.registry import brick
from jetlego.bricks.rows import OuterProductMean, RowsAttention, rows_mask
from jetlego.bricks.triangle import PairTransition, TriangleAttention, TriangleMultiply


class EvoformerBlock(nn.Module):
    """One block; every part adds to what it reads, with dropout on the attentions and products of pairs."""

    def __init__(self, dim: int, pair_dim: int, *, heads: int, head_dim: int | None, pair_heads: int,
                 pair_head_dim: int | None, outer: int, factor: int, dropout: float) -> None:  # fmt: skip
        super().__init__()
        self.row = RowsAttention(in_dim=dim, pair_dim=pair_dim, heads=heads, head_dim=head_dim)
        self.column = RowsAttention(in_dim=dim, heads=heads, head_dim=head_dim, along="column")
        self.transition = Transition(dim, factor)
        self.outer = OuterProductMean(in_dim=dim, out_dim=pair_dim, hidden=outer)
        how = {"in_dim": pair_dim, "heads": pair_heads, "head_dim": pair_head_dim}
        self.triangles = nn.ModuleList([
            TriangleMultiply(in_dim=pair_dim, direction="out"), TriangleMultiply(in_dim=pair_dim, direction="in"),
            TriangleAttention(**how, around="start"), TriangleAttention(**how, around="end"),
        ])  # fmt: skip
        self.pair_transition = PairTransition(in_dim=pair_dim, factor=factor)
        self.dropout = nn.Dropout(dropout)

    def forward(self, m: Tensor, z: Tensor, rows: Tensor | None, both: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return rows (B, S, N, C) and pairs (B, N, N, P) one block further; all stay zero in the padding."""
        m = m + self.dropout(self.row.update(m, z, rows))
        m = m + self.column.update(m, None, rows)
        m = m + blank(self.transition(m), rows)
        z = z + blank(self.outer.update(m, rows), both)
        for part in self.triangles:
            z = z + self.dropout(blank(part.update(z, both), both))
        return m, z + blank(self.pair_transition.update(z, both), both)


@brick(
    "evoformer",
    takes={"x": "rows[in_dim]", "pair": "pair[pair_dim]"},
    gives={"x": "rows[in_dim]", "pair": "pair[pair_dim]"},
    paper="Nature 596, 583",
)
class Evoformer(nn.Module):
    """A stack of Evoformer blocks (Jumper et al., Nature 596 (2021) 583, supplement, algorithm 6).

    Work grows as S N^2 + N^3: keep the leading 64 items or fewer. Pairs need not come symmetric, and do not stay so.

    Parameters
    ----------
    in_dim, pair_dim
        Width of the rows, channels of the pairs.
    layers
        Number of blocks.
    heads, head_dim
        Of the attention along rows and columns.
    pair_heads, pair_head_dim
        Of the triangle attention.
    outer
        Width of the outer product.
    factor
        How many times as wide the transitions are inside.
    dropout
        On attentions and products.
    """

    def __init__(self, *, in_dim: int, pair_dim: int, layers: int = 4, heads: int = 4, head_dim: int | None = None,
                 pair_heads: int = 4, pair_head_dim: int | None = None, outer: int = 16, factor: int = 2,
                 dropout: float = 0.0) -> None:  # fmt: skip
        super().__init__()
        self.in_dim, self.pair_dim = in_dim, pair_dim
        self.blocks = nn.ModuleList(
            EvoformerBlock(in_dim, pair_dim, heads=heads, head_dim=head_dim, pair_heads=pair_heads,
                           pair_head_dim=pair_head_dim, outer=outer, factor=factor, dropout=dropout)
            for _ in range(layers)
        )  # fmt: skip

    def forward(self, x: Tensor, pair: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return rows (B, S, N, in_dim) and pairs (B, pair_dim, N, N) of the same; ``mask (B, S, N)`` or ``(B, N)``."""
        rows = rows_mask(mask, x.shape[1])
        both = None if rows is None else pair_mask(rows.any(1))
        m, z = blank(x, rows), blank(channels_last(pair), both)
        for block in self.blocks:
            m, z = block(m, z, rows, both)
        return m, channels_first(z)


@brick("rows", takes={"x": "set[in_dim]"}, gives={"y": "rows[out_dim]"})
class Rows(nn.Module):
    """Several versions of one set, each a linear map of it: what an Evoformer reads where there are no reclusterings.

    Parameters
    ----------
    in_dim, out_dim
        Widths.
    rows
        Number of versions.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, rows: int = 3) -> None:
        super().__init__()
        self.out_dim, self.rows = out_dim or in_dim, rows
        self.map = nn.Linear(in_dim, rows * self.out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, rows, N, out_dim) of ``x (B, N, in_dim)``."""
        return blank(self.map(blank(x, mask)), mask).unflatten(-1, (self.rows, -1)).movedim(-2, 1)


@brick("first_row", takes={"x": "rows[in_dim]"}, gives={"y": "set[out_dim]"})
class FirstRow(nn.Module):
    """The first row through a linear layer: one vector an item again (supplement, algorithm 6, line 12).

    Parameters
    ----------
    in_dim, out_dim
        Widths, by default the same.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None) -> None:
        super().__init__()
        self.out_dim = out_dim or in_dim
        self.map = nn.Linear(in_dim, self.out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, N, out_dim) of ``x (B, S, N, in_dim)``."""
        first = None if mask is None else mask.select(1, 0) if mask.dim() == 3 else mask
        return blank(self.map(blank(x.select(1, 0), first)), first)
