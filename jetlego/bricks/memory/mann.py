"""Memory-augmented net: what is new goes where nothing was read or written for longest."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.memory import addressing
from jetlego.bricks.memory.machine import Controller, Machine, State
from jetlego.bricks.registry import brick


@brick("mann", takes={"x": "sequence[in_dim]"}, gives={"y": "sequence[out_dim]"})
class MANN(Machine):
    """Memory-augmented net with least recently used access (arXiv:1605.06065).

        w_r = softmax_i(beta cos(k, M_i))                  w_w = sigma(a) w_r' + (1 - sigma(a)) w_lu'
        w_u = gamma w_u' + w_r + w_w                       w_lu = the slots of least usage
        zero the least used slot, then M_i <- M_i + w_w,i a     read r = w_r^T M

    where the prime marks the step before. The paper writes the key k itself; a key that has just been written finds
    itself, so that nothing older is ever read. What is written, a, is therefore a vector of its own: it tells of the
    step before, whose label is known by now, while k asks for the item of this step.

    Parameters
    ----------
    in_dim, out_dim
        Widths of the items and of the output, by default the same.
    hidden
        Width of the controller, an LSTM.
    slots, width
        Rows of the memory, and how wide they are.
    heads
        Number of read heads, and so of write heads and of slots that count as least used.
    decay
        gamma, how fast the usage is forgotten.

    Notes
    -----
    Labels are shuffled from episode to episode and fed one step late, as part of x; otherwise there is nothing to
    remember. On jets: tell a new resonance from ten labelled jets.
    """

    def __init__(self, *, in_dim: int, out_dim: int | None = None, hidden: int = 100, slots: int = 64, width: int = 32,
                 heads: int = 1, decay: float = 0.95) -> None:  # fmt: skip
        super().__init__()
        if slots < heads or not 0 < decay <= 1:
            raise ValueError("there must be as many slots as heads, and decay must lie in (0, 1]")
        self.out_dim, self.slots, self.width, self.heads, self.decay = out_dim or in_dim, slots, width, heads, decay
        self.controller = Controller(in_dim, hidden, recurrent=True)
        self.keys, self.adds = nn.Linear(hidden, heads * width), nn.Linear(hidden, heads * width)
        self.strength = nn.Linear(hidden, heads)
        self.mix = nn.Linear(hidden, heads)
        self.out = nn.Linear(hidden + heads * width, self.out_dim)

    def fresh(self, x: Tensor) -> State:
        """Return memory (B, N, W), usage (B, N), read weightings (B, H, N), and the controller's state."""
        size = x.shape[0]
        memory = x.new_full((size, self.slots, self.width), 1e-6)
        nowhere = x.new_zeros(size, self.heads, self.slots)
        return memory, x.new_zeros(size, self.slots), nowhere, *self.controller.fresh(x)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return what is known after one item, controller and reads, and the state after it."""
        memory, usage, before, *inner = state
        h, inner = self.controller(x, tuple(inner))
        key, add = (part(h).unflatten(-1, (self.heads, self.width)).tanh() for part in (self.keys, self.adds))
        spare = addressing.least_used(usage, self.heads)
        write = addressing.between(spare, before, self.mix(h).sigmoid().unsqueeze(-1))
        memory = addressing.added(memory * (1 - spare.sum(1)).unsqueeze(-1), write, add)
        read = addressing.by_content(memory, key, 1 + F.softplus(self.strength(h)))
        usage = self.decay * usage + read.sum(1) + write.sum(1)
        found = addressing.read_at(read, memory)
        return torch.cat([h, found.flatten(1)], -1), (memory, usage, read, *inner)
