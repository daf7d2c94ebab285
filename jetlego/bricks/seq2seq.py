"""From one sequence to another: an encoder reads, a decoder writes, and attention may look back.

    h = encoder(x)    c = h_m    s_t = g(s_{t-1}, [y_{t-1}; c])    p(y_t) = softmax(W [s_t; c])

after arXiv:1409.3215 and arXiv:1406.1078. With attention the context c_t of each step is the weighted sum of all h_i,
with weights from s_{t-1} (arXiv:1409.0473); where it may know its location, a convolution of the weights of the step
before is added to the scores (arXiv:1506.07503), so that "one place further" holds at any length.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.attention import Attention, ScoreName
from jetlego.bricks.feedforward import Embed
from jetlego.bricks.masks import masked_softmax
from jetlego.bricks.recurrent import GRU
from jetlego.bricks.registry import brick
from jetlego.bricks.sampling import draw

State = tuple[Tensor, ...]

FIRM = 10.0
"""Gain of where to look next: weights lie between 0 and 1, and a score must reach about 10 to decide a softmax."""


@brick("seq2seq", takes={"x": "sequence[in_dim]", "target": "index"}, gives={"log_prob": "logits[out_dim]"})
class Seq2Seq(nn.Module):
    """Writes a sequence of symbols and an end, having read a sequence of vectors (arXiv:1409.3215).

    Parameters
    ----------
    in_dim
        Width of what is read.
    symbols
        Number of symbols 0 .. symbols - 1; the number ``symbols`` is the end, and ``out_dim`` is one more.
    hidden
        Width of both recurrent nets.
    attention
        One of the scores of ``score``, or None for the last state alone.
    location
        With attention: how many places away from where it looked it may be told to go; 0 goes by content alone. The
        convolution counts ten times, so that it can outweigh the content before it has grown large.
    bidirectional
        Whether the encoder reads both ways.

    Notes
    -----
    Targets end with the end symbol; ignore what follows it, and divide the loss by the number of real symbols. The
    first input of the decoder is an embedding of its own. On jets: constituents in, prongs in order out.
    """

    def __init__(self, *, in_dim: int, symbols: int, hidden: int = 64, attention: ScoreName | None = None,
                 location: int = 0, bidirectional: bool = False) -> None:  # fmt: skip
        super().__init__()
        self.symbols, self.out_dim = symbols, symbols + 1
        self.encoder = GRU(in_dim=in_dim, hidden=hidden, bidirectional=bidirectional)
        width = self.encoder.out_dim
        self.start = nn.Linear(width, hidden)
        self.embed = Embed(categories=symbols + 1, out_dim=hidden)  # its row for unknown values is the begin
        self.cell = nn.GRU(hidden + width, hidden, batch_first=True)
        self.attention = self.moves = None
        if attention is not None:
            self.keys = nn.Identity() if width == hidden else nn.Linear(width, hidden)
            self.attention = Attention(in_dim=hidden, query_dim=hidden, kind=attention)
        if attention is not None and location:
            self.moves = nn.Conv1d(1, 1, 2 * location + 1, padding=location, bias=False)
        self.out = nn.Linear(hidden + width, self.out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None, target: Tensor | None = None) -> Tensor:
        """Return log-probabilities (B, S, symbols + 1) of each symbol, given the true ones before it.

        ``x (B, T, in_dim)`` with ``mask (B, T)``; ``target (B, S)`` int64, whatever after the end.
        """
        if target is None:
            raise ValueError("seq2seq needs the sequence that it is to score; decode() makes its own")
        state = self.read(x, mask)
        fed = torch.cat([target.new_full((x.shape[0], 1), -1), target], 1)[:, : target.shape[1]]
        if fed.shape[1] == 0:
            return x.new_zeros(x.shape[0], 0, self.out_dim)
        fed = self.embed(fed)
        if self.attention is None:  # the context never changes, so all steps are one call
            return self._said(self._written(fed, state[1].unsqueeze(1).expand(-1, fed.shape[1], -1), state[0])[0])
        steps = []
        for item in fed.unbind(1):
            known, state = self._advance(item, state)
            steps.append(known)
        return self._said(torch.cat(steps, 1))

    def read(self, x: Tensor, mask: Tensor | None = None) -> State:
        """Return the decoder's first state: (s, c), with attention (s, h, real (B, T), weights (B, T), keys)."""
        h = self.encoder(x, mask)
        ends = self._ends(h, mask)
        first = torch.tanh(self.start(ends))
        if self.attention is None:
            return first, ends
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        return first, h, mask, torch.zeros_like(h[..., 0]), self.attention.score.prepared(self.keys(h))

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Return log-probabilities (B, symbols + 1) after ``token (B,)``, -1 at the begin, and the state."""
        known, state = self._advance(self.embed(token), state)
        return self._said(known).squeeze(1), state

    @torch.no_grad()
    def decode(self, x: Tensor, mask: Tensor | None = None, *, steps: int,
               generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return symbols (B, steps), the end repeated once it is there, and the log-probability of each.

        The likeliest at each step, or drawn from ``generator``; zero log-probability after the end.
        """
        state = self.read(x, mask)
        token = torch.full((x.shape[0],), -1, device=x.device)
        over, found, scores = token >= 0, [], []
        for _ in range(steps):
            log_prob, state = self.step(token, state)
            token = draw(log_prob, generator).masked_fill(over, self.symbols)
            found.append(token)
            scores.append(log_prob.gather(1, token.unsqueeze(1)).squeeze(1).masked_fill(over, 0))
            over = over | (token == self.symbols)
        return torch.stack(found, 1), torch.stack(scores, 1)

    def attended(self, s: Tensor, h: Tensor, real: Tensor, before: Tensor, keys: Tensor) -> Tensor:
        """Return the weights (B, T) with which a decoder in state ``s (B, hidden)`` looks at what was read.

        ``before (B, T)`` are the weights of the step before, ``keys`` what attention has prepared of ``h``.
        """
        assert self.attention is not None
        score = self.attention.score.against(s.unsqueeze(1), keys).squeeze(1)
        if self.moves is not None and before.shape[1]:
            score = score + FIRM * self.moves(before.unsqueeze(1)).squeeze(1)
        return masked_softmax(score, real)

    def _advance(self, fed: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what is known after one more embedded token (B, hidden), (B, 1, hidden + width), and the state."""
        s, *read = state
        context = read[0]
        if self.attention is not None:
            h, real, before, keys = read
            weight = self.attended(s, h, real, before, keys)
            context, read = (weight.unsqueeze(1) @ h).squeeze(1), [h, real, weight, keys]
        known, s = self._written(fed.unsqueeze(1), context.unsqueeze(1), s)
        return known, (s, *read)

    def _written(self, fed: Tensor, context: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return states and contexts (B, S, hidden + width) after tokens (B, S, hidden) in contexts, and s."""
        states, end = self.cell(torch.cat([fed, context], -1), s.unsqueeze(0))
        return torch.cat([states, context], -1), end[0]

    def _said(self, known: Tensor) -> Tensor:
        return self.out(known).log_softmax(-1)

    def _ends(self, h: Tensor, mask: Tensor | None) -> Tensor:
        """Return what both directions of the encoder know in the end, (B, width); zeros for an empty row."""
        if h.shape[1] == 0:
            return h.sum(1)
        if mask is None:
            return torch.cat([h[:, -1, : self.encoder.hidden], h[:, 0, self.encoder.hidden :]], -1)
        index = (mask.sum(1) - 1).clamp(min=0).reshape(-1, 1, 1).expand(-1, 1, self.encoder.hidden)
        return torch.cat([h.gather(1, index).squeeze(1), h[:, 0, self.encoder.hidden :]], -1)
