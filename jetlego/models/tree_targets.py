"""What a clustering tells of every two constituents: a target for heads of pairs, made from the tree of a batch.

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


TREE_TARGETS: Mapping[str, Callable[[Any, Tensor, str], Target]] = MappingProxyType({"generation": generation})
"""Name -> function of a ``JetBatch``, of the prediction, and of the name of the tree."""
