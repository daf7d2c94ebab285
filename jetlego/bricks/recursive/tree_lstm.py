"""Tree-LSTM (Tai, Socher, Manning, arXiv:1503.00075): a memory that each child may keep or forget by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.recursive.walk import State, TreeCell
from jetlego.bricks.registry import brick


@brick("tree_lstm", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class TreeLSTM(TreeCell):
    """Binary Tree-LSTM, or child-sum Tree-LSTM, which does not see the order of the children.

        i, o = s(W x + U h~ + b)    c~ = tanh(W x + U h~ + b)    f_k = s(W_f x + U_f h_k + b_f)
        c = i * c~ + sum_k f_k * c_k    h = o * tanh(c)

    with h~ = h_left + h_right for child-sum. The binary cell gives left and right their own matrices everywhere, and
    each forget gate sees both children. A leaf has no children: h~ = 0.

    Parameters
    ----------
    in_dim
        Width of the node features.
    hidden
        Width H of h and of the memory c.
    child_sum
        True for the child-sum cell.

    References
    ----------
    arXiv:1503.00075, eq. (2)-(8) child-sum, (9)-(14) N-ary; forget bias 1 at the start.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40, child_sum: bool = False) -> None:
        super().__init__()
        self.in_dim, self.hidden, self.child_sum = in_dim, hidden, child_sum
        self.input = nn.Linear(in_dim, 4 * hidden)  # i, o, c~, f
        if child_sum:
            self.of_sum = nn.Linear(hidden, 3 * hidden, bias=False)  # i, o, c~
            self.of_child = nn.Linear(hidden, hidden, bias=False)  # f
        else:
            self.of_pair = nn.Linear(2 * hidden, 5 * hidden, bias=False)  # i, o, c~, f_left, f_right
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Let every forget gate start open."""
        with torch.no_grad():
            self.input.bias.narrow(0, 3 * self.hidden, self.hidden).fill_(1.0)

    def embed(self, x: Tensor) -> Tensor:
        """Return what the features add to the gates i, o, c~, f, (T, 4H)."""
        return self.input(x)

    def leaf(self, u: Tensor) -> State:
        """Return h and c (n, H) of leaves."""
        i, o, candidate, _ = u.chunk(4, dim=1)
        return _remember(i, o, candidate)

    def merge(self, children: State, u: Tensor) -> State:
        """Return h and c (m, H)."""
        h, c = children
        i, o, candidate, forget = u.chunk(4, dim=1)
        if self.child_sum:
            more = self.of_sum(h.sum(1)).chunk(3, dim=1)
            forgets = self.of_child(h) + forget.unsqueeze(1)  # (m, 2, H)
        else:
            *more, left, right = self.of_pair(h.flatten(1)).chunk(5, dim=1)
            forgets = torch.stack([left, right], dim=1) + forget.unsqueeze(1)
        kept = (torch.sigmoid(forgets) * c).sum(1)
        return _remember(i + more[0], o + more[1], candidate + more[2], kept)


def _remember(i: Tensor, o: Tensor, candidate: Tensor, kept: Tensor | float = 0.0) -> State:
    c = torch.sigmoid(i) * torch.tanh(candidate) + kept
    return torch.sigmoid(o) * torch.tanh(c), c
