"""How a controller finds its place in a memory ``(B, N, W)``: by content, by shifting, by age of use.

Weightings are ``(B, H, N)``, one for each of H heads; every function is batched and keeps no state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jetlego.bricks.masks import at_least_float32
from jetlego.bricks.norms import l2_normalise


def by_content(memory: Tensor, key: Tensor, strength: Tensor) -> Tensor:
    """Return softmax_i(beta cos(k, M_i)) (B, H, N) for keys (B, H, W) and strengths (B, H); beta = 0 is uniform."""
    cosine = l2_normalise(key) @ l2_normalise(memory).mT
    return at_least_float32(strength.unsqueeze(-1) * cosine).softmax(-1).to(memory.dtype)


def between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Return (1 - share) first + share second; unlike ``torch.lerp`` it takes what autocast mixes."""
    return first + share * (second - first)


def shifted(weight: Tensor, shift: Tensor) -> Tensor:
    """Return the circular convolution of weightings (B, H, N) with shifts (B, H, S).

    Entry s of a shift moves by ``s - S // 2`` places; one gather, no loop over the batch.
    """
    slots, reach = weight.shape[-1], shift.shape[-1]
    here = torch.arange(slots, device=weight.device).unsqueeze(1)
    moves = torch.arange(reach, device=weight.device) - reach // 2
    windows = weight[..., (here - moves) % slots]
    return (windows * shift.unsqueeze(-2)).sum(-1)


def sharpened(weight: Tensor, gamma: Tensor, *, eps: float = 1e-8) -> Tensor:
    """Return w^gamma / sum w^gamma of weightings (B, H, N) with gamma (B, H) >= 1."""
    raised = (weight + eps).pow(gamma.unsqueeze(-1))
    return raised / raised.sum(-1, keepdim=True)


def usage_after(usage: Tensor, write: Tensor, read: Tensor, free: Tensor) -> Tensor:
    """Return how much of each slot is in use, (B, N) in [0, 1].

    u <- (u + w^w - u w^w) prod_i (1 - f^i w^{r,i}), with the write weighting (B, N) and the read weightings (B, R, N)
    of the step before, and free gates (B, R). The write weighting counts as a constant, as in the reference code.
    """
    write = write.detach()
    kept = (1 - free.unsqueeze(-1) * read).prod(1)
    return (usage + write - usage * write) * kept


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
    kept = (1 - weight.unsqueeze(-1) * erase.unsqueeze(2)).prod(1)
    return memory * kept + weight.mT @ add
