"""Graphs and trees as outputs: logits of edges, and of how far back two items have a common ancestor.

Lowest common ancestors tell a tree by N x N ordinal classes: class 0 for items that are one, class g for an ancestor g
generations up, as in the decay trees of arXiv:2208.14924. :func:`tree_of` grows a valid tree from any such matrix.
"""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from jetlego.bricks.gated_attention import channels_first, channels_last, pair_mask
from jetlego.bricks.masks import blank
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick


@brick("edge_head", takes={"x": "set|sequence|slots[in_dim]"}, gives={"y": "pair|graph[out_dim]"})
class EdgeHead(nn.Module):
    """Symmetric bilinear logits of every two items, ``p_i . D_k p_j + v_k . (p_i + p_j) + b_k`` with ``p = W x``.

    Parameters
    ----------
    in_dim, out_dim
        Width of the items; kinds of edges.
    hidden
        Width of p, the largest rank of the form.
    """

    def __init__(self, *, in_dim: int, out_dim: int = 1, hidden: int = 32) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.enter, self.own = nn.Linear(in_dim, hidden), nn.Linear(hidden, out_dim)
        self.form = nn.Parameter(torch.empty(out_dim, hidden))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start as large as a mean over the channels."""
        nn.init.normal_(self.form, std=self.form.shape[1] ** -0.5, generator=generator)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, out_dim, N, N) of ``x (B, N, in_dim)``, symmetric, zero where either is padding."""
        p = self.enter(blank(x, mask))
        both = torch.einsum("bih,kh,bjh->bijk", p, self.form, p)
        own = self.own(p)
        return channels_first(blank(both + (own.unsqueeze(1) + own.unsqueeze(2)) / 2, pair_mask(mask)))


