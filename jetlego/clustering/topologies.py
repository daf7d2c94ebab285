"""Binary trees that follow from no distance: random ones, and chains ordered by pT (Louppe, arXiv:1702.00748)."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.algorithms import Algorithm, distance_scale
from jetlego.clustering.history import History, merge_offsets, node_offsets, summed_momenta
from jetlego.clustering.jit import kernel
from jetlego.clustering.kinematics import TWO_PI, rapidity_phi
from jetlego.conventions import FloatArray, IntArray


def grow(p4: FloatArray, jet_ptr: IntArray, *, order: str, radius: float, seed: int) -> History:
    """Return the history of ``order``: ``random``, ``asc_pt`` or ``desc_pt``.

    Parameters
    ----------
    p4, jet_ptr
        (P, 4) float64 momenta in GeV and (B + 1,) offsets, both checked.
    order
        ``random`` joins two nodes drawn uniformly; ``desc_pt`` joins the two softest and carries the sum on, so that
        the hardest constituent joins at the root; ``asc_pt`` the other way round.
    radius
        ``dij`` is Delta^2 / radius^2 of the nodes that merge.
    seed
        Of ``random``; mixed with a hash of the jet's momenta.
    """
    scale = distance_scale(Algorithm("cambridge_aachen", 0.0), radius)
    parents = np.empty((merge_offsets(jet_ptr)[-1], 2), np.int64)
    if order == "random":
        _random_pairs(p4.view(np.uint64), jet_ptr, np.uint64(seed % 2**64), parents)
    else:
        pt = np.hypot(p4[:, 0], p4[:, 1])
        key = pt if order == "asc_pt" else -pt
        jet = np.repeat(np.arange(len(jet_ptr) - 1), np.diff(jet_ptr))
        _chains(np.lexsort((key, jet)), jet_ptr, parents)
    node_p4 = summed_momenta(parents, p4, jet_ptr)
    dij = np.empty(len(parents))
    _distances(node_p4, node_offsets(jet_ptr), merge_offsets(jet_ptr), parents, dij)
    return History(parents, dij / scale, node_offsets(jet_ptr), jet_ptr, node_p4)


@kernel
def _mix(state):
    """Return a scrambled 64-bit word (splitmix64; Steele, Lea, Flood, doi:10.1145/2714064.2660195)."""
    z = state + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def _random_pairs(bits, jet_ptr, seed, parents):
    """Draw two of the open nodes, put their child in the pool, and so on; every jet has its own stream."""
    merge = 0
    for jet in range(len(jet_ptr) - 1):
        start, n = jet_ptr[jet], jet_ptr[jet + 1] - jet_ptr[jet]
        state = _mix(seed)
        for row in range(start, start + n):
            for axis in range(4):
                state = _mix(state ^ bits[row, axis])
        pool = np.arange(n)
        for step in range(n - 1):
            for draw in range(2):
                left = n - step - draw
                state = _mix(state)
                at = int((state >> np.uint64(32)) * np.uint64(left) >> np.uint64(32))
                pool[at], pool[left - 1] = pool[left - 1], pool[at]
            one, two = pool[n - step - 1], pool[n - step - 2]
            parents[merge, 0], parents[merge, 1] = min(one, two), max(one, two)
            pool[n - step - 2] = n + step
            merge += 1


@kernel
def _chains(order, jet_ptr, parents):
    """Join the last two of the ordered constituents, then the sum with the one before, and so on."""
    merge = 0
    for jet in range(len(jet_ptr) - 1):
        start, n = jet_ptr[jet], jet_ptr[jet + 1] - jet_ptr[jet]
        for step in range(n - 1):
            partner = order[start + n - 2 - step] - start
            carried = order[start + n - 1] - start if step == 0 else n + step - 1
            parents[merge, 0], parents[merge, 1] = min(partner, carried), max(partner, carried)
            merge += 1


@kernel
def _distances(node_p4, node_ptr, merge_ptr, parents, dij):
    for jet in range(len(node_ptr) - 1):
        for merge in range(merge_ptr[jet], merge_ptr[jet + 1]):
            a, b = node_p4[node_ptr[jet] + parents[merge, 0]], node_p4[node_ptr[jet] + parents[merge, 1]]
            y_a, phi_a = rapidity_phi(a[0], a[1], a[2], a[3])
            y_b, phi_b = rapidity_phi(b[0], b[1], b[2], b[3])
            gap = abs(phi_a - phi_b)
            gap = min(gap, TWO_PI - gap)
            dij[merge] = (y_a - y_b) ** 2 + gap * gap
