"""The merge history of packed jets: who merged with whom, when, at which distance.

Node numbers are local to a jet. With n constituents, nodes ``0 .. n-1`` are the constituents in input order, node
``n + s`` is made by merge s, and the last node, ``2n - 2``, is the root. In FastJet's words two *parents* merge into a
*child*; read as a tree (``jetlego.grow_trees``) the parents are the children of the node that they make.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jetlego.clustering.packed import check_offsets, checked_momenta, offsets_of, rows_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import DataError


def merge_offsets(jet_ptr: IntArray) -> IntArray:
    """Return (B + 1,) offsets of the merges: n - 1 of them in a jet of n >= 1 constituents, else none."""
    return offsets_of(np.maximum(np.diff(jet_ptr) - 1, 0))


def node_offsets(jet_ptr: IntArray) -> IntArray:
    """Return (B + 1,) offsets of the nodes: 2n - 1 of them in a jet of n >= 1 constituents, else none."""
    return offsets_of(np.maximum(2 * np.diff(jet_ptr) - 1, 0))


@dataclass(frozen=True)
class History:
    """Merges of B jets with P constituents, M merges and T nodes in all.

    Parameters
    ----------
    parents
        (M, 2) int64, the two nodes that merge, the smaller number first.
    dij
        (M,) float64, the distance at which they merged, divided by R^2 where the algorithm has a radius.
    node_ptr
        (B + 1,) int64; jet b owns nodes ``node_ptr[b]:node_ptr[b + 1]``.
    jet_ptr
        (B + 1,) int64; jet b owns constituents ``jet_ptr[b]:jet_ptr[b + 1]``.
    node_p4
        (T, 4) float64, (px, py, pz, E) in GeV of every node.

    Notes
    -----
    ``dij`` need not grow along a history; cuts in it use its running maximum, as FastJet does.
    """

    parents: IntArray
    dij: FloatArray
    node_ptr: IntArray
    jet_ptr: IntArray
    node_p4: FloatArray

    @classmethod
    def from_parents(
        cls, parents: IntArray, p4: FloatArray, jet_ptr: IntArray, *, dij: FloatArray | None = None
    ) -> History:
        """Return the history of trees that somebody else has built, with E-scheme momenta.

        Parameters
        ----------
        parents
            (M, 2) node numbers inside the jet, in the order of the merges; either column may hold the smaller.
        p4
            (P, 4) four-momenta (px, py, pz, E) in GeV of the constituents.
        jet_ptr
            (B + 1,) offsets of the constituents.
        dij
            (M,) distances; zeros by default.

        Raises
        ------
        DataError
            If a merge uses a node that is not made yet, or a node that merged before.
        """
        momenta, offsets = checked_momenta(p4, jet_ptr)
        merge_ptr, node_ptr = merge_offsets(offsets), node_offsets(offsets)
        pairs = np.sort(np.asarray(parents, np.int64).reshape(-1, 2), axis=1)
        _check_parents(pairs, offsets, merge_ptr, node_ptr)
        distance = np.zeros(len(pairs)) if dij is None else np.asarray(dij, np.float64)
        if distance.shape != (len(pairs),):
            raise DataError("BAD-SHAPE", f"dij has shape {distance.shape} for {len(pairs)} merges")
        return cls(pairs, distance, node_ptr, offsets, summed_momenta(pairs, momenta, offsets))

    @property
    def num_jets(self) -> int:
        """Number of jets B."""
        return len(self.jet_ptr) - 1

    @property
    def num_constituents(self) -> IntArray:
        """(B,) number of constituents of each jet."""
        return np.diff(self.jet_ptr)

    @cached_property
    def merge_ptr(self) -> IntArray:
        """(B + 1,) int64; jet b owns merges ``merge_ptr[b]:merge_ptr[b + 1]``."""
        return merge_offsets(self.jet_ptr)

    @cached_property
    def child(self) -> IntArray:
        """(T,) int64, the node that this one merges into, -1 for a root."""
        made = np.full(len(self.node_p4), -1, np.int64)
        jet = np.repeat(np.arange(self.num_jets), np.diff(self.merge_ptr))
        number = self.num_constituents[jet] + np.arange(len(self.parents)) - self.merge_ptr[jet]
        for column in (0, 1):
            made[self.node_ptr[jet] + self.parents[:, column]] = number
        return made

    @cached_property
    def running_max_dij(self) -> FloatArray:
        """(M,) the largest dij of the jet so far, FastJet's ``max_dij_so_far``."""
        largest = self.dij.copy()
        for start, stop in zip(self.merge_ptr[:-1], self.merge_ptr[1:], strict=True):
            np.maximum.accumulate(largest[start:stop], out=largest[start:stop])
        return largest

    def select(self, index: IntArray) -> History:
        """Return the history of some jets; ``index`` holds jet numbers or is a mask over jets."""
        chosen = np.arange(self.num_jets)[index]
        merges, nodes = rows_of(self.merge_ptr, chosen), rows_of(self.node_ptr, chosen)
        jet_ptr = offsets_of(self.num_constituents[chosen])
        return History(self.parents[merges], self.dij[merges], node_offsets(jet_ptr), jet_ptr, self.node_p4[nodes])


def summed_momenta(parents: IntArray, p4: FloatArray, jet_ptr: IntArray) -> FloatArray:
    """Return (T, 4) momenta: those of the constituents, and for each merge the sum of its two parents."""
    merge_ptr, node_ptr = merge_offsets(jet_ptr), node_offsets(jet_ptr)
    count = np.diff(jet_ptr)
    node_p4 = np.empty((node_ptr[-1], 4))
    jet = np.repeat(np.arange(len(count)), count)
    node_p4[node_ptr[jet] + np.arange(len(jet)) - jet_ptr[jet]] = p4
    for step in range(int(count.max(initial=1)) - 1):  # all jets at once, one merge at a time
        going = np.flatnonzero(count > step + 1)
        pair = node_ptr[going, None] + parents[merge_ptr[going] + step]
        node_p4[node_ptr[going] + count[going] + step] = node_p4[pair].sum(axis=1)
    return node_p4


def _check_parents(parents: IntArray, jet_ptr: IntArray, merge_ptr: IntArray, node_ptr: IntArray) -> None:
    check_offsets(merge_ptr, len(parents))
    count = np.diff(jet_ptr)
    jet = np.repeat(np.arange(len(count)), np.diff(merge_ptr))
    made = count[jet] + np.arange(len(parents)) - merge_ptr[jet]
    early = (parents[:, 0] < 0) | (parents[:, 1] >= made)
    if early.any():
        row = int(np.argmax(early))
        merge, at = row - merge_ptr[jet[row]], jet[row]
        raise DataError("BAD-TREE", f"merge {merge} of jet {at} uses a node that is not made yet")
    node = node_ptr[jet, None] + parents
    twice = np.bincount(node.ravel(), minlength=int(node_ptr[-1])) > 1
    if twice.any():
        at = int(np.searchsorted(node_ptr, np.argmax(twice), side="right")) - 1
        raise DataError("BAD-TREE", f"node {int(np.argmax(twice)) - node_ptr[at]} of jet {at} merges twice")
