"""A light detector: tracks, photons and neutral hadrons with the resolutions of CMS, without magnetic bending.

Charged particles with a track are measured by it, photons (and electrons without a track) by a fine calorimeter,
neutral hadrons (and charged ones without a track) by a coarse one, whose cells merge what they cannot tell apart.
Energy flow is ideal: a charged particle leaves nothing in the calorimeters once its track is found. Pile-up,
conversions, nuclear interactions and the bending of tracks on their way to the calorimeter are left out.

References
----------
Acceptance, efficiencies, granularities, thresholds and resolutions are the numbers of the CMS card of Delphes 3
(de Favereau et al., arXiv:1307.6346); those of tracks go back to CMS, arXiv:1405.6569, and those of the fine
calorimeter to CMS, arXiv:1306.2016 and arXiv:1502.02701. The 2 sigma and 1 sigma thresholds of the cells are those of
JetClass (Qu, Li, Qian, arXiv:2202.03772).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.generate.calorimeter import COARSE, FINE
from jetlego.data.generate.events import Events
from jetlego.data.generate.kinds import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from jetlego.data.generate.tracker import measure_tracks, track_is_found
from jetlego.physics.kinematics import eta, pt

INVISIBLE = (12, 14, 16)
LARGEST_ETA = 3.0
PT_THRESHOLD = 0.5
"""GeV, of every candidate: below, tracks curl up and cells drown in noise."""

REACHES_CALORIMETER = 0.75
"""GeV: a charged particle of less transverse momentum turns back before 1.29 m in 3.8 T."""


@dataclass(frozen=True)
class Candidates:
    """Reconstructed particles of E events, C in all, hardest first within an event.

    Parameters
    ----------
    p4
        (C, 4) float64 (px, py, pz, E) in GeV. Charged hadrons have the pion's mass, neutral ones none: no detector
        knows better.
    kind
        (C,) int8, ``CHARGED_HADRON`` .. ``MUON``.
    charge
        (C,) int8 in units of e.
    impact
        (C, 4) float64: d0, its error, dz, its error in mm; zeros without a track.
    event_ptr
        (E + 1,) int64 offsets.
    """

    p4: FloatArray
    kind: IntArray
    charge: IntArray
    impact: FloatArray
    event_ptr: IntArray


def reconstruct(events: Events, charge: IntArray, rng: np.random.Generator) -> Candidates:
    """Return what the detector sees of the final particles.

    Parameters
    ----------
    events
        Full event records.
    charge
        (P,) charge of every entry in units of e; that of final particles matters alone.
    rng
        Source of all smearing; the same state and events give the same candidates.
    """
    rows = _detectable(events)
    event = np.repeat(np.arange(events.num_events), np.diff(events.event_ptr))[rows]
    p4, kind, charge = events.p4[rows], _kind(events.pid[rows], charge[rows]), charge[rows]
    tracked = track_is_found(p4, kind, charge, rng)
    tracks, impact = measure_tracks(p4[tracked], kind[tracked], charge[tracked], events.vertex[rows[tracked]], rng)
    seen = (charge == 0) | ((pt(p4) > REACHES_CALORIMETER) & (kind != MUON))
    fine = ~tracked & seen & ((kind == PHOTON) | (kind == ELECTRON))
    coarse = ~tracked & seen & ~fine
    photons = FINE.measure(p4[fine], event[fine], rng)
    hadrons = COARSE.measure(p4[coarse], event[coarse], rng)
    return _collect(
        np.concatenate([tracks, photons[0], hadrons[0]]),
        np.concatenate([event[tracked], photons[1], hadrons[1]]),
        _concatenate_kinds(kind[tracked], len(photons[0]), len(hadrons[0])),
        charge[tracked], impact, events.num_events,
    )  # fmt: skip


def _detectable(events: Events) -> IntArray:
    final = np.flatnonzero((events.status > 0) & ~np.isin(np.abs(events.pid), INVISIBLE))
    p4 = events.p4[final]
    return final[(np.abs(eta(p4)) < LARGEST_ETA) & (pt(p4) > 0)]


def _kind(pid: IntArray, charge: IntArray) -> IntArray:
    kind = np.where(charge == 0, NEUTRAL_HADRON, CHARGED_HADRON)
    for code, number in ((22, PHOTON), (11, ELECTRON), (13, MUON)):
        kind[np.abs(pid) == code] = number
    return kind.astype(np.int8)


def _concatenate_kinds(tracks: IntArray, num_photons: int, num_hadrons: int) -> IntArray:
    neutral = np.repeat(np.array([PHOTON, NEUTRAL_HADRON], np.int8), [num_photons, num_hadrons])
    return np.concatenate([tracks, neutral])


def _collect(
    p4: FloatArray, event: IntArray, kind: IntArray, charge: IntArray, impact: FloatArray, num_events: int
) -> Candidates:
    """Return the candidates above threshold by event and falling pT; ``charge`` and ``impact`` are those of tracks."""
    neutral = len(p4) - len(charge)
    charge = np.concatenate([charge, np.zeros(neutral, np.int8)])
    impact = np.concatenate([impact, np.zeros((neutral, 4))])
    hardness = pt(p4)
    order = np.lexsort((-hardness, event))
    order = order[hardness[order] > PT_THRESHOLD]
    ptr = np.searchsorted(event[order], np.arange(num_events + 1))
    return Candidates(p4[order], kind[order], charge[order], impact[order], ptr)
