"""Pruning: recluster a jet and drop soft branches at wide angle on the way.

Ellis, Vermilion, Walsh, arXiv:0903.5081.
"""

from __future__ import annotations

import math

import numpy as np

from jetlego.clustering.algorithms import resolve_algorithm
from jetlego.clustering.contraction import Groomed, contract, mass_drops, root_momenta
from jetlego.clustering.history import History
from jetlego.clustering.jet_kernels import prune_jets
from jetlego.clustering.kernels import scratch
from jetlego.clustering.lund import LundPlane, branches
from jetlego.clustering.packed import offsets_of
from jetlego.clustering.subjets import leaf_momenta
from jetlego.clustering.threads import over_blocks
from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError
from jetlego.physics import kinematics
from jetlego.physics.lund import Declustering


def pruning(
    history: History,
    *,
    z_cut: float = 0.1,
    radius: float | None = None,
    radius_factor: float = 0.5,
    algorithm: str = "cambridge_aachen",
    threads: int | None = None,
) -> Groomed:
    """Recluster, and drop the softer of two that merge if min(pT) < z_cut pT of their sum and Delta > ``radius``.

    Parameters
    ----------
    history
        Of its constituents only the momenta matter here.
    radius
        Angle beyond which branches are dropped; by default ``radius_factor`` 2m / pT of each jet.
    algorithm
        With which the jet is reclustered.

    Notes
    -----
    ``passed_at`` holds the last merge of the pruned tree, whose branches are the two prongs.
    """
    row = resolve_algorithm(algorithm, None)
    if row.spherical:
        raise ConfigError("BAD-VALUE", f"pruning with algorithm '{row.name}'", "use cambridge_aachen or kt")
    momenta = leaf_momenta(history)
    node_p4, parents = np.empty_like(history.node_p4), np.empty_like(history.parents)
    dij, widths = np.empty(len(parents)), _widths(history, radius, radius_factor)
    wide2 = widths**2

    def work(first: int, last: int) -> None:
        slot_of = np.empty(2 * history.num_constituents[first:last].max(initial=1), np.uint64)
        prune_jets(
            momenta, history.jet_ptr, history.node_ptr, history.merge_ptr, first, last, row.power, z_cut, wide2,
            scratch(), slot_of, node_p4, parents, dij,
        )  # fmt: skip

    over_blocks(work, history.jet_ptr, threads)
    return _result(History(parents, dij, history.node_ptr, history.jet_ptr, node_p4), widths)


def _widths(history: History, radius: float | None, factor: float) -> FloatArray:
    if radius is not None:
        return np.full(history.num_jets, float(radius))
    p4 = root_momenta(history)
    pt = kinematics.pt(p4)
    return np.divide(2 * factor * kinematics.mass(p4), pt, out=np.full(len(pt), math.inf), where=pt > 0)


def _result(whole: History, widths: FloatArray) -> Groomed:
    """Return what is left; where a branch was dropped, the merge has the momentum of the other."""
    jet = np.repeat(np.arange(whole.num_jets), np.diff(whole.merge_ptr))
    made = whole.node_ptr[jet] + whole.num_constituents[jet] + np.arange(len(jet)) - whole.merge_ptr[jet]
    harder, softer = branches(whole)
    delta = Declustering.of(whole.node_p4[harder], whole.node_p4[softer]).delta
    alone = (whole.node_p4[made] == whole.node_p4[harder]).all(axis=1) & (delta > widths[jet] * (1 - 1e-9))
    dropped = np.zeros(len(whole.node_p4), np.bool_)
    dropped[softer[alone]] = True
    left, kept_leaf = contract(whole, dropped)
    count = np.minimum(np.diff(left.merge_ptr), 1)
    last = left.merge_ptr[1:][count > 0] - 1
    harder, softer = branches(left)
    lund = Declustering.of(left.node_p4[harder[last]], left.node_p4[softer[last]])
    plane = LundPlane(lund, last, offsets_of(count))
    drops = np.bincount(jet[alone], minlength=whole.num_jets)
    return Groomed(left, kept_leaf, plane, mass_drops(left, plane), drops)
