"""How a controller finds its place in a memory ``(B, N, W)``: by content, by shifting, by age of use.

Weightings are ``(B, H, N)``, one for each of H heads; every function is batched and keeps no state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jetlego.bricks.masks import at_least_float32
from jetlego.bricks.norms import l2_normalise

EMPTY = 1e-6
"""Squared length below which a slot counts as empty and looks like nothing.

As in the reference code of the differentiable neural computer. Without it the direction of a slot that hardly holds
anything decides as much as that of a full one, with gradients of the order of one over its length.
"""

_SMALL = 4096


def by_content(memory: Tensor, key: Tensor, strength: Tensor) -> Tensor:
    """Return softmax_i(beta cos(k, M_i)) (B, H, N) for keys (B, H, W) and strengths (B, H); beta = 0 is uniform."""
    cosine = likeness(l2_normalise(key), l2_normalise(memory, eps=EMPTY))
    return at_least_float32(strength.unsqueeze(-1) * cosine).softmax(-1).to(memory.dtype)


def between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Return (1 - share) first + share second; unlike ``torch.lerp`` it takes what autocast mixes."""
    return first + share * (second - first)


def shifted(weight: Tensor, shift: Tensor) -> Tensor:
    """Return the circular convolution of weightings (B, H, N) with shifts (B, H, S).

    Entry s of a shift moves by ``s - S // 2`` places. A sum over slices of the ring, cut open: no gather, whose
    gradient is slow, and no loop over the batch.
    """
    slots, reach = weight.shape[-1], shift.shape[-1]
    ahead = reach // 2
    ring = torch.cat([weight[..., slots - (reach - 1 - ahead) :], weight, weight[..., :ahead]], -1)
    return (ring.unfold(-1, slots, 1).mT @ shift.flip(-1).unsqueeze(-1)).squeeze(-1)


def sharpened(weight: Tensor, gamma: Tensor, *, eps: float = 1e-8) -> Tensor:
    """Return w^gamma / sum w^gamma of weightings (B, H, N) with gamma (B, H) >= 1."""
    return ((weight + eps).log() * gamma.unsqueeze(-1)).softmax(-1)


def usage_after(usage: Tensor, write: Tensor, read: Tensor, free: Tensor) -> Tensor:
    """Return how much of each slot is in use, (B, N) in [0, 1].

    u <- (u + w^w - u w^w) prod_i (1 - f^i w^{r,i}), with the write weighting (B, N) and the read weightings (B, R, N)
    of the step before, and free gates (B, R). The write weighting counts as a constant, as in the reference code.
    """
    write = write.detach()
    usage = usage + write - usage * write
    for gate, place in zip(free.unsqueeze(-1).unbind(1), read.unbind(1), strict=True):
        usage = torch.addcmul(usage, usage, gate * place, value=-1)
    return usage


def allocation(usage: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Return a weighting (B, N) of the slots that are free, the freest first.

    a[phi_j] = (1 - u[phi_j]) prod_{i < j} u[phi_i] over ascending usage; of equal ones the lower slot comes first.
    """
    wide = eps + (1 - eps) * usage  # the product of exact zeros would have no gradient
    ordered, place = wide.sort(dim=-1, stable=True)
    before = torch.cat([torch.ones_like(ordered[:, :1]), ordered[:, :-1]], -1).cumprod(-1)
    return torch.zeros_like(usage).scatter(1, place, ((1 - ordered) * before).to(usage.dtype))


def links_after(links: Tensor, precedence: Tensor, write: Tensor) -> tuple[Tensor, Tensor]:
    """Return links (B, N, N) and precedence (B, N) after a write (B, N).

    L_ij <- (1 - w_i - w_j) L_ij + w_i p_j, L_ii = 0; p <- (1 - sum w) p + w. L_ij tells that i was written after j.
    """
    kept = 1 - write.unsqueeze(2) - write.unsqueeze(1)
    links = kept * links + write.unsqueeze(2) * precedence.unsqueeze(1)
    diagonal = torch.eye(write.shape[1], dtype=torch.bool, device=write.device)
    precedence = (1 - write.sum(1, keepdim=True)) * precedence + write
    return links.masked_fill(diagonal, 0), precedence


def least_used(usage: Tensor, count: int) -> Tensor:
    """Return (B, H, N): row i is 1 at the slot of the i-th least usage (B, N); of equal ones the lower comes first."""
    place = usage.sort(dim=-1, stable=True).indices[:, :count]
    rows = usage.new_zeros(usage.shape[0], count, usage.shape[1])
    return rows.scatter(2, place.unsqueeze(-1), 1.0)


def written(memory: Tensor, weight: Tensor, erase: Tensor, add: Tensor) -> Tensor:
    """Return M (1 - w e^T) + w a^T for all heads at once: weights (B, H, N), erase and add vectors (B, H, W).

    Several heads erase one after the other (a product) and then add, so their order does not matter.
    """
    places = weight.unsqueeze(-1).unbind(1)  # a loop over the few heads: a product over them has a slow gradient
    for place, what in zip(places, erase.unsqueeze(2).unbind(1), strict=True):
        memory = torch.addcmul(memory, memory, place * what, value=-1)
    return added(memory, weight, add)


def added(memory: Tensor, weight: Tensor, add: Tensor) -> Tensor:
    """Return M + w a^T for all heads at once."""
    for place, what in zip(weight.unsqueeze(-1).unbind(1), add.unsqueeze(2).unbind(1), strict=True):
        memory = torch.addcmul(memory, place, what)
    return memory


def likeness(key: Tensor, memory: Tensor) -> Tensor:
    """Return k . M_i (B, H, N) of keys (B, H, W) and slots (B, N, W).

    Small ones as a sum of products, since a batched product of matrices is a call for each of the batch on a CPU.
    """
    if key.shape[1] * memory.shape[1] * memory.shape[2] > _SMALL:
        return key @ memory.mT
    return (key.unsqueeze(2) * memory.unsqueeze(1)).sum(-1)


def read_at(weight: Tensor, memory: Tensor) -> Tensor:
    """Return sum_i w_i M_i (B, H, W) of weightings (B, H, N) and slots (B, N, W)."""
    if weight.shape[1] * memory.shape[1] * memory.shape[2] > _SMALL:
        return weight @ memory
    return (weight.unsqueeze(-1) * memory.unsqueeze(1)).sum(2)
