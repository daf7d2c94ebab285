"""Subjets: of a tree, cut at a number or a distance; or found inside of the jet, for trimming and filtering.

Trimming: Krohn, Thaler, Wang, arXiv:0912.1342. Filtering: Butterworth, Davison, Rubin, Salam, arXiv:0802.2470.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.contraction import root_momenta
from jetlego.clustering.event_kernels import steps_below
from jetlego.clustering.find_jets import EventJets, find_jets, in_order
from jetlego.clustering.history import History
from jetlego.clustering.jit import kernel
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.errors import ConfigError
from jetlego.physics import kinematics


@dataclass(frozen=True)
class Filtered:
    """Jets of which only some subjets are left.

    Parameters
    ----------
    history
        The union of the subjets of each jet, reclustered.
    kept_leaf
        (P',) int64, rows of the old constituents that are left.
    subjets
        The subjets that are left; ``event`` is the jet they belong to, ``members`` rows of old constituents.
    """

    history: History
    kept_leaf: IntArray
    subjets: EventJets


def exclusive_subjets(history: History, *, num_subjets: int | None = None, d_cut: float | None = None) -> EventJets:
    """Return the subjets that are left when the last merges of each tree are undone.

    Parameters
    ----------
    num_subjets
        Undo merges until there are that many; a jet with fewer constituents gives fewer.
    d_cut
        Undo all merges after the running maximum of ``dij`` has exceeded this. Give one of the two.
    """
    if (num_subjets is None) == (d_cut is None):
        raise ConfigError("BAD-VALUE", "exclusive subjets need exactly one of num_subjets and d_cut")
    merges = np.diff(history.merge_ptr)
    if d_cut is not None:
        done = steps_below(history.merge_ptr, history.dij, d_cut)
    elif num_subjets is not None and num_subjets >= 1:
        done = np.maximum(merges - num_subjets + 1, 0)
    else:
        raise ConfigError("BAD-VALUE", f"num_subjets is {num_subjets}", "it must be at least 1")
    owner, node, jet = _cut_trees(history.parents, history.jet_ptr, history.node_ptr, history.merge_ptr, done)
    members = np.argsort(owner, kind="stable")
    sizes = np.bincount(owner, minlength=len(node))
    return in_order(history.node_p4[node], jet, members, offsets_of(sizes), history.num_jets)


def trimming(
    history: History, *, radius: float = 0.2, f_cut: float = 0.05, algorithm: str = "kt",
    tree: str = "cambridge_aachen",
) -> Filtered:  # fmt: skip
    """Keep the subjets of ``radius`` with at least ``f_cut`` of the jet's pT.

    Parameters
    ----------
    history
        Of its constituents only the momenta matter here.
    algorithm, radius
        With which subjets are found.
    tree
        Algorithm with which what is left is reclustered.
    """
    subjets = _found_inside(history, algorithm, radius)
    whole = kinematics.pt(root_momenta(history))
    return _filtered(history, subjets, kinematics.pt(subjets.p4) >= f_cut * whole[subjets.event], tree)


def filtering(
    history: History, *, radius: float = 0.3, num_keep: int = 3, algorithm: str = "cambridge_aachen",
    tree: str = "cambridge_aachen",
) -> Filtered:  # fmt: skip
    """Keep the ``num_keep`` hardest subjets of ``radius``; other parameters as in :func:`trimming`."""
    if num_keep < 1:
        raise ConfigError("BAD-VALUE", f"num_keep is {num_keep}", "it must be at least 1")
    subjets = _found_inside(history, algorithm, radius)
    rank = np.arange(subjets.num_jets) - subjets.event_ptr[subjets.event]
    return _filtered(history, subjets, rank < num_keep, tree)


def leaf_momenta(history: History) -> FloatArray:
    """Return (P, 4) momenta of the constituents."""
    jet = np.repeat(np.arange(history.num_jets), history.num_constituents)
    return history.node_p4[history.node_ptr[jet] + np.arange(len(jet)) - history.jet_ptr[jet]]


def _found_inside(history: History, algorithm: str, radius: float) -> EventJets:
    return find_jets(leaf_momenta(history), history.jet_ptr, algorithm=algorithm, radius=radius)


def _filtered(history: History, subjets: EventJets, keep: BoolArray, tree: str) -> Filtered:
    sizes = np.diff(subjets.jet_ptr)
    members = subjets.members[np.repeat(keep, sizes)]
    left = in_order(
        subjets.p4[keep], subjets.event[keep], members, offsets_of(sizes[keep]), history.num_jets
    )
    kept = np.zeros(history.jet_ptr[-1], np.bool_)
    kept[members] = True
    kept_leaf = np.flatnonzero(kept)
    jet_ptr = np.searchsorted(kept_leaf, history.jet_ptr)
    return Filtered(cluster(leaf_momenta(history)[kept_leaf], jet_ptr, algorithm=tree), kept_leaf, left)


@kernel
def _cut_trees(parents, jet_ptr, node_ptr, merge_ptr, done):
    """Return the subjet of each constituent, and node row and jet of each subjet, after ``done[jet]`` merges."""
    most = jet_ptr[-1]
    owner, node_row, jet_of = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    total = 0
    for jet in range(len(jet_ptr) - 1):
        n = jet_ptr[jet + 1] - jet_ptr[jet]
        open_nodes = n + done[jet]
        subjet = np.full(max(2 * n - 1, 0), -1)
        for node in range(open_nodes - 1, -1, -1):
            if subjet[node] < 0:
                subjet[node], node_row[total], jet_of[total] = total, node_ptr[jet] + node, jet
                total += 1
            if node >= n:
                for parent in parents[merge_ptr[jet] + node - n]:
                    subjet[parent] = subjet[node]
        owner[jet_ptr[jet] : jet_ptr[jet + 1]] = subjet[:n]
    return owner, node_row[:total], jet_of[:total]
