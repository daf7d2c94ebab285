"""Compiled loops over packed trees: reading histories, breadth-first orders, level plans, gathers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetlego.clustering import jit
from jetlego.clustering.kinematics import rapidity_phi

Array = npt.NDArray[Any]

kernel = jit.compiler(Path(__file__).parent, jit.HERE)
"""How the loops of this room are compiled (jit): once, into a cache beside the source, free of the GIL."""

FAULT_RANGE, FAULT_ONE_CHILD, FAULT_TWO_PARENTS, FAULT_ROOTS = 1, 2, 3, 4


@kernel
def children_of(
    parents: Array, pt2: Array, node_ptr: Array, jet_ptr: Array, merge_ptr: Array, harder_left: bool, children: Array
) -> None:
    """Write (left, right) of every node, -1 at leaves."""
    for jet in range(len(node_ptr) - 1):
        base = node_ptr[jet]
        count = jet_ptr[jet + 1] - jet_ptr[jet]
        for node in range(base, base + count):
            children[node, 0] = -1
            children[node, 1] = -1
        for step in range(merge_ptr[jet + 1] - merge_ptr[jet]):
            left, right = parents[merge_ptr[jet] + step]
            if harder_left and pt2[base + left] < pt2[base + right]:
                left, right = right, left
            children[base + count + step, 0] = left
            children[base + count + step, 1] = right


@kernel
def _find_root(children: Array, base: int, count: int, leaf: Array, has_parent: Array) -> tuple[int, int, int]:
    """Mark nodes that have a parent, number the leaves; return (fault, node, root)."""
    leaves = 0
    has_parent[:count] = False
    for node in range(count):
        left, right = children[base + node, 0], children[base + node, 1]
        leaf[base + node] = -1
        if left < 0 and right < 0:
            leaf[base + node] = leaves
            leaves += 1
            continue
        if left < 0 or right < 0:
            return FAULT_ONE_CHILD, node, 0
        for child in (left, right):
            if child >= count:
                return FAULT_RANGE, node, 0
            if has_parent[child]:
                return FAULT_TWO_PARENTS, child, 0
            has_parent[child] = True
    for node in range(count):
        if not has_parent[node]:
            return 0, node, node
    return FAULT_ROOTS, 0, 0


@kernel
def breadth_first(
    children: Array, node_ptr: Array, order: Array, leaf: Array, depth: Array, sizes: Array, levels: Array
) -> tuple[int, int, int]:
    """Write every jet's breadth-first order, leaf numbers in that order, depths and level sizes.

    Level sizes of jet b stand in the first ``levels[b]`` places of its nodes. Returns (fault, jet, node), all 0 if
    every jet is one binary tree.
    """
    most = 0
    for jet in range(len(node_ptr) - 1):
        most = max(most, node_ptr[jet + 1] - node_ptr[jet])
    number = np.empty(most, np.int32)
    has_parent = np.empty(most, np.bool_)
    for jet in range(len(node_ptr) - 1):
        base = node_ptr[jet]
        count = node_ptr[jet + 1] - base
        if count == 0:
            continue
        fault, node, root = _find_root(children, base, count, leaf, has_parent)
        if fault:
            return fault, jet, node
        number[:count] = leaf[base : base + count]
        order[base] = root
        start, stop, level = 0, 1, 0  # the places of this level in the queue
        while start < stop:
            sizes[base + level] = stop - start
            tail = stop
            for place in range(start, stop):
                node = order[base + place]
                depth[base + node] = level
                leaf[base + place] = number[node]
                if children[base + node, 0] >= 0:
                    order[base + tail] = children[base + node, 0]
                    order[base + tail + 1] = children[base + node, 1]
                    tail += 2
            start, stop, level = stop, tail, level + 1
        levels[jet] = level
        if stop != count:  # a second root, or a cycle beside the tree
            seen = np.zeros(count, np.bool_)
            for place in range(stop):
                seen[order[base + place]] = True
            return FAULT_ROOTS, jet, int(np.argmin(seen))
    return 0, 0, 0


@kernel
def count_levels(index: Array, level_ptr: Array, level_size: Array, chunk: int, bounds: Array) -> None:
    """Write ``bounds`` (L, C + 1): the first row of chunk c in level d, and where the level ends."""
    num_levels, num_chunks = bounds.shape[0], bounds.shape[1] - 1
    bounds[:] = 0
    for place in range(len(index)):
        jet = index[place]
        piece = place // chunk
        first = level_ptr[jet]
        for level in range(level_ptr[jet + 1] - first):
            bounds[level, piece] += level_size[first + level]
    row = 0
    for level in range(num_levels):
        for piece in range(num_chunks):
            size = bounds[level, piece]
            bounds[level, piece] = row
            row += size
        bounds[level, num_chunks] = row


@kernel
def fill_plan(
    index: Array, node_ptr: Array, jet_ptr: Array, order: Array, leaf: Array, level_ptr: Array, level_size: Array,
    cursor: Array, inner_cursor: Array, node_of_row: Array, inner_row: Array, leaf_row: Array, root_row: Array,
) -> None:  # fmt: skip
    """One counting sort by depth; jets keep their order within a level (trees of section 5.1).

    ``cursor`` and ``inner_cursor`` hold the next free row and the next free inner number of every level. ``inner_row``
    and ``leaf_row`` have one place more than needed: whether a node is a leaf is a coin that no processor predicts, so
    both are written, and one of the two goes there.
    """
    u = np.uint64  # numba lets signed indices count from the end, which costs a comparison each
    num_inner, num_leaves = u(len(inner_row) - 1), u(len(leaf_row) - 1)
    node_base, leaf_base, roots = u(0), u(0), 0
    num_roots = len(root_row)
    for jet in index:
        num_roots -= node_ptr[jet] == node_ptr[jet + 1]
    for place in range(len(index)):
        jet = index[place]
        base, count = u(node_ptr[jet]), u(node_ptr[jet + 1] - node_ptr[jet])
        root_row[place] = num_roots
        if count:
            root_row[place] = roots
            roots += 1
        sizes = level_size[level_ptr[jet] : level_ptr[jet + 1]]
        for level in range(u(len(sizes))):
            row, inner, size = u(cursor[level]), u(inner_cursor[level]), u(sizes[level])
            for step in range(u(0), size):
                node_of_row[row + step] = node_base + u(order[base + step])
                number = leaf[base + step]
                is_leaf = number >= 0
                inner_row[num_inner if is_leaf else inner] = row + step
                leaf_row[leaf_base + u(number) if is_leaf else num_leaves] = row + step
                inner += u(not is_leaf)
            base += size
            cursor[level] = row + size
            inner_cursor[level] = inner
        node_base += count
        leaf_base += u(jet_ptr[jet + 1] - jet_ptr[jet])


@kernel
def sum_subtrees(
    children: Array, node_ptr: Array, jet_ptr: Array, order: Array, leaf: Array, column: Array, total: Array
) -> None:
    """Add up a column of the constituents over the leaves below each node, deepest level first."""
    for jet in range(len(node_ptr) - 1):
        base = node_ptr[jet]
        for place in range(node_ptr[jet + 1] - 1, base - 1, -1):
            node = base + order[place]
            if leaf[place] >= 0:
                total[node] = column[jet_ptr[jet] + leaf[place]]
            else:
                total[node] = total[base + children[node, 0]] + total[base + children[node, 1]]


@kernel
def scaled_breadth_first(
    node_ptr: Array, order: Array, values: Array, center: Array, scale: Array, out: Array
) -> None:
    """Write (value - center) / scale, 0 for NaN, in the breadth-first order of each jet."""
    for jet in range(len(node_ptr) - 1):
        for place in range(node_ptr[jet], node_ptr[jet + 1]):
            node = node_ptr[jet] + order[place]
            for column in range(values.shape[1]):
                value = (values[node, column] - center[column]) / scale[column]
                out[place, column] = 0.0 if np.isnan(value) else value


@kernel
def gather_levels(
    index: Array, node_ptr: Array, level_ptr: Array, level_size: Array, cursor: Array, values: Array, out: Array
) -> None:
    """Copy the rows of some jets, stored breadth first, to the level order of a plan.

    ``cursor`` holds the next free row of every level.
    """
    for jet in index:
        base = node_ptr[jet]
        for level in range(level_ptr[jet + 1] - level_ptr[jet]):
            size, row = level_size[level_ptr[jet] + level], cursor[level]
            for step in range(size):
                for column in range(values.shape[1]):
                    out[row + step, column] = values[base + step, column]
            base += size
            cursor[level] = row + size


@kernel
def gather_blocks(index: Array, ptr: Array, values: Array, out: Array) -> None:
    """Copy the rows (P, F) of some jets, one jet after the other."""
    row = 0
    for jet in index:
        for place in range(ptr[jet], ptr[jet + 1]):
            for column in range(values.shape[1]):
                out[row, column] = values[place, column]
            row += 1


@kernel
def angles_of(p4: Array, rapidity: Array, azimuth: Array) -> None:
    """Write rapidity and azimuth in [0, 2 pi) of (T, 4) momenta."""
    for node in range(len(p4)):
        rapidity[node], azimuth[node] = rapidity_phi(p4[node, 0], p4[node, 1], p4[node, 2], p4[node, 3])


@kernel
def angles_between(rapidity: Array, azimuth: Array, node: Array, origin: Array, dy: Array, dphi: Array) -> None:
    """Write what separates ``node`` from ``origin``, the azimuth in [-pi, pi)."""
    for row in range(len(node)):
        dy[row] = rapidity[node[row]] - rapidity[origin[row]]
        turn = azimuth[node[row]] - azimuth[origin[row]]
        if turn >= np.pi:
            turn -= 2.0 * np.pi
        elif turn < -np.pi:
            turn += 2.0 * np.pi
        dphi[row] = turn


@kernel
def transpose(columns: Array, out: Array) -> None:
    """Write (F, T) columns to (T, F) rows."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = columns[column, row]