@brick("lca_head", takes={"x": "pair[in_dim]"}, gives={"y": "pair|tree[out_dim]"})
class LCAHead(nn.Module):
    """Ordinal logits of the lowest common ancestor of every two items, from pairs made symmetric.

    Parameters
    ----------
    in_dim, out_dim
        Channels of the pairs; generations.
    body
        Applied to the mean of z_ij and z_ji before the last linear layer.
    """

    def __init__(self, *, in_dim: int, out_dim: int, body: Annotated[Part, "any -> any"] | None = None) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.body = None if body is None else fit(body, in_dim=in_dim)
        self.last = nn.Linear(in_dim if self.body is None else self.body.out_dim, out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, out_dim, N, N) of ``x (B, in_dim, N, N)`` and ``mask (B, N)``, zero where either is padding."""
        both = pair_mask(mask)
        z = blank(channels_last(x + x.mT) / 2, both)
        z = z if self.body is None else self.body(z)
        return channels_first(blank(self.last(z), both))


def expected_generation(logits: Tensor) -> Tensor:
    """Return the mean class (B, N, N) under the softmax of ``logits (B, K, N, N)``."""
    classes = torch.arange(logits.shape[1], device=logits.device, dtype=logits.dtype)
    return torch.einsum("bkij,k->bij", logits.softmax(1), classes)


def tree_of(generation: Tensor) -> list[tuple[int, int]]:
    """Return the merges of one valid binary tree: at each step the two clusters nearest to each other on average.

    ``generation (n, n)`` holds how far apart two items are, such as :func:`expected_generation`. Leaves are 0 to n - 1
    and merge s makes node n + s; ties go to the lower numbers. For results, not for training: it runs on the host.
    """
    distance = (generation + generation.mT).double().cpu() / 2
    count = distance.shape[0]
    members = {i: [i] for i in range(count)}
    merges: list[tuple[int, int]] = []
    while len(members) > 1:
        names = sorted(members)
        pairs = [(float(distance[members[a]][:, members[b]].mean()), a, b)
                 for i, a in enumerate(names) for b in names[i + 1 :]]  # fmt: skip
        _, a, b = min(pairs)
        members[count + len(merges)] = members.pop(a) + members.pop(b)
        merges.append((a, b))
    return merges


@brick("merge_decoder", takes={"x": "set[in_dim]", "target": "index"}, gives={"log_prob": "tree"}, dynamic=True)
class MergeDecoder(nn.Module):
    """Clusters items as a sequence of choices: which two merge next, told the merges before (a pointer over pairs).

    Scores are symmetric bilinear; the merged pair becomes ``relu(W (h_i + h_j) + U |h_i - h_j|)`` in the place of the
    first, and the second is gone. Learns sequential recombination from histories.

    Parameters
    ----------
    in_dim
        Width of the (embedded) items.
    hidden
        Width of the states.
    """

    def __init__(self, *, in_dim: int, hidden: int = 32) -> None:
        super().__init__()
        self.enter = nn.Linear(in_dim, hidden)
        self.sum, self.difference = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.score = EdgeHead(in_dim=hidden, hidden=hidden)

    def forward(self, x: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return ln p (B, M) of the merges ``target (B, M, 2)`` of ``x (B, N, in_dim)``; 0 for merges (-1, -1).

        A merge (i, j) names *places*: the pair lives on in place i, and j is empty from then on.
        """
        state = torch.relu(self.enter(blank(x, mask)))
        alive = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        here = torch.arange(x.shape[1], device=x.device)
        terms = []
        for pair in target.unbind(1):
            first, second = ((here == place.unsqueeze(1)) for place in pair.unbind(1))  # (B, N)
            terms.append(self._term(state, alive, first, second))
            state, alive = self._merged(state, first, second), alive & ~second
        return torch.stack(terms, 1) if terms else x.new_zeros(x.shape[0], 0)

    def _merged(self, state: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return the states (B, N, H) with the pair in the place of its first."""
        h_i, h_j = ((state * chosen.unsqueeze(-1)).sum(1) for chosen in (first, second))
        merged = torch.relu(self.sum(h_i + h_j) + self.difference((h_i - h_j).abs()))
        return torch.where(first.unsqueeze(-1), merged.unsqueeze(1), state)

    def scores(self, state: Tensor, alive: Tensor) -> Tensor:
        """Return (B, N, N) scores of the pairs i < j of items alive, very low elsewhere."""
        count = state.shape[1]
        upper = torch.ones(count, count, dtype=torch.bool, device=state.device).triu(1)
        open_ = pair_mask(alive) & upper
        return self.score(state, alive)[:, 0].masked_fill(~open_, -1e9)

    def _term(self, state: Tensor, alive: Tensor, first: Tensor, second: Tensor) -> Tensor:
        log_prob = self.scores(state, alive).flatten(1).log_softmax(-1).unflatten(1, (state.shape[1], -1))
        either = first.unsqueeze(2) & second.unsqueeze(1) | second.unsqueeze(2) & first.unsqueeze(1)
        upper = torch.ones_like(either[0]).triu(1)
        return log_prob.masked_fill(~(either & upper), 0).sum((1, 2))

    @torch.no_grad()
    def merges(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the likeliest merges (B, N - 1, 2) one by one; (-1, -1) where a set has been used up."""
        state = torch.relu(self.enter(blank(x, mask)))
        alive = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask.clone()
        count, found = x.shape[1], []
        here = torch.arange(count, device=x.device)
        for _ in range(count - 1):
            best = self.scores(state, alive).flatten(1).argmax(1)
            i, j = best // count, best % count
            over = alive.sum(1) < 2
            found.append(torch.stack([i, j], 1).masked_fill(over.unsqueeze(1), -1))
            first, second = (((here == p.unsqueeze(1)) & ~over.unsqueeze(1)) for p in (i, j))
            state, alive = self._merged(state, first, second), alive & ~second
        return torch.stack(found, 1) if found else torch.zeros(x.shape[0], 0, 2, dtype=torch.int64, device=x.device)
