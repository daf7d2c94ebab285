"""Recurrent nets on padded sequences: torch's fused kernels, with masks, single steps and a state to carry.

Sequences are padded on the right, so a forward net needs no packing (whose lengths would have to be on the CPU): it
runs over the padding, and the state is gathered at each row's last real item. For the backward direction every row is
turned round within its own length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import Packing, blank
from jetlego.bricks.registry import brick

State = tuple[Tensor, ...]

_KEEP = 1e4
"""Added to a gate it makes the logistic function exactly 1 or, negative, exactly 0, in float32 and float64."""

_TAKES, _GIVES = {"x": "sequence[in_dim]"}, {"y": "sequence|vector[out_dim]"}
_BOTH = ("padded", "packed")


class Recurrent(nn.Module):
    """What the recurrent bricks share; one module of torch for each layer and direction.

    The state is a flat tuple with the batch first: for each layer, from the lowest, h (B, H), and c (B, H) for an LSTM.
    """

    kind: ClassVar[type[nn.RNNBase]]
    states: ClassVar[int] = 1

    def __init__(self, *, in_dim: int, hidden: int, layers: int, bidirectional: bool, dropout: float,
                 last: bool) -> None:  # fmt: skip
        super().__init__()
        if min(in_dim, hidden, layers) < 1:
            raise ValueError("in_dim, hidden and layers must be at least 1")
        directions = 2 if bidirectional else 1
        self.hidden, self.bidirectional, self.last = hidden, bidirectional, last
        self.out_dim = directions * hidden
        widths = [in_dim, *[self.out_dim] * (layers - 1)]
        self.onward = nn.ModuleList(self.kind(width, hidden, batch_first=True) for width in widths)
        self.homeward = nn.ModuleList(
            self.kind(width, hidden, batch_first=True) for width in widths if bidirectional
        )
        self.dropout = nn.Dropout(dropout)

    @property
    def gives_kind(self) -> str:
        """What comes out: ``vector`` where only the last state is asked for."""
        return "vector" if self.last else "sequence"

    @classmethod
    def from_torch(cls, net: nn.RNNBase) -> Any:
        """Return the brick with the weights of a module of torch, which must have biases and no projection."""
        if not net.bias or net.proj_size:
            raise ValueError("only nets with biases and without projection can be taken over")
        made = cls(in_dim=net.input_size, hidden=net.hidden_size, layers=net.num_layers,
                   bidirectional=net.bidirectional, dropout=net.dropout, last=False)  # fmt: skip
        made.to(next(net.parameters()))
        for suffix, nets in (("", made.onward), ("_reverse", made.homeward)):
            for layer, part in enumerate(nets):
                part.load_state_dict({k: getattr(net, f"{k[:-3]}_l{layer}{suffix}") for k in part.state_dict()})
        return made

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
        if x.shape[1] == 0:
            empty = x.new_zeros(x.shape[0], 0, self.out_dim)
            return empty.sum(1) if self.last else empty
        x = blank(x, mask)
        starts = self._starts(state)
        for layer in range(len(self.onward)):
            ahead, _ = self.onward[layer](x, starts[layer])
            back = self._back(layer, x, mask)
            x = ahead if back is None else torch.cat([ahead, back], -1)
            x = blank(x if layer == len(self.onward) - 1 else self.dropout(x), mask)
        return self._last(ahead, back, mask) if self.last else x

    def run(self, x: Tensor, mask: Tensor | None = None, state: State | None = None) -> tuple[Tensor, State]:
        """Return outputs (B, T, out_dim) and the state after each row's last real item, for a one-way net.

        The state continues the sequence: in :meth:`step`, or as the ``state`` of a further :meth:`forward`. A row
        without items keeps the state it started with.
        """
        self._one_way()
        x, starts, ends = blank(x, mask), self._starts(state), []
        if x.shape[1] == 0:
            nothing = x.new_zeros(x.shape[0], self.hidden)
            return x.new_zeros(x.shape[0], 0, self.out_dim), state or (nothing,) * (self.states * len(self.onward))
        for layer, (net, start) in enumerate(zip(self.onward, starts, strict=True)):
            first = self._fresh(x) if start is None else start
            y, end = net(x, start) if mask is None else self._kept(net, x, mask, first)
            h, *c = end if isinstance(end, tuple) else (end,)
            if mask is not None:
                h = _state_at_end(y, mask, first[0] if isinstance(first, tuple) else first).unsqueeze(0)
            ends += [h[0], *(part[0] for part in c)]
            x = blank(y if layer == len(self.onward) - 1 else self.dropout(y), mask)
        return x, tuple(ends)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return (B, out_dim) after one more item ``x (B, in_dim)``, and the state."""
        y, state = self.run(x.unsqueeze(1), None, state)
        return y.squeeze(1), state

    def _one_way(self) -> None:
        if self.bidirectional:
            raise ValueError("a bidirectional net reads the whole sequence; it has no state to carry and no step")

    def _starts(self, state: State | None) -> list[Any]:
        """Return what torch wants as the first state of each layer."""
        if state is None:
            return [None] * len(self.onward)
        self._one_way()
        parts = [s.unsqueeze(0).contiguous() for s in state]
        return parts if self.states == 1 else [tuple(parts[i : i + 2]) for i in range(0, len(parts), 2)]

    def _fresh(self, x: Tensor) -> Any:
        zero = x.new_zeros(1, x.shape[0], self.hidden)
        return zero if self.states == 1 else (zero, zero)

    def _kept(self, net: nn.RNNBase, x: Tensor, mask: Tensor, start: Any) -> tuple[Tensor, Any]:
        """Run one layer so that what :meth:`run` cannot gather from the outputs is what the last real item left."""
        return net(x, start)

    def _back(self, layer: int, x: Tensor, mask: Tensor | None) -> Tensor | None:
        if not self.bidirectional:
            return None
        return turned(self.homeward[layer](turned(x, mask))[0], mask)

    def _last(self, ahead: Tensor, back: Tensor | None, mask: Tensor | None) -> Tensor:
        end = ahead[:, -1] if mask is None else _state_at_end(ahead, mask, ahead.new_zeros(1, *ahead[:, 0].shape))
        if back is None:
            return end
        first = back[:, 0] if mask is None else back[:, 0].masked_fill(~mask[:, :1], 0)
        return torch.cat([end, first], -1)


