"""Features of two constituents at once, read off their lowest common ancestor in the tree."""

from __future__ import annotations

import numpy as np

from jetlego.structures._kernels import Array, kernel


@kernel
def _spans(children: Array, base: int, order: Array, leaf: Array, count: int, size: Array, first: Array,
           sorted_leaf: Array) -> None:  # fmt: skip
    """Order the leaves of one tree depth first, so that the leaves below every node are a span of that order.

    Writes, by node: the number of leaves below and where its span begins; by place: the constituent.
    """
    for place in range(count - 1, -1, -1):  # children come after their parent
        node = order[base + place]
        if leaf[base + place] >= 0:
            size[node] = 1
        else:
            size[node] = size[children[base + node, 0]] + size[children[base + node, 1]]
    for place in range(count):
        node = order[base + place]
        if place == 0:
            first[node] = 0
        if leaf[base + place] >= 0:
            sorted_leaf[first[node]] = leaf[base + place]
        else:
            left, right = children[base + node, 0], children[base + node, 1]
            first[left] = first[node]
            first[right] = first[node] + size[left]


@kernel
def at_common_ancestors(
    index: Array, children: Array, node_ptr: Array, order: Array, leaf: Array, values: Array, out: Array
) -> None:
    """Write to ``out`` (B, N, N, K) what the lowest common ancestor of each two constituents has in ``values`` (T, K).

    Values stand breadth first; a constituent with itself takes its own leaf's. O(n^2) per jet: each pair is written
    once, by the one node where the two part.
    """
    most = 1
    for jet in index:
        most = max(most, node_ptr[jet + 1] - node_ptr[jet])
    size, first, sorted_leaf = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    for row in range(len(index)):
        base = node_ptr[index[row]]
        count = node_ptr[index[row] + 1] - base
        _spans(children, base, order, leaf, count, size, first, sorted_leaf)
        for place in range(count):
            node = order[base + place]
            if leaf[base + place] >= 0:
                own = leaf[base + place]
                out[row, own, own] = values[base + place]
                continue
            left, right = children[base + node, 0], children[base + node, 1]
            for i in range(first[left], first[left] + size[left]):
                for j in range(first[right], first[right] + size[right]):
                    one, two = sorted_leaf[i], sorted_leaf[j]
                    for k in range(values.shape[1]):
                        out[row, one, two, k] = values[base + place, k]
                        out[row, two, one, k] = values[base + place, k]
