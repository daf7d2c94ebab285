"""Trees embedded node by node, by plain recursion in ordinary autograd: the truth for every fast walk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from jetlego.structures.forest import Forest

Merge = Callable[[Tensor, Tensor, Tensor], Tensor]


def node_states(u: Tensor, forest: Forest, merge: Merge, leaf: Callable[[Tensor], Tensor] = lambda u: u) -> Tensor:
    """Return (T, ...) states in the order of the forest's nodes from ``u (T, H)``; ``merge(left, right, u)``."""
    states: dict[int, Tensor] = {}

    def visit(node: int, base: int) -> Tensor:
        left, right = (int(child) for child in forest.children[node])
        own = u[node]
        states[node] = leaf(own) if left < 0 else merge(visit(base + left, base), visit(base + right, base), own)
        return states[node]

    for base, root in zip(forest.node_ptr[:-1], forest.root, strict=True):
        if root >= 0:
            visit(int(root), int(base))
    return torch.stack([states[node] for node in range(forest.num_nodes)])


def simple(w_h: Tensor, b_h: Tensor) -> Merge:
    """The simple RecNN cell, trees.md 3.1."""
    return lambda left, right, u: torch.relu(w_h @ torch.cat([left, right, u]) + b_h)


def gated(w_h: Tensor, b_h: Tensor, w_r: Tensor, b_r: Tensor, w_z: Tensor, b_z: Tensor) -> Merge:
    """The gated RecNN cell, trees.md 3.1."""

    def merge(left: Tensor, right: Tensor, u: Tensor) -> Tensor:
        x = torch.cat([left, right, u])
        r = 0.5 * (torch.tanh(w_r @ x + b_r) + 1.0)
        t = torch.relu(w_h @ (r * x) + b_h)
        q = (w_z @ torch.cat([t, x]) + b_z).reshape(4, -1).exp()
        z = q / q.sum(0)
        return z[0] * t + z[1] * left + z[2] * right + z[3] * u

    return merge
