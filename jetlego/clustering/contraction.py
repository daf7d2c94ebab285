"""What is left of trees when branches are dropped: contracted histories, and the results that groomers share.

A merge of which one branch is gone disappears, and the branch that is left takes its place; momenta above are summed
again from what is kept. Kept constituents stay in input order, and kept merges in the order in which they happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jetlego.clustering.history import History, node_offsets, summed_momenta
from jetlego.clustering.jit import kernel
from jetlego.clustering.lund import LundPlane
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.physics import kinematics


@dataclass(frozen=True)
class Groomed:
    """Groomed jets.

    Parameters
    ----------
    history
        Trees of what is left; ``dij`` are those of the merges as they happened before.
    kept_leaf
        (P',) int64, rows of the old constituents that are left; of a branch that became one constituent, its first.
    passed_at
        The declusterings of the old history that passed, in the order in which they were tested.
    mu
        (R,) larger mass of the two branches over the mass of their sum, for each of these.
    num_dropped
        (B,) int64, number of branches that were dropped.
    """

    history: History
    kept_leaf: IntArray
    passed_at: LundPlane
    mu: FloatArray
    num_dropped: IntArray

    @property
    def passed(self) -> BoolArray:
        """(B,) whether any declustering passed."""
        return self.num_passed > 0

    @property
    def num_passed(self) -> IntArray:
        """(B,) number of declusterings that passed, n_SD."""
        return np.diff(self.passed_at.jet_ptr)

    @property
    def z(self) -> FloatArray:
        """(B,) z_g of the first declustering that passed; NaN if none did."""
        return self._first(self.passed_at.coordinates.z)

    @property
    def delta(self) -> FloatArray:
        """(B,) its opening angle Delta; over R this is theta_g."""
        return self._first(self.passed_at.coordinates.delta)

    @property
    def kt(self) -> FloatArray:
        """(B,) its kt in GeV."""
        return self._first(self.passed_at.coordinates.kt)

    @property
    def mass_drop(self) -> FloatArray:
        """(B,) its mu, the larger mass of the branches over the mass of their sum."""
        return self._first(self.mu)

    @cached_property
    def p4(self) -> FloatArray:
        """(B, 4) groomed momentum in GeV; 0 for an empty jet."""
        return root_momenta(self.history)

    @property
    def mass(self) -> FloatArray:
        """(B,) groomed mass in GeV."""
        return kinematics.mass(self.p4)

    def _first(self, values: FloatArray) -> FloatArray:
        chosen = np.full(len(self.num_dropped), np.nan)
        chosen[self.passed] = values[self.passed_at.jet_ptr[:-1][self.passed]]
        return chosen


def root_momenta(history: History) -> FloatArray:
    """Return (B, 4) momenta of the jets, 0 where a jet is empty."""
    p4 = np.zeros((history.num_jets, 4))
    filled = history.num_constituents > 0
    p4[filled] = history.node_p4[history.node_ptr[1:][filled] - 1]
    return p4


def mass_drops(history: History, plane: LundPlane) -> FloatArray:
    """Return (R,) the larger mass of the two branches over that of their sum; 0 where the sum has no mass."""
    jet = np.repeat(np.arange(history.num_jets), np.diff(plane.jet_ptr))
    pair = history.node_p4[history.node_ptr[jet, None] + history.parents[plane.merge]]
    heaviest, whole = kinematics.mass(pair).max(axis=1), plane.coordinates.mass
    return np.divide(heaviest, whole, out=np.zeros_like(whole), where=whole > 0)


def contract(history: History, dropped: BoolArray, closed: BoolArray | None = None) -> tuple[History, IntArray]:
    """Return the history without the dropped branches, and the old constituent rows that are left.

    Parameters
    ----------
    dropped
        (T,) nodes that go with everything below them.
    closed
        (T,) nodes that become constituents, whatever was below them.
    """
    never = np.zeros(len(history.node_p4), np.bool_)
    arrays = _contract(
        history.parents, history.node_ptr, history.jet_ptr, history.merge_ptr, dropped,
        never if closed is None else closed,
    )  # fmt: skip
    leaf_node, kept_leaf, count, parents, merge = arrays
    jet_ptr = offsets_of(count)
    node_p4 = summed_momenta(parents, history.node_p4[leaf_node], jet_ptr)
    return History(parents, history.dij[merge], node_offsets(jet_ptr), jet_ptr, node_p4), kept_leaf


@kernel
def _contract(parents, node_ptr, jet_ptr, merge_ptr, dropped, closed):
    """Return the new leaves as old node and old constituent rows, their number per jet, new parents, old merge rows."""
    leaf_node, kept_leaf = np.empty(jet_ptr[-1], np.int64), np.empty(jet_ptr[-1], np.int64)
    new_parents, merge = np.empty_like(parents), np.empty(len(parents), np.int64)
    count = np.zeros(len(jet_ptr) - 1, np.int64)
    leaves, merges = 0, 0
    for jet in range(len(count)):
        n, nodes, base = jet_ptr[jet + 1] - jet_ptr[jet], node_ptr[jet + 1] - node_ptr[jet], node_ptr[jet]
        if n == 0:
            continue
        stands_for = _push_down(parents[merge_ptr[jet] :], n, nodes, dropped[base:], closed[base:])
        number = np.full(nodes, -1)  # of a node in the new tree, -1 if it is gone
        for i in range(n):
            node = stands_for[i]
            if node >= 0 and number[node] < 0:
                number[node] = count[jet]
                leaf_node[leaves], kept_leaf[leaves] = base + node, jet_ptr[jet] + i
                leaves, count[jet] = leaves + 1, count[jet] + 1
        made = count[jet]
        for step in range(nodes - n):
            row, node = merge_ptr[jet] + step, n + step
            one, two = number[parents[row, 0]], number[parents[row, 1]]
            if number[node] >= 0:  # became a constituent itself
                continue
            number[node] = max(one, two)
            if one >= 0 and two >= 0:
                new_parents[merges, 0], new_parents[merges, 1] = min(one, two), max(one, two)
                merge[merges], number[node] = row, made
                merges, made = merges + 1, made + 1
    return leaf_node[:leaves], kept_leaf[:leaves], count, new_parents[:merges], merge[:merges]


@kernel
def _push_down(parents, n, nodes, dropped, closed):
    """Return for each node the one that stands for it as a constituent: itself, a closed node above, or -1 (dropped).

    An open inner node gets its own number, which means nothing but that it is not dropped.
    """
    stands_for = np.arange(nodes)
    for node in range(nodes - 1, -1, -1):
        if dropped[node]:
            stands_for[node] = -1
        if node >= n:
            for child in parents[node - n]:
                if stands_for[node] < 0:
                    stands_for[child] = -1
                elif closed[node] or stands_for[node] != node:
                    stands_for[child] = stands_for[node]
    return stands_for
