"""Lund planes of packed jets: primary, secondary and full, read from a history.

A declustering is a merge read backwards. Where the two branches have equal pT, the one with the smaller node number
counts as the harder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.clustering.algorithms import check_choice
from jetlego.clustering.history import History
from jetlego.clustering.jit import kernel
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.physics import lund as formulas
from jetlego.physics.lund import Declustering

CHOICES = ("mmdt", "dotmmdt", "mass")


@dataclass(frozen=True)
class LundPlane:
    """Declusterings of B jets, R in all, from wide to narrow along each branch that is followed.

    Parameters
    ----------
    coordinates
        Lund coordinates of the R declusterings.
    merge
        (R,) int64, rows of the history's ``parents`` and ``dij``.
    jet_ptr
        (B + 1,) int64; jet b owns declusterings ``jet_ptr[b]:jet_ptr[b + 1]``.
    """

    coordinates: Declustering
    merge: IntArray
    jet_ptr: IntArray


def branches(history: History) -> tuple[IntArray, IntArray]:
    """Return (M,) and (M,) packed node rows of the harder and of the softer branch of every merge."""
    jet = np.repeat(np.arange(history.num_jets), np.diff(history.merge_ptr))
    first, second = (history.node_ptr[jet] + history.parents[:, column] for column in (0, 1))
    swap = formulas.softer_first(history.node_p4[first], history.node_p4[second])
    return np.where(swap, second, first), np.where(swap, first, second)


def full_plane(history: History) -> LundPlane:
    """Return all declusterings of every jet, the last merge first."""
    count = np.diff(history.merge_ptr)
    jet = np.repeat(np.arange(history.num_jets), count)
    rows = history.merge_ptr[jet] + history.merge_ptr[jet + 1] - 1 - np.arange(len(jet))
    return _plane(history, rows, history.merge_ptr)


def full_plane_edges(history: History) -> IntArray:
    """Return (2, E) rows of ``full_plane`` joined by a branch, the earlier (wider) one first; leaves are left out."""
    count, jet = np.diff(history.merge_ptr), np.repeat(np.arange(history.num_jets), np.diff(history.merge_ptr))
    first = history.merge_ptr[jet]
    child = history.child[history.node_ptr[jet] + history.num_constituents[jet] + np.arange(len(jet)) - first]
    wide, narrow = child - history.num_constituents[jet], np.arange(len(jet)) - first
    inner = child >= 0
    ends = [(first + count[jet] - 1 - step)[inner] for step in (wide, narrow)]
    return np.stack(ends)


def primary_plane(history: History) -> LundPlane:
    """Return the declusterings met by following the harder branch from the root."""
    roots = np.where(history.num_constituents > 0, 2 * history.num_constituents - 2, -1)
    return _follow(history, roots)


def secondary_plane(
    history: History, *, choose: str = "mmdt", z_cut: float = 0.1, mass: float = 80.4
) -> LundPlane:
    """Return the primary plane of the softer branch of one chosen primary declustering.

    Parameters
    ----------
    choose
        ``mmdt``: the first with z > z_cut; ``dotmmdt``: of those with z > z_cut the one with the largest
        pT_a pT_b Delta^2; ``mass``: the one with the smallest |ln(pT_a pT_b Delta^2 / mass^2) ln(1 / z)|.
    z_cut
        Of ``mmdt`` and ``dotmmdt``.
    mass
        Reference mass in GeV of ``mass``.

    Notes
    -----
    A jet without such a declustering has no secondary plane (Dreyer, Salam, Soyez, arXiv:1807.04758, section 5).
    """
    check_choice("choice of a declustering", choose, CHOICES)
    primary = primary_plane(history)
    rank = _rank(history, primary, choose, z_cut, mass)
    best = _smallest_row(rank, primary.jet_ptr)
    roots = np.full(history.num_jets, -1)
    jets = np.flatnonzero(best >= 0)
    _, softer = branches(history)
    roots[jets] = softer[primary.merge[best[jets]]] - history.node_ptr[jets]
    return _follow(history, roots)


def lund_images(plane: LundPlane) -> FloatArray:
    """Return (B, 50, 50) float32 counts of declusterings in bins of ln 1/Delta and ln kt, LundNet's binning."""
    bins = formulas.IMAGE_BINS
    x = formulas.image_bin(-plane.coordinates.ln_delta, formulas.IMAGE_X, bins)
    y = formulas.image_bin(plane.coordinates.ln_kt, formulas.IMAGE_Y, bins)
    jets = len(plane.jet_ptr) - 1
    jet = np.repeat(np.arange(jets), np.diff(plane.jet_ptr))
    inside = (x >= 0) & (x < bins) & (y >= 0) & (y < bins)
    pixel = ((jet * bins + x) * bins + y)[inside]
    return np.bincount(pixel, minlength=jets * bins * bins).reshape(jets, bins, bins).astype(np.float32)


def _plane(history: History, merge: IntArray, ptr: IntArray) -> LundPlane:
    harder, softer = branches(history)
    a, b = history.node_p4[harder[merge]], history.node_p4[softer[merge]]
    return LundPlane(Declustering.of(a, b), merge, ptr)


def _follow(history: History, roots: IntArray) -> LundPlane:
    """Return the plane met by following the harder branch from node ``roots[b]`` of jet b; -1 for none."""
    harder, _ = branches(history)
    merge, count = _walk(roots, harder, history.num_constituents, history.node_ptr, history.merge_ptr)
    return _plane(history, merge, offsets_of(count))


@kernel
def _walk(roots, harder, num_constituents, node_ptr, merge_ptr):
    """Return the merges met from each root, and how many there are in each jet."""
    met, count = np.empty(len(harder), np.int64), np.zeros(len(roots), np.int64)
    total = 0
    for jet in range(len(roots)):
        node, n = roots[jet], num_constituents[jet]
        while node >= n > 0:
            met[total] = merge_ptr[jet] + node - n
            node = harder[met[total]] - node_ptr[jet]
            total += 1
            count[jet] += 1
    return met[:total], count


def _rank(history: History, primary: LundPlane, choose: str, z_cut: float, mass: float) -> FloatArray:
    """Return a number for each primary declustering; the smallest is chosen, infinity never."""
    lund = primary.coordinates
    if choose == "mmdt":
        return np.where(lund.z > z_cut, np.arange(len(lund.z), dtype=np.float64), np.inf)
    pt_b = np.divide(lund.kt, lund.delta, out=np.zeros_like(lund.kt), where=lund.delta > 0)
    pt_a = np.divide(pt_b * (1 - lund.z), lund.z, out=np.zeros_like(pt_b), where=lund.z > 0)
    dot = pt_a * pt_b * lund.delta**2
    if choose == "dotmmdt":
        return np.where(lund.z > z_cut, -dot, np.inf)
    size = np.maximum(dot / mass**2, formulas.SMALLEST)
    return np.abs(np.log(size) * lund.ln_z)


def _smallest_row(rank: FloatArray, ptr: IntArray) -> IntArray:
    """Return for each jet the row with its smallest finite rank, the first of equal ones; -1 if there is none."""
    jet = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    order = np.lexsort((rank, jet))  # stable, so that the first of equal ranks comes first
    best = np.full(len(ptr) - 1, -1)
    filled = np.flatnonzero(np.diff(ptr) > 0)
    candidate = order[ptr[:-1][filled]]
    best[filled] = np.where(np.isfinite(rank[candidate]), candidate, -1)
    return best
