"""Tree-GRU and the linear cell: a gate decides, for each hidden unit, which child is passed on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.recursive.walk import State, TreeCell
from jetlego.bricks.registry import brick


@brick("tree_gru", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class TreeGRU(TreeCell):
    """Gated recurrent unit over two children.

        r_k = s(W_k x + U_k [h_left; h_right] + b_k), k = left, right
        t = tanh(W x + U [r_left * h_left; r_right * h_right] + b)
        z = softmax over t, left, right of W_z x + U_z [h_left; h_right] + b_z, for each hidden unit
        h = z_t * t + z_left * h_left + z_right * h_right

    A leaf has h = tanh(W x + b).

    Parameters
    ----------
    in_dim
        Width of the node features.
    hidden
        Width H of the states.

    References
    ----------
    The binary form of Cho et al., arXiv:1406.1078, as the gated cell of arXiv:1702.00748 without the gate to u.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40) -> None:
        super().__init__()
        self.in_dim, self.hidden = in_dim, hidden
        self.input = nn.Linear(in_dim, 6 * hidden)  # t, r_left, r_right, z_t, z_left, z_right
        self.gates = nn.Linear(2 * hidden, 5 * hidden, bias=False)
        self.candidate = nn.Linear(2 * hidden, hidden, bias=False)

    def embed(self, x: Tensor) -> Tensor:
        """Return what the features add to candidate, resets and gates, (T, 6H)."""
        return self.input(x)

    def leaf(self, u: Tensor) -> State:
        """Return h (n, H) of leaves."""
        return (torch.tanh(u.narrow(1, 0, self.hidden)),)

    def merge(self, children: State, u: Tensor) -> State:
        """Return h (m, H)."""
        pair = children[0].flatten(1)
        t, resets, gates = u.split([self.hidden, 2 * self.hidden, 3 * self.hidden], dim=1)
        more_resets, more_gates = self.gates(pair).split([2 * self.hidden, 3 * self.hidden], dim=1)
        t = torch.tanh(t + self.candidate(torch.sigmoid(resets + more_resets) * pair))
        z = torch.softmax((gates + more_gates).view(-1, 3, self.hidden), dim=1)
        return ((z * torch.cat([t, pair], dim=1).view(-1, 3, self.hidden)).sum(1),)


@brick("tree_scan", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class TreeScan(TreeCell):
    """Linear in the trunk: ``h = a(x) * h_trunk + b(x, h_side)``, the trunk being the left (harder) child.

    ``a = s(W_a x + b_a)`` lies in (0, 1), ``b = (1 - a) * tanh(W x + U h_side + b)``, and a leaf has
    ``h = tanh(W x + b)``. Since h_trunk enters linearly, what a constituent says reaches the root damped by a product
    of gates and by nothing else.

    Parameters
    ----------
    in_dim
        Width of the node features.
    hidden
        Width H of the states.

    References
    ----------
    Martin, Cundy, arXiv:1709.04057, for chains.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40) -> None:
        super().__init__()
        self.in_dim, self.hidden = in_dim, hidden
        self.input = nn.Linear(in_dim, 2 * hidden)  # a, b
        self.side = nn.Linear(hidden, hidden, bias=False)

    def embed(self, x: Tensor) -> Tensor:
        """Return what the features add to gate and input, (T, 2H)."""
        return self.input(x)

    def leaf(self, u: Tensor) -> State:
        """Return h (n, H) of leaves."""
        return (torch.tanh(u.narrow(1, self.hidden, self.hidden)),)

    def merge(self, children: State, u: Tensor) -> State:
        """Return h (m, H)."""
        trunk, side = children[0].unbind(1)
        gate, own = u.chunk(2, dim=1)
        return (torch.lerp(torch.tanh(own + self.side(side)), trunk, torch.sigmoid(gate)),)
