"""What a clustering, or the tracks, tell of every two constituents: targets for heads of pairs.

A tree over the N constituents that a head sees is the whole tree with all others taken away: nodes that are left with
one child are skipped. Two constituents then have a lowest common ancestor of some *generation*, the length of the
longest way down from it to a leaf (arXiv:2208.14924, section 3): 1 if the two were merged first, N - 1 at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from jetlego.bricks.masks import Packing
from jetlego.errors import ConfigError
from jetlego.models.inputs import momenta_of, transverse
from jetlego.models.jet_targets import Target
from jetlego.structures.plan import TreePlan


def generation(jets: Any, prediction: Tensor, tree: str) -> Target:
    """Return classes (B, N, N) for logits (B, K, N, N): 0 for a constituent itself, else the generation, K - 1 at most.

    N is that of the prediction; constituents beyond it do not count. See :func:`generations`.
    """
    classes, count = prediction.shape[1:3]
    plan = jets.tree(tree).plan
    packing = Packing.of(jets.jet_ptr, jets.num_constituents, count)
    value = generations(ancestor_depths(plan, packing), packing.mask).clamp(max=classes - 1)
    return Target(value, packing.mask.unsqueeze(1) & packing.mask.unsqueeze(2))


def ancestors(plan: TreePlan) -> Tensor:
    """Return (P, L) rows: the ancestor of each leaf at each depth from the root; below its own depth, the leaf."""
    here, found = plan.leaf_row, []
    if plan.num_inner == 0:
        return here.unsqueeze(1).expand(-1, plan.num_levels)
    for depth in range(plan.num_levels - 1, -1, -1):
        parent = plan.inner_row[((here - plan.num_roots).clamp(min=0) // 2).clamp(max=plan.num_inner - 1)]
        here = torch.where(here >= plan.level_ptr[depth + 1], parent, here)
        found.append(here)
    return torch.stack(found[::-1], 1)


def ancestor_depths(plan: TreePlan, packing: Packing) -> Tensor:
    """Return (B, N, N) int64, the depth of the lowest common ancestor of every two constituents that are not cut.

    The root has depth 0; a constituent with itself has the largest number of levels of the batch, and what padding
    holds means nothing.
    """
    above = packing.pad(ancestors(plan))
    count = above.shape[1]
    shared = above.new_zeros((above.shape[0], count, count))
    for level in above.unbind(2):
        shared = shared + (level.unsqueeze(1) == level.unsqueeze(2))
    own = torch.eye(count, dtype=torch.bool, device=above.device)
    return (shared - 1).masked_fill(own, plan.num_levels)


def generations(depth: Tensor, mask: Tensor) -> Tensor:
    """Return (B, N, N) int64, the generation of the lowest common ancestor of every two real items; 0 for one itself.

    Parameters
    ----------
    depth
        (B, N, N) of common ancestors in any tree over these and further items, largest on the diagonal.
    mask
        (B, N), True for real items.

    Notes
    -----
    Only the order of depths above one item matters, so they need not be consecutive. Takes O(B N^3) work and memory.
    """
    own = torch.eye(depth.shape[1], dtype=torch.bool, device=depth.device)
    both = mask.unsqueeze(1) & mask.unsqueeze(2) & ~own
    earlier = torch.ones_like(own).tril(-1)  # (l, m): m before l
    twin = (depth.unsqueeze(3) == depth.unsqueeze(2)) & both.unsqueeze(2)  # (B, k, l, m): k meets l where it meets m
    new = both & ~(twin & earlier).any(3)  # one partner l for each node above k
    below = depth.unsqueeze(2) >= depth.unsqueeze(3)  # (B, k, l, m): k meets m no higher than l
    climb = (below & new.unsqueeze(2)).sum(3)  # (B, k, l): nodes on the way from k up to where it meets l
    inside = (depth.unsqueeze(2) >= depth.unsqueeze(1)) & (both | own).unsqueeze(2)  # (B, k, i, j), seen from i
    inside = inside & inside.mT  # k is below the node where i and j meet
    way = torch.maximum(climb.unsqueeze(3), climb.unsqueeze(2))  # (B, k, i, j)
    return (way * inside).amax(1) * both


def same_vertex(jets: Any, prediction: Tensor, tree: str) -> Target:
    """Return (B, 1, N, N) for logits of that shape: whether two displaced tracks meet, as :func:`tracks_meet` tells.

    The tree is prepared with ``targets: tracks``; all pairs of two tracks count.
    """
    made, count = jets.tree(tree), prediction.shape[-1]
    if made.targets is None or made.targets.shape[1] != 4:
        raise ConfigError("NO-TARGETS", f"tree '{tree}' does not hold what its tracks are", "set its targets: tracks")
    p4 = momenta_of(jets)
    pt = transverse(p4).clamp(min=1e-9)
    columns = torch.cat([(p4[:, :3] / pt.unsqueeze(1)).double(), made.targets[made.plan.leaf_row].double()], 1)
    packing = Packing.of(jets.jet_ptr, jets.num_constituents, count)
    padded = packing.pad(columns)
    track = padded[..., 4] > 0
    both = track.unsqueeze(1) & track.unsqueeze(2) & ~torch.eye(count, dtype=torch.bool, device=track.device)
    value = tracks_meet(padded) & both
    return Target(value.unsqueeze(1).to(prediction.dtype), both.unsqueeze(1))


def tracks_meet(track: Tensor, *, displaced: float = 3.0, chi2: float = 4.0) -> Tensor:
    """Return (..., N, N) bool: two tracks miss the collision point, and one point ahead of it lies on both.

    Parameters
    ----------
    track
        (..., N, 7): direction (ux, uy) in the transverse plane, cot theta, d0, its error, dz and its error in mm; d0
        has the sign of ``x uy - y ux``.
    displaced, chi2
        Least |d0| in standard deviations; largest chi2 of the common vertex.

    Notes
    -----
    Tracks are straight: ``x uy - y ux = d0`` and ``z = dz + cot theta (x ux + y uy)``. Two of them are four equations
    for three unknowns. The transverse ones give the point; the difference of the two z at it, over its propagated
    error, is the one that is left. Both are multiplied by the sine of the angle, so that parallel tracks do no harm.
    """
    ux, uy, cot, d0, d0_error, dz, dz_error = track.unbind(-1)
    first, second = ((lambda v: v.unsqueeze(-1)), (lambda v: v.unsqueeze(-2)))
    sine = first(ux) * second(uy) - first(uy) * second(ux)
    cosine = first(ux) * second(ux) + first(uy) * second(uy)
    far_1, far_2 = second(d0) - first(d0) * cosine, second(d0) * cosine - first(d0)  # path lengths times the sine
    gap = (first(dz) - second(dz)) * sine + far_1 * first(cot) - far_2 * second(cot)
    slope_1, slope_2 = second(cot) - cosine * first(cot), first(cot) - cosine * second(cot)
    error2 = (first(dz_error) ** 2 + second(dz_error) ** 2) * sine**2
    error2 = error2 + (slope_1 * first(d0_error)) ** 2 + (slope_2 * second(d0_error)) ** 2
    away = d0.abs() > displaced * d0_error
    ahead = (far_1 * sine > 0) & (far_2 * sine > 0)
    return first(away) & second(away) & ahead & (gap**2 < chi2 * error2)


TREE_TARGETS: Mapping[str, Callable[[Any, Tensor, str], Target]] = MappingProxyType(
    {f.__name__: f for f in (generation, same_vertex)}
)
"""Name -> function of a ``JetBatch``, of the prediction, and of the name of the tree."""
