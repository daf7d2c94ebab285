"""The order in which a jet's harder branch splits, told by constituents."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.history import History
from jetlego.clustering.lund import branches, primary_plane
from jetlego.conventions import IntArray


def splitting_order(history: History, *, kt_cut: float, most: int) -> IntArray:
    """Return (B, most) constituents, -1 after the last: the hardest one of each softer branch, widest splitting first.

    Parameters
    ----------
    history
        Trees of the jets.
    kt_cut
        GeV; splittings of the harder branch below it are left out.
    most
        At most this many of a jet.
    """
    leader = _leaders(history)
    softer = branches(history)[1]
    plane = primary_plane(history)
    hard = plane.coordinates.kt > kt_cut
    order = np.full((history.num_jets, most), -1)
    for jet in range(history.num_jets):
        rows = slice(*plane.jet_ptr[jet : jet + 2])
        chosen = plane.merge[rows][hard[rows]][:most]
        order[jet, : len(chosen)] = leader[softer[chosen]]
    return order


def _leaders(history: History) -> IntArray:
    """Return (T,) the constituent (number inside its jet) of largest pT below each node."""
    pt = np.hypot(history.node_p4[:, 0], history.node_p4[:, 1])
    leader = np.arange(len(pt)) - np.repeat(history.node_ptr[:-1], np.diff(history.node_ptr))
    for jet in range(history.num_jets):
        base, leaves = history.node_ptr[jet], history.jet_ptr[jet + 1] - history.jet_ptr[jet]
        for step, (a, b) in enumerate(history.parents[slice(*history.merge_ptr[jet : jet + 2])]):
            first, second = leader[base + a], leader[base + b]
            leader[base + leaves + step] = first if pt[base + first] >= pt[base + second] else second
    return leader
