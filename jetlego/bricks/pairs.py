"""What two particles are to each other: ln kT, ln z, ln Delta, ln m2, as a bias on attention.

    kT = min(pT_i, pT_j) Delta    z = min(pT_i, pT_j) / (pT_i + pT_j)    Delta = hypot(dy, dphi)    m2 = (p_i + p_j)^2

each clamped from below before the logarithm (arXiv:2202.03772, section 4; arXiv:1402.2657 for the variables).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.masks import at_least_float32, blank, pad, padded_mask, padded_slots, real_index
from jetlego.bricks.norms import MaskedBatchNorm
from jetlego.bricks.registry import brick
from jetlego.conventions import IntArray

FLOOR = 1e-8
"""Least value of which a logarithm is taken, that of weaver-core."""


def lund_pair(first: Tensor, second: Tensor, *, floor: float = FLOOR) -> Tensor:
    """Return (..., 4): ln kT, ln z, ln Delta, ln m2 of particles ``(..., 4)`` = (px, py, pz, E) in GeV.

    Shapes broadcast. A particle with itself has Delta = 0, hence the floor; gradients are finite there too.
    """
    pt_1, y_1, phi_1 = _pt_y_phi(first)
    pt_2, y_2, phi_2 = _pt_y_phi(second)
    d_phi = torch.remainder(phi_1 - phi_2 + math.pi, 2 * math.pi) - math.pi
    delta2 = (y_1 - y_2).square() + d_phi.square()
    apart = delta2 > 0
    delta = torch.where(apart, torch.where(apart, delta2, 1).sqrt(), 0)
    softer = torch.minimum(pt_1, pt_2)
    total = first + second
    mass2 = total[..., 3].square() - total[..., :3].square().sum(-1)
    z = softer / (pt_1 + pt_2).clamp(min=floor)
    return torch.stack([v.clamp(min=floor).log() for v in (softer * delta, z, delta, mass2)], -1)


def _pt_y_phi(p4: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    px, py, pz, energy = p4.unbind(-1)
    pt2 = px.square() + py.square()
    there = pt2 > 0
    # neither the root nor the angle has a gradient at zero, which is what padding is
    pt = torch.where(there, torch.where(there, pt2, 1).sqrt(), 0)
    phi = torch.where(there, torch.atan2(torch.where(there, py, 0), torch.where(there, px, 1)), 0)
    return pt, 0.5 * torch.log1p(2 * pz / (energy - pz).clamp(min=1e-20)), phi


def triangle(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return row and column (T,) of the lower triangle with diagonal of a ``count`` x ``count`` matrix, row by row."""
    row, column = torch.tril_indices(count, count, device=device)
    return row, column


def mirror(lower: Tensor, count: int) -> Tensor:
    """Return the symmetric matrices (..., N, N) of their lower triangles (..., T)."""
    here = torch.arange(count, device=lower.device)
    high, low = torch.maximum(here.unsqueeze(1), here), torch.minimum(here.unsqueeze(1), here)
    where = high * (high + 1) // 2 + low
    return lower.index_select(-1, where.flatten()).unflatten(-1, (count, count))


