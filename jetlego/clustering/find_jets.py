"""Find the jets of events: every particle ends in exactly one inclusive jet, by its distance to the beam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.clustering.algorithms import ENGINES, Algorithm, check_choice, distance_scale, resolve_algorithm
from jetlego.clustering.event_kernels import cluster_events, exclusive_owners, inclusive_owners, steps_below
from jetlego.clustering.kernels import scratch
from jetlego.clustering.packed import checked_momenta, offsets_of, rows_of
from jetlego.clustering.threads import over_blocks
from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import ConfigError

UNBOUNDED = 1e9
"""Squared distance of the beam for ``ee_kt``, which has none: beyond any other."""


@dataclass(frozen=True)
class EventJets:
    """J jets of several events, in order of event and of falling pT.

    Parameters
    ----------
    p4
        (J, 4) four-momenta (px, py, pz, E) in GeV, E-scheme.
    event
        (J,) int64, the event of each jet.
    event_ptr
        (number of events + 1,) int64; event e owns jets ``event_ptr[e]:event_ptr[e + 1]``.
    members
        Rows of the input that make up the jets, jet after jet, in input order.
    jet_ptr
        (J + 1,) int64; jet j owns ``members[jet_ptr[j]:jet_ptr[j + 1]]``, so that
        ``cluster(p4[jets.members], jets.jet_ptr, ...)`` reclusters the jets.
    """

    p4: FloatArray
    event: IntArray
    event_ptr: IntArray
    members: IntArray
    jet_ptr: IntArray

    @property
    def num_jets(self) -> int:
        """Number of jets J."""
        return len(self.p4)


def find_jets(
    p4: FloatArray,
    event_ptr: IntArray,
    *,
    algorithm: str,
    radius: float,
    pt_min: float = 0.0,
    power: float | None = None,
    engine: str = "numba",
    threads: int | None = None,
) -> EventJets:
    """Return the inclusive jets of events with pT of at least ``pt_min``.

    Parameters
    ----------
    p4
        (P, 4) four-momenta (px, py, pz, E) in GeV of all particles, event after event.
    event_ptr
        (number of events + 1,) int64 offsets into ``p4``.
    algorithm
        ``kt``, ``cambridge_aachen``, ``anti_kt``, ``genkt`` or ``ee_genkt``.
    radius
        R, in rapidity and azimuth, or an angle for ``ee_genkt``.
    pt_min
        Smallest pT of a jet in GeV.
    power
        Exponent p of ``genkt`` and ``ee_genkt``.
    engine
        ``numba``, or ``fastjet`` for one call of FastJet over all events.
    threads
        Number of threads of ``numba``; all cores by default.

    Raises
    ------
    NonFiniteError
        If a four-momentum is NaN or infinite (names the event and the row).
    ConfigError
        If a name or a number is not valid, or the algorithm has no beam.

    References
    ----------
    Cacciari, Salam, Soyez, arXiv:0802.1189; FastJet user manual, arXiv:1111.6097.
    """
    check_choice("engine", engine, ENGINES)
    row = resolve_algorithm(algorithm, power)
    if row.name == "ee_kt":
        raise ConfigError("BAD-VALUE", "ee_kt has no beam, so no inclusive jets", "use exclusive_jets")
    scale = distance_scale(row, radius)
    momenta, offsets = checked_momenta(p4, event_ptr)
    if engine == "fastjet":
        from jetlego.clustering.fastjet_engine import inclusive_jets

        return in_order(*inclusive_jets(momenta, offsets, row, radius, pt_min), len(offsets) - 1)
    parents, _, node_p4 = _sequences(momenta, offsets, row, scale, threads)
    owner, jet_p4, event = inclusive_owners(offsets, parents, node_p4)
    hard = jet_p4[:, 0] ** 2 + jet_p4[:, 1] ** 2 >= pt_min * pt_min if pt_min > 0 else np.ones(len(jet_p4), bool)
    return _kept(owner, jet_p4, event, hard, offsets)


def exclusive_jets(
    p4: FloatArray,
    event_ptr: IntArray,
    *,
    algorithm: str,
    radius: float = 1.0,
    num_jets: int | None = None,
    d_cut: float | None = None,
    power: float | None = None,
    threads: int | None = None,
) -> EventJets:
    """Return the jets that are left when clustering stops at ``num_jets`` jets or at the distance ``d_cut``.

    Parameters
    ----------
    num_jets
        Stop when that many are left; an event with fewer particles gives fewer jets.
    d_cut
        Undo all steps after the running maximum of the distance has exceeded this (GeV^2p). Give one of the two.

    Notes
    -----
    Other parameters as in :func:`find_jets`; ``ee_kt`` is allowed. Particles that joined the beam before the stop are
    in no jet.
    """
    if (num_jets is None) == (d_cut is None):
        raise ConfigError("BAD-VALUE", "exclusive jets need exactly one of num_jets and d_cut")
    if num_jets is not None and num_jets < 0:
        raise ConfigError("BAD-VALUE", f"num_jets is {num_jets}", "it must not be negative")
    row = resolve_algorithm(algorithm, power)
    scale = distance_scale(row, radius)
    momenta, offsets = checked_momenta(p4, event_ptr)
    parents, dij, node_p4 = _sequences(momenta, offsets, row, scale, threads)
    stop = steps_below(offsets, dij, d_cut) if d_cut is not None else np.maximum(np.diff(offsets) - num_jets, 0)
    owner, jet_p4, event = exclusive_owners(offsets, parents, node_p4, stop)
    return _kept(owner, jet_p4, event, np.ones(len(jet_p4), bool), offsets)


def _sequences(
    momenta: FloatArray, offsets: IntArray, row: Algorithm, scale: float, threads: int | None
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return parents (P, 2), distances (P,) and node momenta (2P, 4); particle i of an event has node i."""
    node_p4 = np.empty((2 * len(momenta), 4))
    parents, dij = np.empty((len(momenta), 2), np.int64), np.empty(len(momenta))
    bound = UNBOUNDED if row.name == "ee_kt" else scale

    def work(first: int, last: int) -> None:
        slot_of = np.empty(2 * np.diff(offsets[first : last + 1]).max(initial=1), np.uint64)
        cluster_events(
            momenta, offsets, first, last, row.power, row.spherical, bound, scratch(), slot_of, node_p4, parents, dij
        )

    over_blocks(work, offsets, threads)
    return parents, dij / scale, node_p4


def _kept(
    owner: IntArray, jet_p4: FloatArray, event: IntArray, hard: np.ndarray, offsets: IntArray
) -> EventJets:
    """Return the jets marked ``hard``; ``owner`` holds the jet of each particle or -1."""
    number = np.append(np.where(hard, np.cumsum(hard) - 1, -1), -1)[owner]
    members = np.flatnonzero(number >= 0)
    members = members[np.argsort(number[members], kind="stable")]
    sizes = np.bincount(number[members], minlength=int(hard.sum()))
    return in_order(jet_p4[hard], event[hard], members, offsets_of(sizes), len(offsets) - 1)


def in_order(
    jet_p4: FloatArray, event: IntArray, members: IntArray, jet_ptr: IntArray, num_events: int
) -> EventJets:
    """Return jets in order of event, then falling pT, then first member."""
    pt2 = jet_p4[:, 0] ** 2 + jet_p4[:, 1] ** 2
    order = np.lexsort((members[jet_ptr[:-1]], -pt2, event))
    event_ptr = offsets_of(np.bincount(event, minlength=num_events))
    sizes = np.diff(jet_ptr)[order]
    return EventJets(jet_p4[order], event[order], event_ptr, members[rows_of(jet_ptr, order)], offsets_of(sizes))
