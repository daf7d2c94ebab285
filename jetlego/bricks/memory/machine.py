"""What the neural computers share: a controller in a loop, a state that is a flat tuple, sequences with masks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import blank

State = tuple[Tensor, ...]


class Machine(nn.Module):
    """A brick that is defined by its step: ``advance(x (B, in_dim), state) -> what it knows (B, K), state``.

    The layer ``out`` makes the output of what is known, for all steps at once where they are known.
    """

    out_dim: int
    out: nn.Linear

    def fresh(self, x: Tensor) -> State:
        """Return the state before the first item of a sequence, for the batch of ``x``."""
        raise NotImplementedError

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what is known after one step, and the state after it."""
        raise NotImplementedError

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return (B, out_dim) of one more item ``x (B, in_dim)``, and the state."""
        known, state = self.advance(x, self.fresh(x) if state is None else state)
        return self.out(known), state

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, T, out_dim) of ``x (B, T, in_dim)`` with ``mask (B, T)``, the padding on the right."""
        x = blank(x, mask)
        state, steps = self.fresh(x), []
        for item in x.unbind(1):
            known, state = self.advance(item, state)
            steps.append(known)
        if not steps:
            return x.new_zeros(x.shape[0], 0, self.out_dim)
        return blank(self.out(torch.stack(steps, 1)), mask)


class Controller(nn.Module):
    """An LSTM cell, or a feed-forward layer, between what comes in and what goes to the heads.

    Parameters
    ----------
    in_dim, hidden
        Widths.
    recurrent
        LSTM or one layer with tanh.
    """

    def __init__(self, in_dim: int, hidden: int, *, recurrent: bool) -> None:
        super().__init__()
        self.hidden = hidden
        self.cell = nn.LSTMCell(in_dim, hidden) if recurrent else None
        self.layer = None if recurrent else nn.Linear(in_dim, hidden)

    def fresh(self, x: Tensor) -> State:
        """Return h and c, zero, or nothing."""
        zero = x.new_zeros(x.shape[0], self.hidden)
        return (zero, zero) if self.cell is not None else ()

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what the controller says (B, hidden), and its state."""
        if self.layer is not None:
            return self.layer(x).tanh(), ()
        assert self.cell is not None
        h, c = self.cell(x, state)
        return h, (h, c)
