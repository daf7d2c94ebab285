"""Sequences on several time scales: the clockwork net and the stack of dilated causal convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jetlego.bricks.conv1d import Conv1d
from jetlego.bricks.masks import Packing, blank
from jetlego.bricks.registry import brick

State = tuple[Tensor, ...]

_TAKES, _GIVES = {"x": "sequence[in_dim]"}, {"y": "sequence|vector[out_dim]"}
_BOTH = ("padded", "packed")


@brick("clockwork", takes=_TAKES, gives=_GIVES, views=_BOTH)
class Clockwork(nn.Module):
    """Clockwork recurrent net: groups of units that each move at their own pace (arXiv:1402.3511).

    Group i moves at the steps t that its period divides, ``h_i <- tanh(W_i x_t + sum_{T_j >= T_i} U_ij h_j + b_i)``,
    and stands still at all others; it hears itself and slower groups alone. The first step, t = 0, moves all.

    Parameters
    ----------
    in_dim, hidden
        Widths; the groups share ``hidden`` equally.
    periods
        One a group.
    last
        Give the state after the last real item alone, (B, out_dim), instead of the sequence.

    Notes
    -----
    State: h (B, hidden) and the step t (B,) int64. With all periods 1 it is the plain ``rnn``. On jets: along the
    primary Lund sequence the slow groups see wide-angle, hard splittings, the fast ones what is soft and collinear.
    """

    def __init__(self, *, in_dim: int, hidden: int = 64, periods: Sequence[int] = (1, 2, 4, 8),
                 last: bool = False) -> None:  # fmt: skip
        super().__init__()
        if not periods or min(periods) < 1 or hidden % len(periods):
            raise ValueError(f"{hidden} units do not divide into groups with periods {list(periods)}")
        self.out_dim, self.last = hidden, last
        clock = torch.tensor(list(periods)).repeat_interleave(hidden // len(periods))
        self.register_buffer("period", clock, persistent=False)
        self.register_buffer("heard", clock.unsqueeze(1) <= clock.unsqueeze(0), persistent=False)
        self.drive = nn.Linear(in_dim, hidden)
        self.weight = nn.Parameter(torch.empty(hidden, hidden))
        self.reset()

    @property
    def gives_kind(self) -> str:
        """What comes out: ``vector`` where only the last state is asked for."""
        return "vector" if self.last else "sequence"

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Draw the recurrent weights uniformly within 1 / sqrt(hidden), as torch does for its nets."""
        bound = 1 / math.sqrt(self.out_dim)
        nn.init.uniform_(self.weight, -bound, bound, generator=generator)

    def forward(self, x: Tensor, mask: Tensor | None = None, state: State | None = None, *, ptr: Tensor | None = None,
                n_max: int = 0) -> Tensor:  # fmt: skip
        """Return (B, T, out_dim) of ``x (B, T, in_dim)``, or (B, out_dim) where only the last state is asked for.

        ``mask (B, T)`` with the padding on the right, or packed ``x (P, in_dim)`` with ``ptr (B + 1,)`` and ``n_max``.
        A row without items gives zeros.
        """
        if ptr is not None:
            packing = Packing.of(ptr, x.shape[0], n_max)
            y = self.forward(packing.pad(x), packing.mask, state)
            return y if self.last else packing.unpad(y)
        y, state = self.run(x, mask, state)
        return state[0] if self.last else y

    def run(self, x: Tensor, mask: Tensor | None = None, state: State | None = None) -> tuple[Tensor, State]:
        """Return outputs (B, T, out_dim) and the state after each row's last real item."""
        drives = self.drive(blank(x, mask))
        state = self._fresh(drives) if state is None else state
        weight, outputs = self.weight * self.heard, []
        for t in range(x.shape[1]):
            state = self._move(drives[:, t], state, weight, None if mask is None else mask[:, t])
            outputs.append(state[0])
        y = torch.stack(outputs, 1) if outputs else drives
        return blank(y, mask), state

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return (B, out_dim) after one more item ``x (B, in_dim)``, and the state."""
        drive = self.drive(x)
        state = self._fresh(drive) if state is None else state
        state = self._move(drive, state, self.weight * self.heard, None)
        return state[0], state

    def _fresh(self, drive: Tensor) -> State:
        start = drive.new_zeros(drive.shape[0], self.out_dim)
        return start, start.new_zeros(start.shape[0], dtype=torch.int64)

    def _move(self, drive: Tensor, state: State, weight: Tensor, real: Tensor | None) -> State:
        h, t = state
        moves = t.unsqueeze(1) % self.period == 0
        if real is not None:
            moves = moves & real.unsqueeze(1)
        new = torch.where(moves, torch.tanh(drive + h.to(drive.dtype) @ weight.to(drive.dtype).T), h.to(drive.dtype))
        return new, t + (1 if real is None else real.long())


class _Layer(nn.Module):
    """One layer of :class:`WaveNet`."""

    def __init__(self, hidden: int, skip_dim: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        how = {"kernel": kernel, "dilation": dilation, "padding": "causal"}
        self.both = Conv1d(in_dim=hidden, out_dim=2 * hidden, **how)
        self.onward, self.aside = nn.Linear(hidden, hidden), nn.Linear(hidden, skip_dim)
        self.dropout = nn.Dropout(dropout)

    def join(self, x: Tensor, both: Tensor) -> tuple[Tensor, Tensor]:
        """Return what goes on and what goes to the output, of the input and its convolution."""
        signal, gate = both.chunk(2, -1)
        gated = self.dropout(signal.tanh() * gate.sigmoid())
        return x + self.onward(gated), self.aside(gated)


@brick("wavenet", takes=_TAKES, gives={"y": "sequence[out_dim]"}, views=_BOTH)
class WaveNet(nn.Module):
    """Stack of dilated causal convolutions, gated, with residuals and skips (arXiv:1609.03499, section 2.3).

        g = tanh(W_f * x) sigma(W_g * x)    x <- x + R g    y = O relu(S relu(sum over layers of K g))

    with dilations 1, 2, 4 .. 2^{layers - 1}, ``stacks`` times over.

    Parameters
    ----------
    in_dim, out_dim
        Widths; as many come out as ``hidden`` if not said.
    hidden, skip_dim
        Channels of the layers, and of the sum over them.
    kernel, layers, stacks
        Items a window holds, layers a stack, stacks.
    dropout
        Of the gated signals.

    Notes
    -----
    Output t depends on inputs t - :attr:`receptive_field` + 1 .. t. Sequences of a few thousand items train in
    parallel where a recurrent net takes step after step (arXiv:1803.01271). On jets: ordered declusterings or tracks.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, hidden: int = 32, skip_dim: int | None = None,
                 kernel: int = 2, layers: int = 6, stacks: int = 1, dropout: float = 0.0) -> None:  # fmt: skip
        super().__init__()
        if min(layers, stacks) < 1:
            raise ValueError("a wavenet needs a layer and a stack")
        self.out_dim = hidden if out_dim is None else out_dim
        skip_dim = hidden if skip_dim is None else skip_dim
        dilations = [2**i for i in range(layers)] * stacks
        self.receptive_field = 1 + (kernel - 1) * sum(dilations)
        self.embed = nn.Linear(in_dim, hidden)
        self.layers = nn.ModuleList(_Layer(hidden, skip_dim, kernel, d, dropout) for d in dilations)
        self.mix, self.last = nn.Linear(skip_dim, skip_dim), nn.Linear(skip_dim, self.out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None, n_max: int = 0) -> Tensor:
        """Return (B, T, out_dim) of ``x (B, T, in_dim)`` with ``mask (B, T)``, or packed with ``ptr`` and ``n_max``."""
        if ptr is not None:
            packing = Packing.of(ptr, x.shape[0], n_max)
            return packing.unpad(self.forward(packing.pad(x), packing.mask))
        x, total = self.embed(blank(x, mask)), 0
        for layer in self.layers:
            x, aside = layer.join(x, layer.both(x))
            total = total + aside
        return blank(self._read(total), mask)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return (B, out_dim) after one more item, and the last inputs of each layer; costs one item, not the past."""
        x, total, after = self.embed(x), 0, []
        for index, layer in enumerate(self.layers):
            both, kept = layer.both.step(x, None if state is None else (state[index],))
            after += kept
            x, aside = layer.join(x, both)
            total = total + aside
        return self._read(total), tuple(after)

    def _read(self, total: Tensor) -> Tensor:
        return self.last(torch.relu(self.mix(torch.relu(total))))
