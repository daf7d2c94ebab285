"""Clustering histories read as trees: children instead of parents, and the order in which a network walks them.

FastJet's *parents* merge into a *child*; in a tree the same two nodes are the *children* of the node they make.
``grow_trees`` is the one place where the two ways of reading meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from jetlego.clustering.history import History
from jetlego.clustering.packed import check_offsets, offsets_of, rows_of
from jetlego.conventions import PX, PY, IntArray
from jetlego.errors import ConfigError, DataError, did_you_mean
from jetlego.structures import _kernels

if TYPE_CHECKING:
    from jetlego.structures.plan import TreePlan

CHILD_ORDERS = ("harder_left", "history")
"""Which child stands left: the one with the larger pT, or the one with the lower node number."""

_FAULTS = {
    _kernels.FAULT_RANGE: "names a child that the jet does not have",
    _kernels.FAULT_ONE_CHILD: "has one child; a node has two or none",
    _kernels.FAULT_TWO_PARENTS: "is the child of two nodes",
    _kernels.FAULT_ROOTS: "cannot be reached: the jet has more than one root, or a cycle",
}


@dataclass(frozen=True)
class Forest:
    """One binary tree for each of B jets, T nodes and P leaves in all.

    Parameters
    ----------
    children
        (T, 2) int64, left and right child as node numbers inside the jet, -1 at leaves.
    node_ptr
        (B + 1,) int64; jet b owns nodes ``node_ptr[b]:node_ptr[b + 1]``.
    jet_ptr
        (B + 1,) int64; jet b owns leaves (constituents) ``jet_ptr[b]:jet_ptr[b + 1]``.
    depth
        (T,) int32, steps from the root.
    order
        (T,) int32, the nodes of each jet breadth first: level by level, the two children of a node side by side,
        left then right.
    leaf
        (T,) int32, in the order of ``order``: which constituent of the jet this node is, -1 for an inner node.
    level_size
        Number of nodes of each level of each jet, jet after jet.
    level_ptr
        (B + 1,) int64; jet b has levels ``level_ptr[b]:level_ptr[b + 1]``.

    Notes
    -----
    Use :func:`grow_trees` or :meth:`from_children`; they compute everything after ``node_ptr``.
    """

    children: IntArray
    node_ptr: IntArray
    jet_ptr: IntArray
    depth: IntArray
    order: IntArray
    leaf: IntArray
    level_size: IntArray
    level_ptr: IntArray

    @classmethod
    def from_children(cls, children: IntArray, node_ptr: IntArray) -> Forest:
        """Return the forest of given trees.

        Parameters
        ----------
        children
            (T, 2) node numbers inside the jet, (-1, -1) at leaves. The i-th leaf in the order of the rows is
            constituent i; otherwise nodes may stand in any order.
        node_ptr
            (B + 1,) offsets of the jets; empty jets have no node.

        Raises
        ------
        DataError
            If the nodes of a jet are not one binary tree (names the jet and a node).
        """
        pairs = np.ascontiguousarray(children, np.int64)
        ptr = np.ascontiguousarray(node_ptr, np.int64)
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise DataError("BAD-SHAPE", f"children has shape {pairs.shape}", "it must be (T, 2): left, right")
        check_offsets(ptr, len(pairs))
        order, leaf, depth, sizes = (np.empty(len(pairs), np.int32) for _ in range(4))
        levels = np.zeros(len(ptr) - 1, np.int64)
        fault, jet, node = _kernels.breadth_first(pairs, ptr, order, leaf, depth, sizes, levels)
        if fault:
            raise DataError("BAD-TREE", f"node {node} of jet {jet} {_FAULTS[fault]}")
        level_ptr = offsets_of(levels)
        level_size = sizes[np.repeat(ptr[:-1] - level_ptr[:-1], levels) + np.arange(level_ptr[-1])]
        jet_ptr = offsets_of((np.diff(ptr) + 1) // 2)
        return cls(pairs, ptr, jet_ptr, depth, order, leaf, level_size, level_ptr)

    @property
    def num_jets(self) -> int:
        """Number of jets B."""
        return len(self.node_ptr) - 1

    @property
    def num_nodes(self) -> int:
        """Number of nodes T of all jets."""
        return len(self.children)

    @property
    def num_levels(self) -> IntArray:
        """(B,) number of levels of each tree: its depth plus one, 0 for an empty jet."""
        return np.diff(self.level_ptr)

    @property
    def root(self) -> IntArray:
        """(B,) root of each jet as a packed row of ``children``, -1 for an empty jet."""
        filled = np.diff(self.node_ptr) > 0
        root = np.full(self.num_jets, -1, np.int64)
        start = self.node_ptr[:-1][filled]
        root[filled] = start + self.order[start]
        return root

    @cached_property
    def is_leaf(self) -> np.ndarray:
        """(T,) bool."""
        return self.children[:, 0] < 0

    @cached_property
    def jet_of_node(self) -> IntArray:
        """(T,) int64, the jet that each node belongs to."""
        return np.repeat(np.arange(self.num_jets), np.diff(self.node_ptr))

    def select(self, index: IntArray) -> Forest:
        """Return the trees of some jets; ``index`` holds jet numbers or is a mask over jets."""
        chosen = np.arange(self.num_jets)[index]
        nodes, levels = rows_of(self.node_ptr, chosen), rows_of(self.level_ptr, chosen)
        jet_ptr, node_ptr, level_ptr = (
            offsets_of(np.diff(ptr)[chosen]) for ptr in (self.jet_ptr, self.node_ptr, self.level_ptr)
        )
        parts = (self.children[nodes], node_ptr, jet_ptr, self.depth[nodes], self.order[nodes], self.leaf[nodes])
        return Forest(*parts, self.level_size[levels], level_ptr)

    def plan(self, index: IntArray | None = None, *, chunk: int = 64) -> TreePlan:
        """Return the level plan of some jets (all by default), as torch tensors on the CPU.

        Parameters
        ----------
        index
            Jet numbers, in the order of the batch.
        chunk
            Jets that a processor core takes at a time; results do not depend on it.
        """
        from jetlego.structures.plan import plan_trees  # torch: only when a network is about to run

        return plan_trees(self, index, chunk=chunk)


def grow_trees(history: History, *, order: str = "harder_left") -> Forest:
    """Return the trees of a clustering history.

    Parameters
    ----------
    history
        Merges of B jets.
    order
        ``"harder_left"``: the child with the larger pT stands left, of equals the one with the lower number.
        ``"history"``: the lower node number stands left.

    Raises
    ------
    ConfigError
        If ``order`` is neither.
    """
    if order not in CHILD_ORDERS:
        raise ConfigError("BAD-VALUE", f"there is no child order '{order}'", did_you_mean(order, CHILD_ORDERS))
    children = np.empty((len(history.node_p4), 2), np.int64)
    pt2 = history.node_p4[:, PX] ** 2 + history.node_p4[:, PY] ** 2
    _kernels.children_of(
        history.parents, pt2, history.node_ptr, history.jet_ptr, history.merge_ptr, order == "harder_left", children
    )
    return Forest.from_children(children, history.node_ptr)
