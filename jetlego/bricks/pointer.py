"""Pointer networks: a sequence of choices among the items of a set (arXiv:1506.03134).

    u_j = v . tanh(W_1 e_j + W_2 d_t),   p(C_t = j) = softmax_j u_j

over the real items and, where asked, a learned end item. A choice is the index of an item, -1 for the end; column
``j + 1`` of the log-probabilities is item j, column 0 the end, so that more padding moves nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.attention import Score, ScoreName
from jetlego.bricks.masks import blank, set_mean
from jetlego.bricks.registry import brick
from jetlego.bricks.sampling import draw

IMPOSSIBLE = -1e9
"""Log-probability of what may not be chosen: finite, and exactly zero after ``exp``."""


@brick(
    "pointer",
    takes={"x": "set[in_dim]", "target": "index"},
    gives={"log_prob": "logits"},
)
class Pointer(nn.Module):
    """Chooses items one after the other; a recurrent cell reads the embedding of each choice.

    Parameters
    ----------
    in_dim
        Width of the (embedded) items.
    hidden
        Width of the recurrent cell, by default ``in_dim``.
    kind
        Score between the cell's state and the items.
    end_token
        Whether the end may be chosen; it stays the end.
    no_repeat
        Whether an item may be chosen once only.
    closed
        With ``no_repeat``: the first item may be chosen again, which closes a hull.
    """

    def __init__(self, *, in_dim: int, hidden: int | None = None, kind: ScoreName = "additive", end_token: bool = True,
                 no_repeat: bool = True, closed: bool = False) -> None:  # fmt: skip
        super().__init__()
        hidden = hidden or in_dim
        self.end_token, self.no_repeat, self.closed = end_token, no_repeat, closed
        self.begin, self.end = nn.Parameter(torch.empty(in_dim)), nn.Parameter(torch.empty(in_dim))
        self.start = nn.Linear(in_dim, hidden)
        self.cell = nn.GRU(in_dim, hidden, batch_first=True)
        self.score = Score(in_dim=in_dim, query_dim=hidden, kind=kind)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the begin and end vectors as items of unit size."""
        nn.init.normal_(self.begin, generator=generator)
        nn.init.normal_(self.end, generator=generator)

    def forward(self, x: Tensor, mask: Tensor | None = None, target: Tensor | None = None) -> Tensor:
        """Return log-probabilities (B, T, 1 + N) of each choice, given the true choices before it.

        ``x (B, N, in_dim)``; ``target (B, T)`` int64, item or -1 for the end.
        """
        if target is None:
            raise ValueError("pointer needs the choices that it is to score; choose() makes its own")
        items, allowed = self._items(x, mask)
        fed = torch.cat([self.begin.expand(x.shape[0], 1, -1), _take(items, target[:, :-1] + 1)], 1)
        state, _ = self.cell(fed[:, : target.shape[1]], self._first_state(x, mask))
        return self._log_prob(state, items, self._open(allowed, target))

    @torch.no_grad()
    def choose(self, x: Tensor, mask: Tensor | None = None, *, steps: int,
               generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return choices (B, steps), -1 for the end, and their log-probabilities.

        The likeliest, or drawn from ``generator``. After the end, and where nothing is left to choose, the end is
        repeated with log-probability zero.
        """
        items, allowed = self._items(x, mask)
        state, fed = self._first_state(x, mask), self.begin.expand(x.shape[0], 1, -1)
        over = torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)
        choices = allowed.new_zeros((x.shape[0], 0), dtype=torch.int64)
        scores = []
        for _ in range(steps):
            out, state = self.cell(fed, state)
            log_prob = self._log_prob(out, items, self._open(allowed, _with_next(choices))[:, -1:])[:, 0]
            column = draw(log_prob, generator)
            over = over | (log_prob.amax(1) <= IMPOSSIBLE)
            column = column.masked_fill(over, 0)
            scores.append(log_prob.gather(1, column.unsqueeze(1)).squeeze(1).masked_fill(over, 0))
            over = over | (column == 0)
            choices = torch.cat([choices, column.unsqueeze(1) - 1], 1)
            fed = _take(items, column.unsqueeze(1))
        return choices, torch.stack(scores, 1)

    def _items(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return [end; items] (B, 1 + N, D) and which of them may be chosen at first."""
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        items = torch.cat([self.end.expand(x.shape[0], 1, -1), blank(x, mask)], 1)
        return items, torch.cat([mask.new_full((x.shape[0], 1), self.end_token), mask], 1)

    def _first_state(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return torch.tanh(self.start(set_mean(x, mask))).unsqueeze(0)

    def _open(self, allowed: Tensor, target: Tensor) -> Tensor:
        """Return (B, T, 1 + N): what may be chosen at each step, given the choices before it."""
        steps = target.shape[1]
        open_ = allowed.unsqueeze(1).expand(-1, steps, -1)
        if not self.no_repeat or steps == 0:
            return open_
        columns = torch.arange(allowed.shape[1], device=target.device)
        chosen = (target.unsqueeze(-1) + 1 == columns).long()
        before = chosen.cumsum(1) - chosen
        taken = before > 0
        taken[..., 0] = False
        if self.closed:  # the first choice opens again once two others are made
            again = torch.arange(steps, device=target.device).reshape(1, -1, 1) > 2
            taken = taken & ~(again & (chosen[:, :1] > 0))
        return open_ & ~taken

    def _log_prob(self, state: Tensor, items: Tensor, open_: Tensor) -> Tensor:
        score = self.score(state, items).float() if state.dtype == torch.bfloat16 else self.score(state, items)
        wide = score.masked_fill(~open_, IMPOSSIBLE)
        return wide.log_softmax(-1).masked_fill(~open_, IMPOSSIBLE)


def _take(items: Tensor, column: Tensor) -> Tensor:
    return items.gather(1, column.unsqueeze(-1).expand(-1, -1, items.shape[2]))


def _with_next(choices: Tensor) -> Tensor:
    """Append an empty slot for the step that is to come."""
    return torch.cat([choices, choices.new_full((choices.shape[0], 1), -1)], 1)
