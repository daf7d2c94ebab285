"""Order as a brick: soft ranks, sorting, top-k and quantiles of the items of a set.

The functions are in :mod:`jetlego.bricks.soft_order`; these modules give them a place in a spec.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jetlego.bricks.registry import brick
from jetlego.bricks.soft_order import soft_quantile, soft_rank, soft_sort, soft_topk

__all__ = ["SoftQuantile", "SoftRank", "SoftSort", "SoftTopK", "soft_quantile", "soft_rank", "soft_sort", "soft_topk"]

_SET = {"x": "set[in_dim]"}
_PAPER = "arXiv:1905.11885"


def _by_channel(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return (B, N, D) items as (B, D, N) rows to be ordered, and their mask."""
    return x.mT, None if mask is None else mask.unsqueeze(1).expand(-1, x.shape[2], -1)


@brick("soft_rank", takes=_SET, gives={"y": "set[out_dim]"}, paper=_PAPER)
class SoftRank(nn.Module):
    """Replace every channel by its rank among the items of the set.

    Parameters
    ----------
    in_dim
        Width of the items.
    epsilon
        Blur of the ranks.
    relative
        Divide by the number of items: ranks in (0, 1], whatever the multiplicity.
    """

    def __init__(self, *, in_dim: int, epsilon: float = 1e-2, relative: bool = True) -> None:
        super().__init__()
        self.out_dim, self.epsilon, self.relative = in_dim, epsilon, relative

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, N, in_dim) ranks of ``x (B, N, in_dim)``."""
        rows, real = _by_channel(x, mask)
        ranks = soft_rank(rows, mask=real, epsilon=self.epsilon).mT
        if not self.relative:
            return ranks
        return ranks / (x.shape[1] if mask is None else mask.sum(1).clamp(min=1)[:, None, None])


@brick("soft_sort", takes=_SET, gives={"y": "sequence[out_dim]"}, paper=_PAPER)
class SoftSort(nn.Module):
    """Turn a set into a sequence, each channel sorted by itself or all by a learned score.

    Parameters
    ----------
    in_dim
        Width of the items.
    epsilon
        Blur of the order.
    learned
        Items keep their channels together and are put in the order of a linear score; else channel by channel.
    """

    def __init__(self, *, in_dim: int, epsilon: float = 1e-2, learned: bool = False) -> None:
        super().__init__()
        self.out_dim, self.epsilon = in_dim, epsilon
        self.score = nn.Linear(in_dim, 1) if learned else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, N, in_dim), ascending, real items first."""
        if self.score is None:
            rows, real = _by_channel(x, mask)
            return soft_sort(rows, mask=real, epsilon=self.epsilon).mT
        clean = x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0)
        return soft_sort(self.score(clean).squeeze(-1), values=clean, mask=mask, epsilon=self.epsilon)


@brick("soft_topk", takes=_SET, gives={"y": "set[out_dim]", "member": "set"}, paper=_PAPER)
class SoftTopK(nn.Module):
    """Keep the k items with the largest learned score: grooming that training can move.

    Parameters
    ----------
    in_dim
        Width of the items.
    k
        How many belong; sets of at most k keep all.
    epsilon
        Blur of the border.
    """

    def __init__(self, *, in_dim: int, k: int, epsilon: float = 1e-2) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        self.out_dim, self.k, self.epsilon = in_dim, k, epsilon
        self.score = nn.Linear(in_dim, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the items times their membership (B, N, in_dim), and the membership (B, N, 1) in [0, 1]."""
        clean = x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0)
        member = soft_topk(self.score(clean).squeeze(-1), self.k, mask=mask, epsilon=self.epsilon).unsqueeze(-1)
        return clean * member, member


@brick("soft_quantile", takes=_SET, gives={"y": "vector[out_dim]"}, paper=_PAPER)
class SoftQuantile(nn.Module):
    """Quantiles of every channel over the items, each a smooth function of all of them.

    Parameters
    ----------
    in_dim
        Width of the items.
    levels
        Numbers in [0, 1]; the output is ``in_dim * len(levels)`` wide, levels slowest.
    width
        Share of the items that each quantile averages.
    epsilon
        Blur.
    """

    def __init__(self, *, in_dim: int, levels: Sequence[float] = (0.1, 0.5, 0.9), width: float = 0.1,
                 epsilon: float = 1e-2) -> None:  # fmt: skip
        super().__init__()
        if not levels or min(levels) < 0 or max(levels) > 1:
            raise ValueError("levels must lie in [0, 1]")
        self.out_dim = in_dim * len(levels)
        self.levels, self.width, self.epsilon = tuple(levels), width, epsilon

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, out_dim) of ``x (B, N, in_dim)``."""
        rows, real = _by_channel(x, mask)
        found = soft_quantile(rows, self.levels, width=self.width, mask=real, epsilon=self.epsilon)
        return torch.flatten(found.mT, 1)
