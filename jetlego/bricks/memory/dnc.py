"""Differentiable neural computer: memory with dynamic allocation and links that remember the order of writing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.memory import addressing
from jetlego.bricks.memory.machine import Controller, Machine, State
from jetlego.bricks.registry import brick


@brick("dnc", takes={"x": "sequence[in_dim]"}, gives={"y": "sequence[out_dim]"},
       paper="Graves et al., Nature 538 (2016) 471")  # fmt: skip
class DNC(Machine):
    """Differentiable neural computer (Graves et al., Nature 538 (2016) 471, methods).

        w_w = g_w (g_a a + (1 - g_a) c_w)          M <- M (1 - w_w e^T) + w_w v^T
        w_r = pi_1 L^T w_r + pi_2 c_r + pi_3 L w_r      r = M^T w_r

    with allocation a from usage, content weightings c, and links L between slots written one after the other.

    Parameters
    ----------
    in_dim, out_dim
        Widths of the items; the output is as wide as the input by default.
    hidden
        Width of the controller.
    slots, width
        Rows of the memory, and how wide they are.
    heads
        Number of read heads; there is one write head.
    recurrent
        LSTM as controller, or a feed-forward layer.

    Notes
    -----
    L is quadratic in the number of slots. Gradients explode: clip them at 10. On jets: write every jet of an event
    while reading, and walk back in the order of writing.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, hidden: int = 64, slots: int = 16, width: int = 16,
                 heads: int = 1, recurrent: bool = True) -> None:  # fmt: skip
        super().__init__()
        if min(slots, width, heads) < 1:
            raise ValueError("slots, width and heads must be at least 1")
        self.out_dim, self.slots, self.width, self.heads = out_dim or in_dim, slots, width, heads
        # read keys, strengths, modes and free gates; write key, strength, erase, add, two gates
        self.sizes = [heads * width, heads, 3 * heads, heads, width, 1, width, width, 1, 1]
        self.controller = Controller(in_dim + heads * width, hidden, recurrent=recurrent)
        self.interface = nn.Linear(hidden, sum(self.sizes))
        self.out = nn.Linear(hidden + heads * width, self.out_dim)

    def fresh(self, x: Tensor) -> State:
        """Return memory (B, N, W), usage (B, N), links (B, N, N), precedence, write weighting (B, N), read weightings.

        Then what was read (B, R, W), and the controller's state; all zero.
        """
        size, slots, heads = x.shape[0], self.slots, self.heads
        row = x.new_zeros(size, slots)
        memory, links = x.new_zeros(size, slots, self.width), x.new_zeros(size, slots, slots)
        reads = x.new_zeros(size, heads, slots), x.new_zeros(size, heads, self.width)
        return (memory, row, links, row, row, *reads, *self.controller.fresh(x))

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what is known after one item, controller and reads, and the state after it."""
        memory, usage, links, precedence, write, weight, read, *inner = state
        h, inner = self.controller(torch.cat([x, read.flatten(1)], -1), tuple(inner))
        keys, strengths, modes, free, *writing = self.interface(h).split(self.sizes, -1)
        usage = addressing.usage_after(usage, write, weight, free.sigmoid())
        memory, write = self._written(memory, usage, writing)
        links, precedence = addressing.links_after(links, precedence, write)
        content = addressing.by_content(memory, keys.unflatten(-1, (self.heads, -1)), _strength(strengths))
        back, found, ahead = modes.unflatten(-1, (self.heads, 3)).softmax(-1).split(1, -1)
        moved = addressing.read_at(back * weight, links) + addressing.likeness(ahead * weight, links)
        weight = moved + found * content
        read = addressing.read_at(weight, memory)
        return torch.cat([h, read.flatten(1)], -1), (memory, usage, links, precedence, write, weight, read, *inner)

    def _written(self, memory: Tensor, usage: Tensor, order: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the memory after writing, and the write weighting (B, N)."""
        key, strength, erase, add, allocate, gate = order
        content = addressing.by_content(memory, key.unsqueeze(1), _strength(strength)).squeeze(1)
        place = addressing.between(content, addressing.allocation(usage), allocate.sigmoid())
        write = gate.sigmoid() * place
        wide = write.unsqueeze(1)
        return addressing.written(memory, wide, erase.sigmoid().unsqueeze(1), add.unsqueeze(1)), write


def _strength(raw: Tensor) -> Tensor:
    return 1 + F.softplus(raw)
