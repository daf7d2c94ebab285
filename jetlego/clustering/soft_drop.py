"""Soft drop and its relatives: follow declusterings from wide to narrow and drop soft branches.

A declustering into a and b passes if

    min(pT_a, pT_b) / (pT_a + pT_b)  >  z_cut (Delta_ab / R0)^beta

Larkoski, Marzani, Soyez, Thaler, arXiv:1402.2657; mMDT: Dasgupta, Fregoso, Marzani, Salam, arXiv:1307.0007; recursive:
Dreyer, Necib, Soyez, Thaler, arXiv:1804.03657; iterated: Frye, Larkoski, Thaler, Zhou, arXiv:1704.06266.
"""

from __future__ import annotations

import math

import numpy as np

from jetlego.clustering.contraction import Groomed, contract, mass_drops
from jetlego.clustering.history import History
from jetlego.clustering.jit import kernel
from jetlego.clustering.lund import LundPlane, branches
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import IntArray
from jetlego.errors import ConfigError
from jetlego.physics.lund import Declustering

WITHOUT_END = np.iinfo(np.int64).max


def softdrop(
    history: History,
    *,
    z_cut: float = 0.1,
    beta: float = 0.0,
    radius: float = 0.8,
    mu_cut: float = math.inf,
    tagging: bool = False,
) -> Groomed:
    """Drop the softer branch until a declustering passes, and keep all below that.

    Parameters
    ----------
    history
        Reclustered with Cambridge/Aachen.
    z_cut, beta, radius
        As in the formula above.
    mu_cut
        A declustering must also have max(m_a, m_b) <= mu_cut m.
    tagging
        What a jet without any passing declustering becomes: empty, or (default) its last constituent alone.
    """
    return _groom(history, z_cut, beta, radius, mu_cut, 1, tagging=tagging)


def mmdt(history: History, *, z_cut: float = 0.1, mu_cut: float = math.inf, tagging: bool = True) -> Groomed:
    """Return the modified mass-drop tagger: soft drop with beta = 0, which by default empties jets that fail."""
    return _groom(history, z_cut, 0.0, 1.0, mu_cut, 1, tagging=tagging)


def recursive_softdrop(
    history: History,
    *,
    z_cut: float = 0.1,
    beta: float = 0.0,
    num_passes: int = -1,
    radius: float = 0.8,
    dynamical_radius: bool = False,
    fixed_depth: bool = False,
    hardest_branch_only: bool = False,
    min_delta: float = 0.0,
) -> Groomed:
    """Soft drop on both branches of every declustering that passes, the widest open one first.

    Parameters
    ----------
    num_passes
        Stop after that many have passed; -1: never. With ``fixed_depth``, that many on every branch.
    dynamical_radius
        R0 becomes the last Delta that passed on the branch.
    hardest_branch_only
        Keep the softer branch of a declustering that passes as it is.
    min_delta
        Keep branches with a narrower declustering as they are.
    """
    if num_passes < -1:
        raise ConfigError("BAD-VALUE", f"num_passes is {num_passes}", "-1 means without end")
    passes = WITHOUT_END if num_passes == -1 else num_passes
    return _groom(
        history, z_cut, beta, radius, math.inf, passes,
        dynamical=dynamical_radius, by_depth=fixed_depth, one_branch=hardest_branch_only, min_delta=min_delta,
    )  # fmt: skip


def iterated_softdrop(
    history: History, *, z_cut: float = 0.1, beta: float = 0.0, radius: float = 0.8, min_delta: float = 0.0
) -> Groomed:
    """Soft drop along the harder branch to its end; ``num_passed`` is the multiplicity n_SD."""
    return recursive_softdrop(
        history, z_cut=z_cut, beta=beta, radius=radius, hardest_branch_only=True, min_delta=min_delta
    )


def lund_cuts(history: History, *, kt_min: float = 0.0, delta_min: float = 0.0) -> Groomed:
    """Drop softer branches with kt < ``kt_min`` (GeV) everywhere; branches narrower than ``delta_min`` become leaves.

    As the graphs of LundNet are thinned out (Dreyer, Qu, arXiv:2012.08526); what passes are the declusterings left.
    """
    harder, softer = branches(history)
    lund = Declustering.of(history.node_p4[harder], history.node_p4[softer])
    dropped, closed, met, counts, drops = _cut(
        harder, softer, lund.kt, lund.delta, history.node_ptr, history.jet_ptr, history.merge_ptr, kt_min, delta_min
    )
    return _groomed(history, dropped, closed, met, counts, drops)