@brick("pair_features", takes={"x": "set[in_dim]"}, gives={"y": "pair"})
class PairFeatures(nn.Module):
    """ln kT, ln z, ln Delta and ln m2 of every pair of particles, itself included; no parameters."""

    in_dim = 4

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, 4, N, N) of four-momenta ``x (B, N, 4)`` in GeV, zero where either is padding."""
        x = blank(x, mask)
        pairs = lund_pair(x.unsqueeze(2), x.unsqueeze(1)).permute(0, 3, 1, 2)
        if mask is None:
            return pairs
        return pairs.masked_fill(~(mask.unsqueeze(2) & mask.unsqueeze(1)).unsqueeze(1), 0)


@brick("pair_bias", takes={"x": "set[in_dim]"}, gives={"y": "pair[out_dim]"}, views=("padded", "packed"))
class PairBias(nn.Module):
    """Attention biases of every pair of particles from its Lund variables: the pair embedding of arXiv:2202.03772.

    Batch norm, then linear, batch norm, activation for each width; on the lower triangle with diagonal, then mirrored.
    Batch statistics are over real pairs.

    Parameters
    ----------
    out_dim
        Number of biases, one a head.
    hidden
        Widths of the layers before the last.
    activation
        After each norm.
    last_activation
        Whether the last layer has one (the published networks: yes).
    """

    in_dim = 4

    def __init__(self, *, out_dim: int, hidden: Sequence[int] = (64, 64, 64), activation: str = "gelu",
                 last_activation: bool = True) -> None:  # fmt: skip
        super().__init__()
        self.out_dim = out_dim
        widths = [4, *hidden, out_dim]
        self.input_norm = MaskedBatchNorm(in_dim=4)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(MaskedBatchNorm(in_dim=w) for w in widths[1:])
        names = [activation] * len(hidden) + [activation if last_activation else "identity"]
        self.activations = nn.ModuleList(make_activation(name) for name in names)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None, n_max: int = 0,
                counts: IntArray | None = None) -> Tensor:  # fmt: skip
        """Return (B, out_dim, N, N) of four-momenta ``x (B, N, 4)`` in GeV, or ``x (P, 4)`` with ``ptr``, ``n_max``.

        ``counts (B,)``, the sizes of the sets on the host, spares the work on pairs that are not there.
        """
        if ptr is not None and counts is not None and counts.max(initial=0) <= n_max:
            return self._of_real_pairs(at_least_float32(x), ptr, n_max, counts)
        if ptr is not None:
            x, mask = pad(x, ptr, n_max), padded_mask(ptr, n_max)
        x = at_least_float32(blank(x, mask))
        row, column = triangle(x.shape[1], x.device)
        real = None if mask is None else mask.index_select(1, row) & mask.index_select(1, column)
        pair = self.embed(lund_pair(x.index_select(1, row), x.index_select(1, column)), real)  # (B, T, out_dim)
        return mirror(pair.mT.contiguous(), x.shape[1])

    def _of_real_pairs(self, x: Tensor, ptr: Tensor, n_max: int, counts: IntArray) -> Tensor:
        """Embed each particle with itself and the real pairs below the diagonal, and put the latter on both sides."""
        row, column = torch.tril_indices(n_max, n_max, -1, device=x.device)
        mask = padded_mask(ptr, n_max)
        below = real_index(mask.index_select(1, row), int((counts * (counts - 1) // 2).sum()))
        pairs = max(1, row.shape[0])
        owner, which = below // pairs, below % pairs
        start, i, j = ptr.index_select(0, owner), row.index_select(0, which), column.index_select(0, which)
        first, second = x.index_select(0, start + i), x.index_select(0, start + j)
        bias = self.embed(lund_pair(torch.cat([x, first]), torch.cat([x, second])))
        corner, slot = owner * n_max**2, padded_slots(ptr, x.shape[0], n_max)
        diagonal = slot * n_max + slot % n_max
        where = torch.cat([diagonal, corner + i * n_max + j, corner + j * n_max + i])
        flat = bias.new_zeros(mask.shape[0] * n_max**2, self.out_dim)
        flat = flat.index_copy(0, where, torch.cat([bias, bias[x.shape[0] :]]))
        return flat.unflatten(0, (mask.shape[0], n_max, n_max)).permute(0, 3, 1, 2).contiguous()

    def embed(self, pair: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return biases (..., out_dim) of pair features (..., 4); those outside ``mask (...)`` come out zero."""
        pair = self.input_norm(pair.to(self.linears[0].weight.dtype), mask)
        for linear, norm, act in zip(self.linears, self.norms, self.activations, strict=True):
            pair = act(norm(linear(pair), mask))
        return blank(pair, mask)
