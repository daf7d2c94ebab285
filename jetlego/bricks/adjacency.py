"""Learned and physical adjacencies: how much node i hears of node j (Henrion et al., NeurIPS workshop 2017).

    sum   -w . (h_i + h_j) - b          norm  -|h_i - h_j|               phys  -d_ij
    dm    h_i . M h_j                   sq    -|h_i - h_j|^2 / T         one   1
    attn  a . [e_i; e_j], e = MLP(h)                                     eye   identity

    d_ij = min(pT_i^(2 alpha), pT_j^(2 alpha)) (DeltaR_ij / R)^s

alpha = 1, 0, -1 with s = 2 are the distances of the kT, Cambridge/Aachen and anti-kT algorithms. The raw matrix may be
made symmetric, then it is squashed: masked row softmax, sigmoid, exp, tanh, or not at all.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.feedforward import MLP
from jetlego.bricks.links import complete
from jetlego.bricks.masks import blank, masked_softmax
from jetlego.bricks.neighbours import nearest
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick

AdjacencyName = Literal["sum", "dm", "norm", "sq", "attn", "phys", "one", "eye"]
Squash = Literal["softmax", "sigmoid", "exp", "tanh", "none"]

_TAKES = {"x": "set[in_dim]", "kinematics": "along[kinematics_dim]?"}
_GIVES = {"y": "pair"}
_TINY = 1e-12


def generalised_kt(kinematics: Tensor, alpha: Tensor | float, radius: Tensor | float, *, power: float = 2) -> Tensor:
    """Return d_ij (B, N, N) of ``kinematics (B, N, 3)`` = (pT > 0 in GeV, eta, phi).

    ``min(pT_i^(2 alpha), pT_j^(2 alpha)) (DeltaR_ij / radius)^power``, phi wrapped; finite gradients on the diagonal.
    """
    log_pt, eta, phi = kinematics[..., 0].log(), kinematics[..., 1], kinematics[..., 2]
    scale = (2 * alpha * log_pt).exp()
    d_phi = phi.unsqueeze(2) - phi.unsqueeze(1)
    d_phi = torch.remainder(d_phi + math.pi, 2 * math.pi) - math.pi
    distance2 = (eta.unsqueeze(2) - eta.unsqueeze(1)).square() + d_phi.square()
    apart = distance2 > 0  # a power has no gradient at zero, and every particle is at zero from itself
    powered = torch.where(apart, torch.where(apart, distance2, 1).pow(power / 2), 0)
    return torch.minimum(scale.unsqueeze(2), scale.unsqueeze(1)) * powered / radius**power


@brick("adjacency", takes=_TAKES, gives=_GIVES)
class Adjacency(nn.Module):
    """How much node i hears of node j, one of eight formulas (see the head of the file).

    Parameters
    ----------
    in_dim
        Width of the states; ``phys``, ``one`` and ``eye`` do not read them.
    kind
        The formula.
    squash
        ``softmax`` over senders, ``sigmoid``, ``exp``, ``tanh`` or ``none``.
    symmetric
        Take (R + R^T) / 2 before the squashing.
    self_loops
        Whether a node hears itself (always so for ``eye``).
    hidden
        Width inside ``attn``, by default ``in_dim``.
    alpha, radius, power
        Of ``phys``; the original has power 1, the kT family 2.
    learn
        Whether ``phys`` learns alpha (within +-1.5) and radius, starting at the given ones.
    """

    kinematics_dim = 3

    def __init__(self, *, in_dim: int, kind: AdjacencyName = "dm", squash: Squash = "softmax", symmetric: bool = False,
                 self_loops: bool = True, hidden: int | None = None, alpha: float = 1.0, radius: float = 1.0,
                 power: float = 2.0, learn: bool = False) -> None:  # fmt: skip
        super().__init__()
        if radius <= 0 or abs(alpha) >= 1.5:
            raise ValueError("radius must be positive and alpha within +-1.5")
        self.kind, self.squash, self.symmetric, self.self_loops, self.power = kind, squash, symmetric, self_loops, power
        self.start = math.atanh(alpha / 1.5), math.log(radius)
        if kind == "sum":
            self.map = nn.Linear(in_dim, 1)
        elif kind == "dm":
            self.matrix = nn.Parameter(torch.empty(in_dim, in_dim))
        elif kind == "sq":
            self.log_temperature = nn.Parameter(torch.empty(()))
        elif kind == "attn":
            width = hidden or in_dim
            self.map = MLP(in_dim=in_dim, hidden=[width, width], activation="leaky_relu")
            self.receiver, self.sender = nn.Linear(width, 1), nn.Linear(width, 1, bias=False)
        elif kind == "phys":
            self.alpha, self.log_radius = (nn.Parameter(torch.empty(()), requires_grad=learn) for _ in range(2))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the parameters of its own: Xavier matrix, temperature 1, given alpha and radius."""
        if self.kind == "dm":
            nn.init.xavier_uniform_(self.matrix, generator=generator)
        elif self.kind == "sq":
            nn.init.zeros_(self.log_temperature)
        elif self.kind == "phys":
            nn.init.constant_(self.alpha, self.start[0])
            nn.init.constant_(self.log_radius, self.start[1])

    def forward(self, x: Tensor, mask: Tensor | None = None, kinematics: Tensor | None = None) -> Tensor:
        """Return weights (B, N, N), [receiver, sender], of states ``x (B, N, in_dim)``; zero where either is padding.

        ``kinematics (B, N, 3)`` are pT, eta, phi, which ``phys`` needs.
        """
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        raw = self._raw(blank(x, mask), mask, kinematics)
        raw = (raw + raw.mT) / 2 if self.symmetric else raw
        real = complete(mask, self_loops=self.self_loops or self.kind == "eye")
        if self.squash == "softmax" and self.kind != "eye":
            return masked_softmax(raw, real)
        squash = {"sigmoid": torch.sigmoid, "exp": torch.exp, "tanh": torch.tanh}.get(self.squash)
        return (raw if squash is None or self.kind == "eye" else squash(raw)).masked_fill(~real, 0)

    def _raw(self, h: Tensor, mask: Tensor, kinematics: Tensor | None) -> Tensor:
        if self.kind == "phys":
            return -self._distance(h, mask, kinematics)
        if self.kind == "sum":
            bias = self.map.bias / 2  # the pair counts b once
            one = self.map(h) - bias
            return -(one + one.mT)
        if self.kind == "dm":
            return h @ self.matrix @ h.mT
        if self.kind == "attn":
            e = self.map(h)
            return self.receiver(e) + self.sender(e).mT
        if self.kind in ("norm", "sq"):
            return self._closeness(h)
        one = h.new_ones(h.shape[0], h.shape[1], h.shape[1])
        return one if self.kind == "one" else one * torch.eye(h.shape[1], dtype=h.dtype, device=h.device)

    def _closeness(self, h: Tensor) -> Tensor:
        squared = (h.unsqueeze(2) - h.unsqueeze(1)).square().sum(-1)
        return -squared * (-self.log_temperature).exp() if self.kind == "sq" else -(squared + _TINY).sqrt()

    def _distance(self, h: Tensor, mask: Tensor, kinematics: Tensor | None) -> Tensor:
        if kinematics is None:
            raise ValueError("adjacency phys needs kinematics (pT, eta, phi)")
        # padding gets pT 1, lest its logarithm make NaN
        kinematics = blank(kinematics, mask) + (~mask).unsqueeze(-1).to(kinematics.dtype)
        return generalised_kt(kinematics, *self.constants(), power=self.power).to(h.dtype)

    def constants(self) -> tuple[Tensor, Tensor]:
        """Return alpha and radius of ``phys``."""
        return 1.5 * torch.tanh(self.alpha), self.log_radius.exp()