def _groom(
    history: History,
    z_cut: float,
    beta: float,
    radius: float,
    mu_cut: float,
    passes: int,
    *,
    tagging: bool = False,
    dynamical: bool = False,
    by_depth: bool = False,
    one_branch: bool = False,
    min_delta: float = 0.0,
) -> Groomed:
    if not radius > 0:
        raise ConfigError("BAD-VALUE", f"radius is {radius}", "it must be positive")
    harder, softer = branches(history)
    lund = Declustering.of(history.node_p4[harder], history.node_p4[softer])
    light = np.ones(len(harder), np.bool_)
    if mu_cut < math.inf:
        jet = np.repeat(np.arange(history.num_jets), np.diff(history.merge_ptr))
        plane = LundPlane(lund, np.arange(len(jet)), history.merge_ptr)
        light = mass_drops(history, plane) <= mu_cut
    dropped, met, counts, drops = _recurse(
        harder, softer, lund.z, lund.delta, light, history.node_ptr, history.jet_ptr, history.merge_ptr,
        z_cut, beta, radius, passes, tagging, dynamical, by_depth, one_branch, min_delta,
    )  # fmt: skip
    return _groomed(history, dropped, None, met, counts, drops)


def _groomed(
    history: History,
    dropped: np.ndarray,
    closed: np.ndarray | None,
    met: IntArray,
    counts: IntArray,
    drops: IntArray,
) -> Groomed:
    harder, softer = branches(history)
    lund = Declustering.of(history.node_p4[harder[met]], history.node_p4[softer[met]])
    plane = LundPlane(lund, met, offsets_of(counts))
    left, kept_leaf = contract(history, dropped, closed)
    return Groomed(left, kept_leaf, plane, mass_drops(history, plane), drops)


@kernel
def _recurse(
    harder, softer, z, delta, light, node_ptr, jet_ptr, merge_ptr,
    z_cut, beta, radius, passes, tagging, dynamical, by_depth, one_branch, min_delta,
):  # fmt: skip
    """Return dropped nodes (T,), rows of the merges that passed, their number and that of dropped branches per jet."""
    jets = len(jet_ptr) - 1
    dropped, met = np.zeros(node_ptr[-1], np.bool_), np.empty(len(harder), np.int64)
    counts, drops = np.zeros(jets, np.int64), np.zeros(jets, np.int64)
    total = 0
    for jet in range(jets):
        n, base = jet_ptr[jet + 1] - jet_ptr[jet], node_ptr[jet]
        if n < 2:
            continue
        open_node, open_radius = np.empty(n, np.int64), np.empty(n)
        open_depth, num_open = np.zeros(n, np.int64), 1
        open_node[0], open_radius[0] = node_ptr[jet + 1] - 1, radius
        while num_open and (by_depth or counts[jet] < passes):
            at = _widest(open_node[:num_open], delta, base, n, merge_ptr[jet])
            node, scale, depth = open_node[at], open_radius[at], open_depth[at]
            num_open -= 1
            open_node[at], open_radius[at] = open_node[num_open], open_radius[num_open]
            open_depth[at] = open_depth[num_open]
            if node - base < n or depth >= passes:
                continue
            merge = merge_ptr[jet] + node - base - n
            if delta[merge] < min_delta:
                continue
            good = z[merge] > z_cut * (delta[merge] / scale) ** beta and light[merge]
            if good:
                met[total], total, counts[jet], depth = merge, total + 1, counts[jet] + 1, depth + 1
                scale = delta[merge] if dynamical else scale
            else:
                dropped[softer[merge]], drops[jet] = True, drops[jet] + 1
            for branch in (harder[merge], softer[merge]):
                if branch == harder[merge] or (good and not one_branch):
                    open_node[num_open], open_radius[num_open], open_depth[num_open] = branch, scale, depth
                    num_open += 1
        if tagging and counts[jet] == 0:
            dropped[node_ptr[jet + 1] - 1] = True
    return dropped, met[:total], counts, drops


@kernel
def _widest(nodes, delta, base, n, first_merge):
    """Return which open node has the widest declustering; a constituent has none."""
    best, widest = 0, -1.0
    for i in range(len(nodes)):
        here = delta[first_merge + nodes[i] - base - n] if nodes[i] - base >= n else -1.0
        if here > widest:
            best, widest = i, here
    return best


@kernel
def _cut(harder, softer, kt, delta, node_ptr, jet_ptr, merge_ptr, kt_min, delta_min):
    """Return dropped and closed nodes, rows of the merges that are left, their number and that of drops per jet."""
    jets = len(jet_ptr) - 1
    dropped, closed = np.zeros(node_ptr[-1], np.bool_), np.zeros(node_ptr[-1], np.bool_)
    gone = np.zeros(node_ptr[-1], np.bool_)  # below a dropped or closed node
    met, total = np.empty(len(harder), np.int64), 0
    counts, drops = np.zeros(jets, np.int64), np.zeros(jets, np.int64)
    for jet in range(jets):
        n = jet_ptr[jet + 1] - jet_ptr[jet]
        for merge in range(merge_ptr[jet + 1] - 1, merge_ptr[jet] - 1, -1):
            node = node_ptr[jet] + n + merge - merge_ptr[jet]
            if not gone[node] and delta[merge] < delta_min:
                closed[node] = True
            if gone[node] or closed[node]:
                gone[harder[merge]] = gone[softer[merge]] = True
            elif kt[merge] < kt_min:
                dropped[softer[merge]] = gone[softer[merge]] = True
                drops[jet] += 1
            else:
                met[total], total, counts[jet] = merge, total + 1, counts[jet] + 1
    return dropped, closed, met[:total], counts, drops
