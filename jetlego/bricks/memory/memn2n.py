"""Memories that are read and not written: a question walks over facts in several hops."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import blank, masked_softmax
from jetlego.bricks.registry import brick


@brick("memn2n", takes={"x": "sequence|set[in_dim]", "query": "vector[query_dim]"}, gives={"y": "vector[out_dim]"})
class MemN2N(nn.Module):
    """End-to-end memory network with adjacent tying (arXiv:1503.08895, section 2).

        u_1 = E_0 q    m_i = E_{k-1} x_i    c_i = E_k x_i    p = softmax(u_k . m)    u_{k+1} = u_k + sum_i p_i c_i

    so what is read in one hop is what is asked of in the next.

    Parameters
    ----------
    in_dim, query_dim
        Widths of facts (bags of words) and of the question, which must be equal: both go through one embedding.
    hidden
        Width inside.
    hops
        Number of reads K.
    max_length
        Facts carry a learned mark of their age, the last real one the youngest, up to this number of them; 0 for sets.
    out_dim
        Width of a last linear layer; None gives u, ``hidden`` wide.

    Notes
    -----
    The variance from seed to seed is large: train several. ``linear = True`` drops the softmax inside the hops, which
    is the linear start of section 5 of the paper: train so at first, then switch. On jets: the facts are constituents,
    the question is the jet's four-momentum.
    """

    def __init__(self, *, in_dim: int, query_dim: int | None = None, hidden: int = 32, hops: int = 3,
                 max_length: int = 0, out_dim: int | None = None) -> None:  # fmt: skip
        super().__init__()
        if query_dim not in (None, in_dim) or hops < 1:
            raise ValueError("the question must be as wide as the facts, and there must be a hop")
        self.query_dim, self.out_dim, self.linear = in_dim, out_dim or hidden, False
        self.embeddings = nn.ModuleList(nn.Linear(in_dim, hidden, bias=False) for _ in range(hops + 1))
        self.ages = nn.Parameter(torch.empty(hops + 1, max_length, hidden)) if max_length else None
        self.last = nn.Linear(hidden, out_dim, bias=False) if out_dim else nn.Identity()
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start from normal numbers of width 0.1, as the paper does."""
        with torch.no_grad():
            for weight in [e.weight for e in self.embeddings] + ([] if self.ages is None else [self.ages]):
                weight.normal_(std=0.1, generator=generator)

    def forward(self, x: Tensor, mask: Tensor | None = None, query: Tensor | None = None) -> Tensor:
        """Return (B, out_dim) of facts ``x (B, N, in_dim)`` with ``mask (B, N)`` and ``query (B, query_dim)``."""
        if query is None:
            raise ValueError("memn2n needs a question")
        x = blank(x, mask)
        u = self.embeddings[0](query)
        seen = [self._seen(k, x, mask) for k in range(len(self.embeddings))]
        for m, c in pairwise(seen):
            u = u + (self._weights(u, m, mask).unsqueeze(1) @ c).squeeze(1)
        return self.last(u)

    def _weights(self, u: Tensor, m: Tensor, mask: Tensor | None) -> Tensor:
        score = (m @ u.unsqueeze(-1)).squeeze(-1)
        return blank(score, mask) if self.linear else masked_softmax(score, mask)

    def _seen(self, k: int, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return the facts (B, N, hidden) as embedding k sees them."""
        y = self.embeddings[k](x)
        if self.ages is None or x.shape[1] == 0:
            return y
        here = torch.arange(x.shape[1], device=x.device)
        count = x.shape[1] if mask is None else mask.sum(1, keepdim=True)
        age = (count - 1 - here).clamp(min=0, max=self.ages.shape[1] - 1)
        return y + self.ages[k].index_select(0, age.flatten()).reshape(*age.shape, -1)
