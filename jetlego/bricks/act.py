"""Adaptive computation time: a recurrent cell that takes as many inner steps for each item as it wants.

    h^n = sigma(w . s^n + b)    N = min{n : sum_{i <= n} h^i >= 1 - eps}    R = 1 - sum_{n < N} h^n
    p^n = h^n for n < N, p^N = R      state = sum_n p^n s^n      loss += tau (N + R)

(Graves, arXiv:1603.08983, section 2).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import blank
from jetlego.bricks.registry import brick

State = tuple[Tensor, ...]

_CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell}


@brick(
    "act",
    takes={"x": "sequence[in_dim]"},
    gives={"y": "sequence[out_dim]", "ponder": "sequence"},
    dynamic=True,
)
class ACT(nn.Module):
    """Recurrent net with adaptive computation time (arXiv:1603.08983).

    Parameters
    ----------
    in_dim, hidden
        Widths of items and state.
    cell
        ``rnn`` or ``gru``.
    max_ponder
        Most inner steps; the last of them takes all that remains.
    epsilon
        A step may halt when no more than this is left.
    halt_bias
        Start of b; the larger, the fewer steps at first.

    Notes
    -----
    Only R has a gradient, N has none. All ``max_ponder`` steps are computed, with weight zero after the halt: leaving
    the loop early would ask the device. A flag tells the cell which inner step is the first.
    """

    def __init__(self, *, in_dim: int, hidden: int = 64, cell: Literal["rnn", "gru"] = "gru", max_ponder: int = 10,
                 epsilon: float = 0.01, halt_bias: float = 1.0) -> None:  # fmt: skip
        super().__init__()
        if max_ponder < 1 or not 0 < epsilon < 1:
            raise ValueError("max_ponder must be at least 1 and epsilon lie between 0 and 1")
        self.in_dim, self.out_dim, self.hidden = in_dim, hidden, hidden
        self.max_ponder, self.epsilon, self.halt_bias = max_ponder, epsilon, halt_bias
        self.cell = _CELLS[cell](in_dim + 1, hidden)
        self.halt = nn.Linear(hidden, 1)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with a bias towards an early halt."""
        nn.init.constant_(self.halt.bias, self.halt_bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return states (B, T, hidden) of ``x (B, T, in_dim)`` and the ponder cost N + R (B, T) of each item."""
        x, state, ys, costs = blank(x, mask), None, [], []
        for item in x.unbind(1):
            y, state, cost = self.ponder(item, state)
            ys.append(y)
            costs.append(cost)
        if not ys:
            return x.new_zeros(x.shape[0], 0, self.hidden), x.new_zeros(x.shape[0], 0)
        return blank(torch.stack(ys, 1), mask), blank(torch.stack(costs, 1), mask)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return (B, hidden) after one more item ``x (B, in_dim)``, and the state."""
        y, state, _ = self.ponder(x, state)
        return y, state

    def ponder(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State, Tensor]:
        """Return the state after one item, the same as a tuple, and the cost N + R (B,)."""
        s = x.new_zeros(x.shape[0], self.hidden) if state is None else state[0]
        weights, states, cost = self.inner(x, s)
        mean = (weights.unsqueeze(-1) * torch.stack(states, 1)).sum(1).to(x.dtype)
        return mean, (mean,), cost

    def inner(self, x: Tensor, s: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Return the weights p (B, max_ponder), the inner states (B, hidden) each, and the cost N + R (B,)."""
        states, weights = [], []
        used = x.new_zeros(x.shape[0])  # sum of the halting probabilities of the steps before
        going = torch.ones_like(used, dtype=torch.bool)
        count, remainder = torch.zeros_like(used), torch.ones_like(used)
        for n in range(self.max_ponder):
            flag = x.new_full((x.shape[0], 1), float(n == 0))
            s = self.cell(torch.cat([x, flag], -1), s)
            h = torch.sigmoid(self.halt(s)).squeeze(-1).to(used.dtype)
            last = torch.ones_like(going) if n == self.max_ponder - 1 else used + h >= 1 - self.epsilon
            stops = going & last
            weights.append(torch.where(stops, 1 - used, h * going))
            remainder = torch.where(stops, 1 - used, remainder)
            count = count + going.to(count.dtype)
            used = torch.where(going & ~last, used + h, used)
            going = going & ~last
            states.append(s)
        return torch.stack(weights, 1), states, count + remainder
