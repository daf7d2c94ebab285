"""Hierarchical multiscale recurrent net: levels that find out themselves where their units end."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import Packing, blank
from jetlego.bricks.registry import brick

State = tuple[Tensor, ...]


def hard_step(score: Tensor, slope: float) -> Tensor:
    """Return 1 where the hard sigmoid ``clamp((a s + 1) / 2, 0, 1)`` exceeds 1/2, else 0.

    Its gradient is that of the hard sigmoid (straight-through, arXiv:1609.01704, section 3).
    """
    soft = ((slope * score + 1) / 2).clamp(0, 1)
    return soft + ((soft > 0.5).to(soft.dtype) - soft).detach()


class _Level(nn.Module):
    """One level: an LSTM that copies, updates or flushes, as the boundaries around it say."""

    def __init__(self, below: int, hidden: int, above: int, marks: bool) -> None:
        super().__init__()
        self.marks = marks
        rows = 4 * hidden + int(marks)
        self.up, self.across = nn.Linear(below, rows, bias=False), nn.Linear(hidden, rows)
        self.down = nn.Linear(above, rows, bias=False) if above else None

    def forward(self, below: Tensor, z_below: Tensor, own: State, above: Tensor | None, slope: float) -> State:
        """Return (h, c, z) one item later; ``own`` is (h, c, z) before, ``z_below (B, 1)`` tells the level to move."""
        h, c, z = own
        score = self.across(h) + self.up(below) * z_below
        if self.down is not None and above is not None:
            score = score + self.down(above) * z
        mark, gates = (score[:, -1:], score[:, :-1]) if self.marks else (None, score)
        f, i, o = gates[:, : 3 * h.shape[1]].sigmoid().chunk(3, 1)
        new = i * gates[:, 3 * h.shape[1] :].tanh()
        flush, update = z, (1 - z) * z_below
        copy = (1 - z) * (1 - z_below)
        c = flush * new + update * (f * c + new) + copy * c
        moved = o * torch.tanh(c)
        if mark is None:
            return (1 - copy) * moved + copy * h, c, z
        return (1 - copy) * moved + copy * h, c, hard_step(mark, slope) * z_below


@brick("hm_rnn", takes={"x": "sequence[in_dim]"}, gives={"y": "sequence|vector[out_dim]"}, views=("padded", "packed"))
class HMRNN(nn.Module):
    """Hierarchical multiscale LSTM with learned boundaries (Chung, Ahn, Bengio, arXiv:1609.01704).

    With z_t^l = 1 where level l ends a unit (z^0 = 1), level l does one of three things at each step:

        flush,  z_{t-1}^l = 1:                       c = i g                 (what was there has been handed up)
        update, z_{t-1}^l = 0 and z_t^{l-1} = 1:     c = f c + i g
        copy,   z_{t-1}^l = 0 and z_t^{l-1} = 0:     c and h as they were, bit by bit

    and h = o tanh c. A level that copies ends no unit. Levels hear the one below where it ends a unit, and the one
    above after a flush. The output is ``relu(sum_l sigma(w_l . [h^1 .. h^L]) E_l h^l)``.

    Parameters
    ----------
    in_dim, hidden, levels
        Width of the items, of each level, number of levels; the highest marks no boundaries.
    slope
        Steepness a of the hard sigmoid. Raise the attribute ``slope`` from 1 to about 5 while training.
    last
        Give the output at the last real item alone, (B, out_dim), instead of the sequence.

    Notes
    -----
    The gradient of a boundary is straight-through, so finite differences do not agree with it. Without a slope that
    grows, all boundaries tend to become 1. On jets: borders of subjets in an angular-ordered list.
    """

    def __init__(self, *, in_dim: int, hidden: int = 64, levels: int = 2, slope: float = 1.0,
                 last: bool = False) -> None:  # fmt: skip
        super().__init__()
        if levels < 2:
            raise ValueError("a hierarchy needs two levels")
        self.hidden, self.out_dim, self.slope, self.last = hidden, hidden, slope, last
        self.levels = nn.ModuleList(
            _Level(in_dim if i == 0 else hidden, hidden, hidden if i < levels - 1 else 0, i < levels - 1)
            for i in range(levels)
        )
        self.gate = nn.Linear(levels * hidden, levels)
        self.value = nn.ModuleList(nn.Linear(hidden, hidden, bias=i == 0) for i in range(levels))

    @property
    def gives_kind(self) -> str:
        """What comes out: ``vector`` where only the last output is asked for."""
        return "vector" if self.last else "sequence"

    def forward(self, x: Tensor, mask: Tensor | None = None, state: State | None = None, *, ptr: Tensor | None = None,
                n_max: int = 0) -> Tensor:  # fmt: skip
        """Return (B, T, out_dim) of ``x (B, T, in_dim)``, or (B, out_dim) where only the last output is asked for.

        ``mask (B, T)`` with the padding on the right, or packed ``x (P, in_dim)`` with ``ptr (B + 1,)`` and ``n_max``.
        """
        if ptr is not None:
            packing = Packing.of(ptr, x.shape[0], n_max)
            y = self.forward(packing.pad(x), packing.mask, state)
            return y if self.last else packing.unpad(y)
        y, _, state = self.run(x, mask, state)
        if not self.last:
            return y
        end = self._read(state)
        return end if mask is None else blank(end.unsqueeze(1), mask.any(1, keepdim=True)).squeeze(1)

    def run(self, x: Tensor, mask: Tensor | None = None,
            state: State | None = None) -> tuple[Tensor, Tensor, State]:  # fmt: skip
        """Return outputs (B, T, out_dim), boundaries (B, T, levels - 1), and the state after the last real items."""
        x = blank(x, mask)
        state = self._fresh(x) if state is None else state
        outputs, marks = [], []
        for t in range(x.shape[1]):
            moved = self._move(x[:, t], state)
            if mask is not None:
                real = mask[:, t].unsqueeze(1)
                moved = tuple(torch.where(real, a, b.to(a.dtype)) for a, b in zip(moved, state, strict=True))
            state = moved
            outputs.append(self._read(state))
            marks.append(torch.cat(state[2:-1:3], 1))
        if not outputs:
            empty = x.new_zeros(x.shape[0], 0, self.out_dim)
            return empty, empty[..., : len(self.levels) - 1], state
        return blank(torch.stack(outputs, 1), mask), blank(torch.stack(marks, 1), mask), state

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return (B, out_dim) after one more item ``x (B, in_dim)``, and (h, c, z) of each level, from the lowest."""
        state = self._move(x, self._fresh(x) if state is None else state)
        return self._read(state), state

    def _fresh(self, x: Tensor) -> State:
        zero = x.new_zeros(x.shape[0], self.hidden)
        return (zero, zero, zero[:, :1]) * len(self.levels)

    def _move(self, x: Tensor, state: State) -> State:
        below, z_below, after = x, torch.ones_like(state[2]), []
        for index, level in enumerate(self.levels):
            own = state[3 * index : 3 * index + 3]
            above = state[3 * index + 3] if index < len(self.levels) - 1 else None
            h, c, z = level(below, z_below, own, above, self.slope)
            after += [h, c, z]
            below, z_below = h, z
        return tuple(after)

    def _read(self, state: State) -> Tensor:
        heights = state[0::3]
        gates = self.gate(torch.cat(heights, 1)).sigmoid()
        values = [value(h) for value, h in zip(self.value, heights, strict=True)]
        return torch.relu((torch.stack(values, 2) * gates.unsqueeze(1)).sum(2))
