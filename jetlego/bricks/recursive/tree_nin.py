"""TreeNiN: the simple cell with small networks inside the network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.recursive.walk import LevelPlan, State, TreeCell
from jetlego.bricks.registry import brick


@brick("tree_nin", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class TreeNiN(TreeCell):
    """Simple RecNN whose states pass two more layers on their way up.

        u = relu(W_leaf x + b) or relu(W_inner x + b)    h = u at leaves, relu(W_h [h_left; h_right; u] + b) above
        h <- relu(N_b relu(N_a h))

    with one pair (N_a, N_b) for leaves, one for inner nodes, one for the root's left child and one for its right
    child, whatever those are; the root has none.

    Parameters
    ----------
    in_dim
        Width of the node features.
    hidden
        Width H of the states.

    References
    ----------
    Macaluso, Cranmer, "Tree Network in Network (TreeNiN) for jet physics", doi:10.5281/zenodo.2582216; start:
    orthogonal times sqrt 2 for W_h and the pairs, Glorot for W_leaf and W_inner.
    """

    def __init__(self, *, in_dim: int, hidden: int = 50) -> None:
        super().__init__()
        self.in_dim, self.hidden = in_dim, hidden
        self.of_leaf, self.of_inner = nn.Linear(in_dim, hidden), nn.Linear(in_dim, hidden)
        self.join = nn.Linear(3 * hidden, hidden)
        names = ("leaf", "inner", "left", "right")
        self.within = nn.ModuleDict({name: _pair(hidden) for name in names})
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start as the authors do, with zero biases."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                if layer in (self.of_leaf, self.of_inner):
                    nn.init.xavier_uniform_(layer.weight, generator=generator)
                else:
                    nn.init.orthogonal_(layer.weight, gain=2**0.5, generator=generator)
                nn.init.zeros_(layer.bias)

    def embed_nodes(self, x: Tensor, plan: LevelPlan) -> Tensor:
        """Return u (T, H), with other weights at leaves than at inner nodes."""
        inner = self.of_inner(x.index_select(0, plan.inner_row))
        return torch.relu(self.of_leaf(x).index_copy(0, plan.inner_row, inner))

    def merge(self, children: State, u: Tensor) -> State:
        """Return h (m, H), before the pairs."""
        return (torch.relu(self.join(torch.cat([children[0].flatten(1), u], dim=1))),)

    def finish(self, state: State, level: int, inner: Tensor | None) -> State:
        """Apply the pairs of layers; level 1 holds the roots' children, left and right in turn."""
        h = state[0]
        if level == 0:
            return state
        if level == 1:
            left, right = h.view(-1, 2, self.hidden).unbind(1)
            both = torch.stack([self.within["left"](left), self.within["right"](right)], dim=1)
            return (both.view(-1, self.hidden),)
        out = self.within["leaf"](h)
        if inner is not None:
            out = out.index_copy(0, inner, self.within["inner"](h.index_select(0, inner)))
        return (out,)


def _pair(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
