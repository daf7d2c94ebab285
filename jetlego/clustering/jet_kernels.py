"""The loops over jets around the sequence of one jet."""

from __future__ import annotations

import math

from jetlego.clustering.jit import inner
from jetlego.clustering.kernels import FAR, sequence
from jetlego.clustering.kinematics import PRUNING, PT_SCHEME


@inner
def recluster_jets(
    jets, p4, jet_ptr, node_ptr, merge_ptr, power, spherical, scheme, r, slot_of, node_p4, parents, dij
):
    """Recluster the jets with these numbers; arrays as in ``History``, ``dij`` not yet divided by the scale."""
    for jet in jets:
        start, n = jet_ptr[jet], jet_ptr[jet + 1] - jet_ptr[jet]
        nodes = node_p4[node_ptr[jet] : node_ptr[jet + 1]]
        for i in range(n):
            for axis in range(4):
                nodes[i, axis] = p4[start + i, axis]
            if scheme == PT_SCHEME:  # takes all for massless
                nodes[i, 3] = math.sqrt(nodes[i, 0] ** 2 + nodes[i, 1] ** 2 + nodes[i, 2] ** 2)
        merges = slice(merge_ptr[jet], merge_ptr[jet + 1])
        sequence(nodes, n, power, spherical, FAR, False, scheme, 0.0, FAR, r, slot_of, parents[merges], dij[merges])


@inner
def prune_jets(p4, jet_ptr, node_ptr, merge_ptr, first, last, power, z_cut, wide2, r, slot_of, node_p4, parents, dij):
    """Recluster jets ``first .. last - 1`` with pruning; ``wide2`` holds the squared angle beyond which it acts."""
    for jet in range(first, last):
        start, n = jet_ptr[jet], jet_ptr[jet + 1] - jet_ptr[jet]
        nodes = node_p4[node_ptr[jet] : node_ptr[jet + 1]]
        for i in range(n):
            for axis in range(4):
                nodes[i, axis] = p4[start + i, axis]
        merges = slice(merge_ptr[jet], merge_ptr[jet + 1])
        sequence(
            nodes, n, power, False, FAR, False, PRUNING, z_cut, wide2[jet], r, slot_of, parents[merges], dij[merges]
        )
