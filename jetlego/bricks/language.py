"""Predict each token of a sequence from those before it, with any causal core."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from jetlego.bricks.feedforward import Embed
from jetlego.bricks.masks import blank
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick
from jetlego.bricks.sampling import draw


@brick("language", takes={"tokens": "index"}, gives={"log_prob": "sequence[symbols]"})
class Language(nn.Module):
    """``log p(x_t | x_1 .. x_{t-1})`` for every symbol: embed the tokens, shift them by one, run a causal core.

    Parameters
    ----------
    symbols
        Number of tokens 0 .. symbols - 1; what precedes the first has an embedding of its own.
    hidden
        Width of the embedding.
    core
        Causal and with a ``step``, such as ``gru``, ``lstm`` or ``transformer`` with ``causal: true``.

    Notes
    -----
    Sequences of unequal length want an end symbol among the tokens. In a mean of the negative log-probability divide by
    the number of real tokens, not of all.
    """

    def __init__(self, *, symbols: int, hidden: int = 64,
                 core: Annotated[Part, "sequence -> sequence"] = "gru") -> None:  # fmt: skip
        super().__init__()
        self.symbols = symbols
        self.embed = Embed(categories=symbols, out_dim=hidden)  # its row for unknown values is the begin
        self.core = fit(core, in_dim=hidden)
        self.out = nn.Linear(self.core.out_dim, symbols)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return log-probabilities (B, T, symbols) of what may stand at each place of ``tokens (B, T)`` int64."""
        before = torch.cat([tokens.new_full((tokens.shape[0], 1), self.symbols), tokens], 1)[:, : tokens.shape[1]]
        before = before if mask is None else before.masked_fill(~mask, self.symbols)
        logits = self.out(self.core(self.embed(before), mask))
        return blank(logits.log_softmax(-1), mask)

    def nll(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B,) negative log-probabilities of whole sequences, in nats."""
        known = tokens if mask is None else tokens.masked_fill(~mask, 0)
        return -self.forward(tokens, mask).gather(2, known.unsqueeze(-1)).squeeze(-1).sum(1)

    def step(self, token: Tensor | None, state: Any = None, *, num: int = 0) -> tuple[Tensor, Any]:
        """Return log-probabilities (B, symbols) of the next token after ``token (B,)``, and the state.

        None stands for the begin of ``num`` sequences.
        """
        if token is None:
            token = torch.full((num,), self.symbols, device=self.out.weight.device)
        y, state = self.core.step(self.embed(token), state)
        return self.out(y).log_softmax(-1), state

    @torch.no_grad()
    def sample(self, num: int, length: int, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return ``num`` drawn sequences (num, length) and the log-probability of each token; likeliest without one."""
        token, state, found, scores = None, None, [], []
        for _ in range(length):
            log_prob, state = self.step(token, state, num=num)
            token = draw(log_prob, generator)
            found.append(token)
            scores.append(log_prob.gather(1, token.unsqueeze(1)).squeeze(1))
        return torch.stack(found, 1), torch.stack(scores, 1)