def turned(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return ``x (B, T, ...)`` with the real items of each row in opposite order, the padding where it is."""
    if mask is None:
        return x.flip(1)
    here = torch.arange(x.shape[1], device=x.device)
    other = mask.sum(1, keepdim=True) - 1 - here
    index = torch.where(other < 0, here, other).reshape(*mask.shape, *(1,) * (x.dim() - 2))
    return x.gather(1, index.expand_as(x))


def _state_at_end(y: Tensor, mask: Tensor, start: Tensor) -> Tensor:
    """Return (B, H), ``y (B, T, H)`` at the last real item of each row, ``start (1, B, H)`` for rows without any."""
    index = (mask.sum(1) - 1).clamp(min=0).reshape(-1, 1, 1).expand(-1, 1, y.shape[2])
    return torch.where(mask.any(1, keepdim=True), y.gather(1, index).squeeze(1), start[0])


@brick("rnn", takes=_TAKES, gives=_GIVES, views=_BOTH)
class RNN(Recurrent):
    """Plain recurrent net, ``h_t = tanh(W_x x_t + W_h h_{t-1} + b)`` (Elman 1990).

    Parameters
    ----------
    in_dim
        Width of the items.
    hidden, layers
        Width of the state, number of layers.
    bidirectional
        A second net reads each row from its end; the output is twice as wide.
    dropout
        Between layers.
    last
        Give the state after the last real item alone, (B, out_dim), instead of the sequence.

    Notes
    -----
    On jets: constituents by pT, tracks, primary Lund declusterings. Ten steps of memory are about what it keeps; its
    gradient vanishes or explodes over more, so clip it.
    """

    kind = nn.RNN

    def __init__(self, *, in_dim: int, hidden: int = 64, layers: int = 1, bidirectional: bool = False,
                 dropout: float = 0.0, last: bool = False) -> None:  # fmt: skip
        super().__init__(in_dim=in_dim, hidden=hidden, layers=layers, bidirectional=bidirectional, dropout=dropout,
                         last=last)  # fmt: skip


@brick("gru", takes=_TAKES, gives=_GIVES, views=_BOTH)
class GRU(Recurrent):
    """Gated recurrent unit (arXiv:1406.1078), in torch's form.

        r, z = sigma(W x + U h + b)    n = tanh(W_n x + b_n + r (U_n h + c_n))    h <- (1 - z) n + z h

    The reset gate r acts *after* the recurrent product; in ``event_gru`` it acts before, as in the paper.

    Parameters
    ----------
    in_dim, hidden, layers, bidirectional, dropout, last
        As in ``rnn``.
    """

    kind = nn.GRU

    def __init__(self, *, in_dim: int, hidden: int = 64, layers: int = 1, bidirectional: bool = False,
                 dropout: float = 0.0, last: bool = False) -> None:  # fmt: skip
        super().__init__(in_dim=in_dim, hidden=hidden, layers=layers, bidirectional=bidirectional, dropout=dropout,
                         last=last)  # fmt: skip


@brick("lstm", takes=_TAKES, gives=_GIVES, views=_BOTH, paper="Hochreiter, Schmidhuber 1997")
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter, Schmidhuber 1997, with the forget gate of Gers et al. 2000).

        i, f, o = sigma(W x + U h + b)    g = tanh(W_g x + U_g h + b_g)    c <- f c + i g    h = o tanh c

    Parameters
    ----------
    in_dim, hidden, layers, bidirectional, dropout, last
        As in ``rnn``.
    forget_bias
        Start of the forget gate's bias; 1 lets the first gradients reach far back (Jozefowicz et al. 2015).
    """

    kind, states = nn.LSTM, 2

    def __init__(self, *, in_dim: int, hidden: int = 64, layers: int = 1, bidirectional: bool = False,
                 dropout: float = 0.0, last: bool = False, forget_bias: float = 1.0) -> None:  # fmt: skip
        super().__init__(in_dim=in_dim, hidden=hidden, layers=layers, bidirectional=bidirectional, dropout=dropout,
                         last=last)  # fmt: skip
        self.forget_bias = forget_bias
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Set the bias of the forget gates; the layers have started themselves."""
        gate = slice(self.hidden, 2 * self.hidden)
        with torch.no_grad():
            for net in _all(self.onward, self.homeward):
                net.bias_ih_l0[gate] = self.forget_bias
                net.bias_hh_l0[gate] = 0.0

    def _kept(self, net: nn.RNNBase, x: Tensor, mask: Tensor, start: Any) -> tuple[Tensor, Any]:
        """Run one layer with c held over the padding by a column that opens the forget and shuts the input gate."""
        outside = (~mask).to(x.dtype).unsqueeze(-1)
        column = x.new_zeros(4, self.hidden)
        column[0], column[1] = -_KEEP, _KEEP  # i, f
        weight = torch.cat([net.weight_ih_l0, column.reshape(-1, 1)], 1)
        weights = [weight, net.weight_hh_l0, net.bias_ih_l0, net.bias_hh_l0]
        y, h, c = torch.lstm(torch.cat([x, outside], -1), start, weights, True, 1, 0.0, self.training, False, True)
        return y, (h, c)


def _all(*groups: Sequence[nn.Module]) -> list[Any]:
    return [module for group in groups for module in group]
