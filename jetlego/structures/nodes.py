"""Kinematics of tree nodes, computed when first asked for and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jetlego.clustering.history import History
from jetlego.conventions import ENERGY, PX, PY, PZ, FloatArray, IntArray
from jetlego.structures import _kernels
from jetlego.structures.forest import Forest

SMALLEST_LOG = 1e-20
"""Logarithms are taken of max(x, this)."""


def safe_log(value: FloatArray, floor: float = SMALLEST_LOG) -> FloatArray:
    """Return ln max(value, floor)."""
    return np.log(np.maximum(value, floor))


@dataclass(frozen=True)
class Nodes:
    """The T nodes of a forest with their momenta, M of them inner.

    Parameters
    ----------
    history
        The merges, with the momentum of every node.
    forest
        The same merges as trees.
    constituents
        {name: (P,)} columns of the leaves, such as charges, for sums over subtrees.
    """

    history: History
    forest: Forest
    constituents: Mapping[str, FloatArray] = field(default_factory=dict)

    def block(self, first: int, last: int) -> Nodes:
        """Return the nodes of jets ``first`` to ``last - 1``, as views."""
        history, forest = self.history, self.forest
        nodes, leaves = _span(forest.node_ptr, first, last), _span(forest.jet_ptr, first, last)
        merges, levels = _span(history.merge_ptr, first, last), _span(forest.level_ptr, first, last)
        node_ptr, jet_ptr, level_ptr = (
            ptr[first : last + 1] - ptr[first] for ptr in (forest.node_ptr, forest.jet_ptr, forest.level_ptr)
        )
        part = History(history.parents[merges], history.dij[merges], node_ptr, jet_ptr, history.node_p4[nodes])
        tree = Forest(
            forest.children[nodes], node_ptr, jet_ptr, forest.depth[nodes], forest.order[nodes], forest.leaf[nodes],
            forest.level_size[levels], level_ptr,
        )  # fmt: skip
        return Nodes(part, tree, {name: column[leaves] for name, column in self.constituents.items()})

    @cached_property
    def _columns(self) -> FloatArray:
        return np.ascontiguousarray(self.history.node_p4.T)

    @property
    def px(self) -> FloatArray:
        """(T,) GeV."""
        return self._columns[PX]

    @property
    def py(self) -> FloatArray:
        """(T,) GeV."""
        return self._columns[PY]

    @property
    def pz(self) -> FloatArray:
        """(T,) GeV."""
        return self._columns[PZ]

    @property
    def energy(self) -> FloatArray:
        """(T,) GeV."""
        return self._columns[ENERGY]

    @cached_property
    def pt2(self) -> FloatArray:
        """(T,) GeV^2."""
        return self.px**2 + self.py**2

    @cached_property
    def pt(self) -> FloatArray:
        """(T,) GeV."""
        return np.sqrt(self.pt2)

    @cached_property
    def momentum(self) -> FloatArray:
        """(T,) length of the three-momentum, GeV."""
        return np.sqrt(self.pt2 + self.pz**2)

    @cached_property
    def phi(self) -> FloatArray:
        """(T,) azimuth in (-pi, pi]."""
        return np.arctan2(self.py, self.px)

    @cached_property
    def mass2(self) -> FloatArray:
        """(T,) squared mass in GeV^2, not below 0."""
        return np.maximum((self.energy + self.pz) * (self.energy - self.pz) - self.pt2, 0.0)

    @cached_property
    def angles(self) -> tuple[FloatArray, FloatArray]:
        """(T,) rapidity and (T,) azimuth in [0, 2 pi), the numbers that clustering works with."""
        rapidity, azimuth = np.empty((2, self.forest.num_nodes))
        _kernels.angles_of(self.history.node_p4, rapidity, azimuth)
        return rapidity, azimuth

    @cached_property
    def inner(self) -> IntArray:
        """(M,) packed numbers of the inner nodes."""
        return np.flatnonzero(~self.forest.is_leaf)

    @cached_property
    def pair(self) -> tuple[IntArray, IntArray]:
        """Packed numbers (M,) of the harder and of the softer child of each inner node, by pT."""
        base = self.forest.node_ptr[self.forest.jet_of_node[self.inner]]
        left, right = (self.forest.children[self.inner, side] + base for side in (0, 1))
        swap = self.pt[left] < self.pt[right]
        return np.where(swap, right, left), np.where(swap, left, right)

    def seen_from(self, node: IntArray, origin: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return rapidity and azimuth, in [-pi, pi), of some nodes relative to others."""
        dy, dphi = np.empty((2, len(node)))
        _kernels.angles_between(*self.angles, node, origin, dy, dphi)
        return dy, dphi

    @cached_property
    def separation(self) -> tuple[FloatArray, FloatArray]:
        """(M,) rapidity and azimuth of the softer child as seen from the harder."""
        harder, softer = self.pair
        return self.seen_from(softer, harder)

    @cached_property
    def delta(self) -> FloatArray:
        """(M,) distance of the two children in rapidity and azimuth."""
        dy, dphi = self.separation
        return np.sqrt(dy**2 + dphi**2)

    @cached_property
    def pt_softer(self) -> FloatArray:
        """(M,) pT of the softer child, GeV."""
        return self.pt[self.pair[1]]

    @cached_property
    def z(self) -> FloatArray:
        """(M,) share of the softer child in the scalar sum of the two pT."""
        total = self.pt[self.pair[0]] + self.pt_softer
        return np.divide(self.pt_softer, total, out=np.zeros_like(total), where=total > 0)

    @cached_property
    def root_of_node(self) -> IntArray:
        """(T,) packed number of the root of each node's jet."""
        filled = self.forest.root >= 0
        return np.repeat(self.forest.root[filled], np.diff(self.forest.node_ptr)[filled])

    @cached_property
    def from_axis(self) -> tuple[FloatArray, FloatArray]:
        """(T,) rapidity and azimuth of each node as seen from the root's."""
        return self.seen_from(np.arange(self.forest.num_nodes), self.root_of_node)

    @cached_property
    def ln_pt(self) -> FloatArray:
        """(T,) ln of pT in GeV, floored."""
        return safe_log(self.pt)

    @cached_property
    def ln_energy(self) -> FloatArray:
        """(T,) ln of E in GeV, floored."""
        return safe_log(self.energy)

    def of_jet(self, column: FloatArray) -> FloatArray:
        """Return the root's value of ``column`` at every node of its jet."""
        return column[self.root_of_node]

    def subtree_sum(self, column: FloatArray) -> FloatArray:
        """Return (T,) sums of a (P,) column of the constituents over the leaves below each node."""
        total = np.zeros(self.forest.num_nodes)
        forest = self.forest
        _kernels.sum_subtrees(
            forest.children, forest.node_ptr, forest.jet_ptr, forest.order, forest.leaf,
            np.asarray(column, float), total,
        )  # fmt: skip
        return total


def _span(ptr: IntArray, first: int, last: int) -> slice:
    return slice(int(ptr[first]), int(ptr[last]))
