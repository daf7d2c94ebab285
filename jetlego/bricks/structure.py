"""Structure from pairs: invariant point attention, and a module that moves one frame for each item.

Source: Jumper et al., Nature 596 (2021) 583, supplement, algorithms 20 and 22.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.frames import FrameUpdate, at_origin, to_global, to_local
from jetlego.bricks.gated_attention import Transition, channels_last, pair_mask
from jetlego.bricks.masks import at_least_float32, blank, masked_softmax
from jetlego.bricks.registry import brick

_EPS = 1e-8
"""Inside the root of a norm: the gradient of the root at zero is not a number."""


@brick(
    "ipa",
    takes={"x": "set[in_dim]", "pair": "pair[pair_dim]", "rotation": "along", "origin": "along"},
    gives={"y": "set[out_dim]"},
    paper="Nature 596, 583",
)
class InvariantPointAttention(nn.Module):
    """Attention between items that have frames; one rigid motion of all frames changes nothing (algorithm 22).

        a_ij = softmax_j sqrt(1/3) [q_i . k_j / sqrt(c) + b_ij - (gamma w_C / 2) sum_p |T_i q_ip - T_j k_jp|^2]

    with ``w_C = sqrt(2 / (9 P))`` and ``gamma = softplus`` learned for each head. Out: values, pair values, points
    seen from the frame of i, and their norms, through a linear layer.

    Parameters
    ----------
    in_dim, pair_dim
        Width of the items, channels of the pairs.
    heads, head_dim
        Number of heads, and width of their queries, keys and values.
    query_points, value_points
        Points a head.
    """

    def __init__(self, *, in_dim: int, pair_dim: int, heads: int = 4, head_dim: int = 16, query_points: int = 4,
                 value_points: int = 8) -> None:  # fmt: skip
        super().__init__()
        self.out_dim, self.heads, self.pair_dim = in_dim, heads, pair_dim
        self.query_points, self.value_points = query_points, value_points
        self.to_qkv = nn.Linear(in_dim, 3 * heads * head_dim, bias=False)
        self.to_points = nn.Linear(in_dim, heads * (2 * query_points + value_points) * 3, bias=False)
        self.bias = nn.Linear(pair_dim, heads, bias=False)
        self.gamma = nn.Parameter(torch.empty(heads))
        self.out = nn.Linear(heads * (head_dim + pair_dim + 4 * value_points), in_dim)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with softplus(gamma) = 1."""
        nn.init.constant_(self.gamma, math.log(math.e - 1))

    def forward(self, x: Tensor, pair: Tensor, rotation: Tensor, origin: Tensor,
                mask: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, N, in_dim) of ``x (B, N, in_dim)``, ``pair (B, pair_dim, N, N)`` and frames."""
        x, z = blank(x, mask), blank(channels_last(pair), pair_mask(mask))
        rotation, origin = blank(rotation, mask), blank(origin, mask)
        qkv = self.to_qkv(x).unflatten(-1, (self.heads, 3, -1)).transpose(1, 2)  # (B, H, N, 3, c)
        query, key, value = qkv.unbind(-2)
        placed = self.placed_points(x, rotation, origin)
        q_points, k_points, v_points = placed.split([self.query_points, self.query_points, self.value_points], -2)
        score = query @ key.mT / math.sqrt(query.shape[-1]) + self.bias(z).permute(0, 3, 1, 2)
        score = at_least_float32(score) - self._apart(q_points, k_points)
        weight = masked_softmax(score * math.sqrt(1 / 3), None if mask is None else mask[:, None, None, :])
        return blank(self.out(self._read(weight, value, z, v_points, rotation, origin)), mask)

    def placed_points(self, x: Tensor, rotation: Tensor, origin: Tensor) -> Tensor:
        """Return the items' points (B, H, N, query + key + value points, 3) in the global frame."""
        points = self.to_points(x).unflatten(-1, (-1, 3)).to(origin.dtype)
        with torch.autocast(x.device.type, enabled=False):
            placed = to_global(rotation, origin, points)
        return placed.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _apart(self, query: Tensor, key: Tensor) -> Tensor:
        """Return (B, H, N, N): the term of the distances between points."""
        with torch.autocast(query.device.type, enabled=False):
            squared = (query.unsqueeze(3) - key.unsqueeze(2)).square().sum((-2, -1))
            width = math.sqrt(2 / (9 * self.query_points))
            gamma = F.softplus(at_least_float32(self.gamma)).to(squared.dtype)
            return squared * (gamma * (width / 2)).reshape(-1, 1, 1)

    def _read(self, weight: Tensor, value: Tensor, z: Tensor, points: Tensor, rotation: Tensor,
              origin: Tensor) -> Tensor:  # fmt: skip
        """Return what the heads (B, H, N, N) see: values, pairs, points seen from each frame, their norms."""
        values = (weight.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        pairs = torch.einsum("bhij,bijc->bihc", weight.to(z.dtype), z).flatten(2)
        with torch.autocast(value.device.type, enabled=False):
            seen = torch.einsum("bhij,bhjpx->bihpx", weight.to(points.dtype), points).flatten(2, 3)
            local = to_local(rotation, origin, seen)
            norm = (local.square().sum(-1) + _EPS).sqrt()
        return torch.cat([values, pairs, local.flatten(2).to(values.dtype), norm.to(values.dtype)], -1)


@brick(
    "structure",
    takes={"x": "set[in_dim]", "pair": "pair[pair_dim]"},
    gives={"x": "set[in_dim]", "rotation": "set", "origin": "set"},
    paper="Nature 596, 583",
)
class StructureModule(nn.Module):
    """Frames for the items, from nothing: the same layer several times, all frames at the origin at first.

    ``s += ipa(s, z, T)``, ``s = LN s``, ``s = LN(s + transition(s))``, ``T <- T o dT(s)`` (algorithm 20). Between
    layers the rotations carry no gradient, the origins do.

    Parameters
    ----------
    in_dim, pair_dim
        Width of the items, channels of the pairs.
    layers
        How often the one layer acts.
    heads, head_dim, query_points, value_points
        Of the point attention.
    """

    def __init__(self, *, in_dim: int, pair_dim: int, layers: int = 4, heads: int = 4, head_dim: int = 16,
                 query_points: int = 4, value_points: int = 8) -> None:  # fmt: skip
        super().__init__()
        if layers < 1:
            raise ValueError("a structure module needs a layer")
        self.in_dim, self.pair_dim, self.layers = in_dim, pair_dim, layers
        self.norm, self.pair_norm = nn.LayerNorm(in_dim), nn.LayerNorm(pair_dim)
        self.enter = nn.Linear(in_dim, in_dim)
        self.ipa = InvariantPointAttention(in_dim=in_dim, pair_dim=pair_dim, heads=heads, head_dim=head_dim,
                                           query_points=query_points, value_points=value_points)  # fmt: skip
        self.ipa_norm, self.out_norm = nn.LayerNorm(in_dim), nn.LayerNorm(in_dim)
        self.transition = Transition(in_dim, 1)
        self.move = FrameUpdate(in_dim=in_dim)

    def forward(self, x: Tensor, pair: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return items (B, N, in_dim), rotations (B, N, 3, 3) and origins (B, N, 3); zero in the padding."""
        x, z = blank(x, mask), blank(channels_last(pair), pair_mask(mask))
        x, z = blank(self.enter(self.norm(x)), mask), self.pair_norm(z).permute(0, 3, 1, 2)
        rotation, origin = at_origin(x)
        for layer in range(self.layers):
            x = self.ipa_norm(x + self.ipa(x, z, rotation, origin, mask))
            x = blank(self.out_norm(x + self.transition(x)), mask)
            rotation, origin = self.move(x, rotation, origin, mask)
            rotation = rotation if layer == self.layers - 1 else rotation.detach()
        return x, rotation, origin
