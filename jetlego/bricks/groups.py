"""Sets of like length padded together: attention costs the square of the padded length, and one long set pays for all.

The sizes are known on the host, so neither order nor groups ask the device anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jetlego.bricks.masks import Packing
from jetlego.conventions import IntArray

_SETS, _GROUPS, _WORTH = 8, 8, 0.8
"""Fewest sets of a group, most groups, and the share of padded pairs that may remain for grouping to be worth it."""


@dataclass(frozen=True)
class LengthGroups:
    """Packed items sorted by the length of their sets, and the padding of each group of sets.

    ``rows (P,)`` is the packed row of each sorted item; group g has ``sizes[g]`` items of the sets ``members[g]``,
    padded as ``packings[g]`` says.
    """

    rows: Tensor
    sizes: tuple[int, ...]
    members: tuple[Tensor, ...]
    packings: tuple[Packing, ...]

    @classmethod
    def of(cls, counts: IntArray, n_max: int, device: torch.device) -> LengthGroups | None:
        """Return the groups of sets with ``counts`` items, None if one padding for all is as good."""
        order = np.argsort(counts, kind="stable")
        parts = np.array_split(order, max(1, min(_GROUPS, len(counts) // _SETS)))
        pairs = sum(len(p) * int(counts[p].max(initial=0)) ** 2 for p in parts)
        if len(parts) < 2 or counts.max() > n_max or pairs > _WORTH * len(counts) * n_max**2:
            return None
        start = np.cumsum(counts) - counts
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts[order]) - counts[order], counts[order])
        rows = np.repeat(start[order], counts[order]) + within
        packings = []
        for part in parts:
            ptr = torch.tensor([0, *np.cumsum(counts[part]).tolist()], device=device)
            packings.append(Packing.of(ptr, int(counts[part].sum()), int(counts[part].max()), whole=True))
        return cls(
            torch.tensor(rows, device=device),
            tuple(int(counts[p].sum()) for p in parts),
            tuple(torch.tensor(p, device=device) for p in parts),
            tuple(packings),
        )

    def sorted(self, x: Tensor) -> Tensor:
        """Return packed items (P, ...) in the order of the groups."""
        return x.index_select(0, self.rows)

    def unsorted(self, x: Tensor) -> Tensor:
        """Undo :meth:`sorted`."""
        return torch.zeros_like(x).index_copy(0, self.rows, x)

    def split(self, pair: Tensor) -> list[Tensor]:
        """Return ``pair (B, H, N, N)`` for each group, cut to its length."""
        lengths = [p.mask.shape[1] for p in self.packings]
        return [pair[:, :, :n, :n].index_select(0, m) for m, n in zip(self.members, lengths, strict=True)]

    def over(self, function: Callable[..., Tensor], packed: Tensor, pairs: Sequence[Tensor] | None) -> Tensor:
        """Return packed what ``function(padded, mask, pair)`` makes of each group of sorted items."""
        each = pairs or [None] * len(self.packings)
        parts = zip(self.packings, packed.split(self.sizes), each, strict=True)
        return torch.cat([packing.over(function, part, pair) for packing, part, pair in parts])