@brick("adjacency_knn", takes={"x": "set[in_dim]", "points": "along[point_dim]?"}, gives=_GIVES)
class NearestAdjacency(nn.Module):
    """``A_ij = 1`` for the k nearest neighbours j of i, by points or by the states themselves.

    Parameters
    ----------
    in_dim
        Width of the states.
    k
        Number of neighbours.
    mutual
        Link two items if either is a neighbour of the other.
    point_dim
        Number of coordinates of the points.
    """

    def __init__(self, *, in_dim: int, k: int = 8, mutual: bool = False, point_dim: int = 2) -> None:
        super().__init__()
        self.k, self.mutual, self.point_dim = k, mutual, point_dim

    def forward(self, x: Tensor, mask: Tensor | None = None, points: Tensor | None = None) -> Tensor:
        """Return (B, N, N) of zeros and ones, [receiver, sender], of ``x (B, N, in_dim)``, ``points (B, N, C)``."""
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        index, real = nearest(x if points is None else points, mask, self.k)
        found = x.new_zeros(x.shape[0], x.shape[1], x.shape[1]).scatter_add(2, index, real.to(x.dtype))
        return torch.maximum(found, found.mT) if self.mutual else found


@brick("adjacency_mix", takes=_TAKES, gives=_GIVES)
class AdjacencyMix(nn.Module):
    """Several adjacencies weighed against each other: ``sum_k softmax(c)_k A_k``, c learned or zero.

    Parameters
    ----------
    in_dim
        Width of the states.
    adjacencies
        The parts.
    learn
        Whether the weights are learned; otherwise the plain mean.
    """

    kinematics_dim = 3

    def __init__(self, *, in_dim: int, adjacencies: list[Part], learn: bool = True) -> None:
        super().__init__()
        self.adjacencies = nn.ModuleList(fit(a, in_dim=in_dim) for a in adjacencies)
        self.preference = nn.Parameter(torch.empty(len(adjacencies)), requires_grad=learn)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with equal weights."""
        nn.init.zeros_(self.preference)

    def forward(self, x: Tensor, mask: Tensor | None = None, kinematics: Tensor | None = None) -> Tensor:
        """Return weights (B, N, N), [receiver, sender], of states ``x (B, N, in_dim)``."""
        weight = self.preference.softmax(0)
        return sum(w * a(x, mask, kinematics) for w, a in zip(weight, self.adjacencies, strict=True))
