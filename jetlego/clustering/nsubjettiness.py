"""N-subjettiness: how well N axes account for a jet (Thaler, Van Tilburg, arXiv:1011.2268 and arXiv:1108.2701).

    tau_N = sum_i pT_i min_k(Delta R_ik)^beta / sum_i pT_i R0^beta
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jetlego.clustering.algorithms import check_choice
from jetlego.clustering.cluster import cluster
from jetlego.clustering.find_jets import EventJets
from jetlego.clustering.jit import kernel
from jetlego.clustering.kinematics import TWO_PI, rapidity_phi
from jetlego.clustering.packed import checked_momenta
from jetlego.clustering.subjets import exclusive_subjets
from jetlego.clustering.threads import over_blocks
from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import ConfigError

AXES = {"kt": "e_scheme", "wta_kt": "wta_pt"}
"""Starting axes, exclusive kt subjets, and the recombination they are found with."""

ACCURACY = 1e-4
MOST_STEPS = 1000
ON_AXIS = 1e-6


def nsubjettiness(
    p4: FloatArray,
    jet_ptr: IntArray,
    *,
    num_axes: Sequence[int] = (1, 2, 3, 4),
    beta: float = 1.0,
    radius: float = 0.8,
    axes: str = "wta_kt",
    minimize: bool = False,
    threads: int | None = None,
) -> FloatArray:
    """Return (B, len(num_axes)) tau_N of every jet.

    Parameters
    ----------
    p4, jet_ptr
        (P, 4) four-momenta (px, py, pz, E) in GeV and (B + 1,) offsets.
    num_axes
        The numbers N.
    beta
        Angular exponent.
    radius
        R0.
    axes
        ``kt`` or ``wta_kt``: the N exclusive kt subjets, found with E-scheme or winner-take-all recombination.
    minimize
        Move the axes downhill from there to the nearest minimum (one pass).

    Notes
    -----
    A jet with at most N constituents has tau_N = 0.
    """
    check_choice("kind of axes", axes, tuple(AXES))
    if not (beta > 0 and radius > 0):
        raise ConfigError("BAD-VALUE", f"beta is {beta} and radius {radius}", "both must be positive")
    momenta, offsets = checked_momenta(p4, jet_ptr)
    history = cluster(momenta, offsets, algorithm="kt", recombination=AXES[axes], threads=threads)
    tau = np.empty((len(offsets) - 1, len(num_axes)))
    for column, number in zip(tau.T, num_axes, strict=True):
        subjets = exclusive_subjets(history, num_subjets=number)
        _fill(column, momenta, offsets, subjets, (beta, radius, minimize), threads)
    return tau


def _fill(
    column: FloatArray,
    momenta: FloatArray,
    offsets: IntArray,
    subjets: EventJets,
    options: tuple[float, float, bool],
    threads: int | None,
) -> None:
    def work(first: int, last: int) -> None:
        _tau(momenta, offsets, subjets.p4, subjets.event_ptr, first, last, *options, column)

    over_blocks(work, offsets, threads)


@kernel
def _tau(p4, jet_ptr, axis_p4, axis_ptr, first, last, beta, radius, minimize, tau):
    """Write tau of jets ``first .. last - 1`` for the given starting axes."""
    for jet in range(first, last):
        at, axis_at = slice(jet_ptr[jet], jet_ptr[jet + 1]), slice(axis_ptr[jet], axis_ptr[jet + 1])
        y, phi, pt = _directions(p4[at])
        axis_y, axis_phi, _ = _directions(axis_p4[axis_at])
        scale = pt.sum() * radius**beta
        if scale == 0:
            tau[jet] = 0.0
            continue
        best = _sum_to_axes(y, phi, pt, axis_y, axis_phi, beta)
        if minimize:
            best = _downhill(y, phi, pt, axis_y, axis_phi, beta, best)
        tau[jet] = best / scale


@kernel
def _directions(p4):
    """Return rapidity, azimuth and pT."""
    n = len(p4)
    y, phi, pt = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        y[i], phi[i] = rapidity_phi(p4[i, 0], p4[i, 1], p4[i, 2], p4[i, 3])
        pt[i] = np.hypot(p4[i, 0], p4[i, 1])
    return y, phi, pt


@kernel
def _nearest(y, phi, axis_y, axis_phi):
    """Return the nearest axis, and by how much the point differs from it in y, in phi and in distance squared."""
    which, near, near_dy, near_dphi = 0, np.inf, 0.0, 0.0
    for k in range(len(axis_y)):
        dy, dphi = y - axis_y[k], phi - axis_phi[k]
        dphi -= TWO_PI * np.floor(dphi / TWO_PI + 0.5)
        d2 = dy * dy + dphi * dphi
        if d2 < near:
            which, near, near_dy, near_dphi = k, d2, dy, dphi
    return which, near_dy, near_dphi, near


@kernel
def _sum_to_axes(y, phi, pt, axis_y, axis_phi, beta):
    total = 0.0
    for i in range(len(y)):
        total += pt[i] * _nearest(y[i], phi[i], axis_y, axis_phi)[3] ** (0.5 * beta)
    return total


@kernel
def _downhill(y, phi, pt, axis_y, axis_phi, beta, best):
    """Move axes to the weighted means of their constituents until they rest; return the smallest sum on the way.

    The weights pT Delta^(beta - 2) make a step lower the sum for 1 <= beta <= 2 (arXiv:1108.2701, section 3.1). A
    constituent on which an axis stands has no finite weight: it holds the axis back by its pT if beta = 1 and not at
    all if beta > 1 (Vardi, Zhang, doi:10.1073/pnas.97.4.1423).
    """
    for _ in range(MOST_STEPS):
        weight, pull_y, pull_phi = np.zeros(len(axis_y)), np.zeros(len(axis_y)), np.zeros(len(axis_y))
        holding = np.zeros(len(axis_y))
        for i in range(len(y)):
            k, dy, dphi, d2 = _nearest(y[i], phi[i], axis_y, axis_phi)
            if d2 < ON_AXIS * ON_AXIS:
                holding[k] += pt[i] if beta <= 1 else 0.0
                continue
            w = pt[i] * d2 ** (0.5 * beta - 1)
            weight[k] += w
            pull_y[k] += w * dy
            pull_phi[k] += w * dphi
        moved = 0.0
        for k in range(len(axis_y)):
            pull = np.hypot(pull_y[k], pull_phi[k])
            if pull > holding[k]:
                step = (1 - holding[k] / pull) / weight[k]
                axis_y[k] += step * pull_y[k]
                axis_phi[k] += step * pull_phi[k]
                moved += step * pull
        best = min(best, _sum_to_axes(y, phi, pt, axis_y, axis_phi, beta))
        if moved <= ACCURACY * len(axis_y):
            break
    return best
