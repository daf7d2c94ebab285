"""The cells of Louppe, Cho, Becot, Cranmer (arXiv:1702.00748): simple and gated, with packed kernels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.recursive.chunks import can_compile
from jetlego.bricks.recursive.compiled import GatedCompiled, SimpleCompiled
from jetlego.bricks.recursive.gated_function import GatedWalk
from jetlego.bricks.recursive.simple_function import SimpleWalk
from jetlego.bricks.recursive.walk import LevelPlan, State, TreeCell
from jetlego.bricks.registry import brick


def recnn_simple(
    x: Tensor, w_u: Tensor, b_u: Tensor, w_h: Tensor, b_h: Tensor, plan: LevelPlan, *, roots_only: bool = False
) -> Tensor:
    """Return states (T, H), or (R, H) of the roots, of the simple RecNN.

    Parameters
    ----------
    x
        (T, F) node features in the row order of the plan.
    w_u, b_u
        (H, F) and (H,).
    w_h, b_h
        (H, 3H) and (H,); columns act on left child, right child, u.
    """
    with torch.autocast(x.device.type, enabled=False):
        inputs = (x.to(w_u.dtype), w_u, b_u, w_h, b_h)
        walk = SimpleCompiled if can_compile(*inputs) else SimpleWalk
        return walk.apply(*inputs, plan, roots_only)


def recnn_gated(
    x: Tensor, w_u: Tensor, b_u: Tensor, w_h: Tensor, b_h: Tensor, w_r: Tensor, b_r: Tensor, w_z: Tensor, b_z: Tensor,
    plan: LevelPlan, *, roots_only: bool = False,
) -> Tensor:  # fmt: skip
    """Return states (T, H), or (R, H) of the roots, of the gated RecNN.

    Parameters
    ----------
    x
        (T, F) node features in the row order of the plan.
    w_u, b_u, w_h, b_h
        As in :func:`recnn_simple`.
    w_r, b_r
        (3H, 3H) and (3H,).
    w_z, b_z
        (4H, 4H) and (4H,); rows in blocks t, left, right, u, and columns too.
    """
    with torch.autocast(x.device.type, enabled=False):
        inputs = (x.to(w_u.dtype), w_u, b_u, w_h, b_h, w_r, b_r, w_z, b_z)
        walk = GatedCompiled if can_compile(*inputs) else GatedWalk
        return walk.apply(*inputs, plan, roots_only)


def recnn_start(weight: Tensor, generator: torch.Generator | None) -> None:
    """Fill a weight as the original does: Glorot uniform times 0.1 (``SVD`` times 1.1 is for W_h)."""
    nn.init.xavier_uniform_(weight, gain=0.1, generator=generator)


@brick("recnn_simple", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class RecNNSimple(TreeCell):
    """``h = relu(W_h [h_left; h_right; u] + b_h)``, ``u = relu(W_u x + b_u)`` (arXiv:1702.00748).

    Parameters
    ----------
    in_dim
        Width F of the node features.
    hidden
        Width H of u and of the states.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40) -> None:
        super().__init__()
        self.in_dim, self.hidden = in_dim, hidden
        self.W_u, self.b_u = nn.Parameter(torch.empty(hidden, in_dim)), nn.Parameter(torch.empty(hidden))
        self.W_h, self.b_h = nn.Parameter(torch.empty(hidden, 3 * hidden)), nn.Parameter(torch.empty(hidden))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start as the original: Glorot times 0.1, W_h orthogonal times 1.1, biases 0."""
        recnn_start(self.W_u, generator)
        nn.init.orthogonal_(self.W_h, gain=1.1, generator=generator)
        nn.init.zeros_(self.b_u)
        nn.init.zeros_(self.b_h)

    def embed(self, x: Tensor) -> Tensor:
        """Return u (T, H)."""
        return torch.relu(nn.functional.linear(x, self.W_u, self.b_u))

    def merge(self, children: State, u: Tensor) -> State:
        """Return h (m, H)."""
        joined = torch.cat([children[0].flatten(1), u], dim=1)
        return (torch.relu(nn.functional.linear(joined, self.W_h, self.b_h)),)

    def forward(self, x: Tensor, plan: LevelPlan, *, roots_only: bool = False) -> Tensor:
        """Return the states (T, H) of all nodes, or (R, H) of the roots."""
        return recnn_simple(x, self.W_u, self.b_u, self.W_h, self.b_h, plan, roots_only=roots_only)


@brick("recnn_gated", takes={"x": "tree[in_dim]"}, gives={"y": "tree[out_dim]"}, views=("packed",), dynamic=True)
class RecNNGated(TreeCell):
    """The gated RecNN: reset gates over children and u, then a softmax over candidate, left, right and u.

    Parameters
    ----------
    in_dim
        Width F of the node features.
    hidden
        Width H of u and of the states.

    References
    ----------
    Louppe, Cho, Becot, Cranmer, arXiv:1702.00748; the logistic is taken at twice its argument, as in their code, and
    the softmax runs over the four gates of one hidden unit.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40) -> None:
        super().__init__()
        self.in_dim, self.hidden = in_dim, hidden
        shapes = {"u": (hidden, in_dim), "h": (hidden, 3 * hidden), "r": (3 * hidden,) * 2, "z": (4 * hidden,) * 2}
        for name, shape in shapes.items():
            self.register_parameter(f"W_{name}", nn.Parameter(torch.empty(shape)))
            self.register_parameter(f"b_{name}", nn.Parameter(torch.empty(shape[0])))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start as the original: Glorot times 0.1, W_h orthogonal times 1.1, biases 0."""
        for weight in (self.W_u, self.W_r, self.W_z):
            recnn_start(weight, generator)
        nn.init.orthogonal_(self.W_h, gain=1.1, generator=generator)
        for bias in (self.b_u, self.b_h, self.b_r, self.b_z):
            nn.init.zeros_(bias)

    def embed(self, x: Tensor) -> Tensor:
        """Return u (T, H)."""
        return torch.relu(nn.functional.linear(x, self.W_u, self.b_u))

    def merge(self, children: State, u: Tensor) -> State:
        """Return h (m, H)."""
        joined = torch.cat([children[0].flatten(1), u], dim=1)
        reset = torch.sigmoid(2.0 * nn.functional.linear(joined, self.W_r, self.b_r))
        t = torch.relu(nn.functional.linear(reset * joined, self.W_h, self.b_h))
        options = torch.cat([t, joined], dim=1)
        q = nn.functional.linear(options, self.W_z, self.b_z)
        z = torch.softmax(q.view(-1, 4, self.hidden), dim=1)
        return ((z * options.view(-1, 4, self.hidden)).sum(1),)

    def forward(self, x: Tensor, plan: LevelPlan, *, roots_only: bool = False) -> Tensor:
        """Return the states (T, H) of all nodes, or (R, H) of the roots."""
        weights = (self.W_u, self.b_u, self.W_h, self.b_h, self.W_r, self.b_r, self.W_z, self.b_z)
        return recnn_gated(x, *weights, plan, roots_only=roots_only)
