"""Neural Turing machine: a controller with a tape that it addresses by content and by shifting."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.memory import addressing
from jetlego.bricks.memory.machine import Controller, Machine, State
from jetlego.bricks.registry import brick


@brick("ntm", takes={"x": "sequence[in_dim]"}, gives={"y": "sequence[out_dim]"})
class NTM(Machine):
    """Neural Turing machine (arXiv:1410.5401).

        w_c = softmax_i(beta cos(k, M_i))    w_g = g w_c + (1 - g) w_{t-1}    w_s = w_g (*) s    w = w_s^gamma / sum
        write M <- M (1 - w e^T) + w a^T     read r = w^T M

    Parameters
    ----------
    in_dim, out_dim
        Widths of the items; the output is as wide as the input by default.
    hidden
        Width of the controller.
    slots, width
        Rows of the memory, and how wide they are.
    heads
        Number of read heads, and of write heads.
    reach
        Shifts of up to so many places either way.
    recurrent
        LSTM as controller, or a feed-forward layer.

    Notes
    -----
    All heads find their places in the memory as it was; then it is written, and then read. The memory starts at a small
    constant: what breaks the symmetry between slots is the first weighting, which is learned, as is what is read first.
    Gradients explode: clip them at 10. On jets: pseudojets as the tape, "read the two nearest, write the sum" as the
    program.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, hidden: int = 100, slots: int = 64, width: int = 16,
                 heads: int = 1, reach: int = 1, recurrent: bool = True) -> None:  # fmt: skip
        super().__init__()
        if slots < 2 * reach + 1:
            raise ValueError("there must be more slots than shifts")
        self.out_dim, self.slots, self.width, self.heads = out_dim or in_dim, slots, width, heads
        # key, strength, gate, shifts, sharpness for each head; erase and add for those that write
        self.sizes = [width, 1, 1, 2 * reach + 1, 1]
        self.parts = [2 * heads * sum(self.sizes), 2 * heads * width]
        self.controller = Controller(in_dim + heads * width, hidden, recurrent=recurrent)
        self.interface = nn.Linear(hidden, sum(self.parts))
        self.out = nn.Linear(hidden + heads * width, self.out_dim)
        self.first_read = nn.Parameter(torch.empty(heads, width))
        self.first_weight = nn.Parameter(torch.empty(2 * heads, slots))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with heads at the first slot that stay, sharply, until they are told to move.

        As all slots look alike at first, a gate that is half open to the content spreads every head over the whole
        memory at the first step, and a head that has to wait forgets where.
        """
        nn.init.normal_(self.first_read, std=0.1, generator=generator)
        nn.init.normal_(self.first_weight, generator=generator)
        gate, middle = self.width + 1, self.width + 2 + self.sizes[3] // 2
        with torch.no_grad():
            self.first_weight[:, 0] += 10.0
            bias = self.interface.bias[: self.parts[0]].unflatten(0, (2 * self.heads, -1))
            bias[:, gate], bias[:, middle], bias[:, -1] = -4.0, 1.5, 1.0

    def fresh(self, x: Tensor) -> State:
        """Return memory (B, N, W), weightings (B, 2H, N), what was read (B, H, W), and the controller's state."""
        size = x.shape[0]
        memory = x.new_full((size, self.slots, self.width), 1e-6)
        weight = self.first_weight.softmax(-1).expand(size, -1, -1)
        return (memory, weight, self.first_read.tanh().expand(size, -1, -1), *self.controller.fresh(x))

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what is known after one item, controller and reads, and the state after it."""
        memory, weight, read, *inner = state
        h, inner = self.controller(torch.cat([x, read.flatten(1)], -1), tuple(inner))
        order, change = self.interface(h).split(self.parts, -1)
        weight = self._moved(memory, order.unflatten(-1, (2 * self.heads, -1)).split(self.sizes, -1), weight)
        writes, reads = weight.split(self.heads, 1)
        erase, add = change.unflatten(-1, (2, self.heads, self.width)).unbind(1)
        memory = addressing.written(memory, writes, erase.sigmoid(), add.tanh())
        read = addressing.read_at(reads, memory)
        return torch.cat([h, read.flatten(1)], -1), (memory, weight, read, *inner)

    @staticmethod
    def _moved(memory: Tensor, order: tuple[Tensor, ...], before: Tensor) -> Tensor:
        """Return the weightings (B, 2H, N) of heads that stood at ``before``; the first half of them write."""
        key, strength, gate, shift, gamma = order
        content = addressing.by_content(memory, key.tanh(), F.softplus(strength).squeeze(-1))
        weight = addressing.between(before, content, gate.sigmoid())
        weight = addressing.shifted(weight, shift.softmax(-1))
        return addressing.sharpened(weight, 1 + F.softplus(gamma).squeeze(-1))
