"""Events as packed arrays, read from Pythia's awkward batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.generate.processes import Process
from jetlego.data.generate.truth import HARD_PROCESS, Candidate, candidate, hard_parton

INTERMEDIATE = -22
"""Pythia's status of a particle of the hard process that decays."""


@dataclass(frozen=True)
class Events:
    """The full records of E events with P entries in all.

    Parameters
    ----------
    pid, status
        (P,) PDG code and Pythia status; positive for particles that reach the detector.
    daughters
        (P, 2) first and last daughter, rows inside the event, 0 for none.
    p4
        (P, 4) float64 (px, py, pz, E) in GeV.
    vertex
        (P, 3) float64, production point in mm.
    event_ptr
        (E + 1,) int64 offsets.
    weight
        (E,) float64, undoes the favor given to hard events.
    """

    pid: IntArray
    status: IntArray
    daughters: IntArray
    p4: FloatArray
    vertex: FloatArray
    event_ptr: IntArray
    weight: FloatArray

    @property
    def num_events(self) -> int:
        """Number of events E."""
        return len(self.event_ptr) - 1


def events_from_batch(batch: Any) -> Events:
    """Return the events of ``Pythia.nextBatch``, an awkward array of records."""
    import awkward as ak

    entries = ak.flatten(batch.prt, axis=1)
    column = {name: ak.to_numpy(entries[name]) for name in ("id", "status", "daughter1", "daughter2")}
    p4 = np.stack([ak.to_numpy(entries.p[c]) for c in ("px", "py", "pz", "e")], axis=1)
    vertex = np.zeros((len(p4), 3))
    displaced = ~ak.to_numpy(ak.is_none(entries.vProd))  # None for what is made at the collision point
    made_at = ak.drop_none(entries.vProd)
    vertex[displaced] = np.stack([ak.to_numpy(made_at[c]) for c in ("px", "py", "pz")], axis=1)
    ptr = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(batch.prt, axis=1)))])
    daughters = np.stack([column["daughter1"], column["daughter2"]], axis=1)
    weight = ak.to_numpy(batch.info.weights[:, 0])
    return Events(column["id"], column["status"], daughters, p4, vertex, ptr, np.asarray(weight, np.float64))


class EventRecord:
    """One event of a batch, seen row by row."""

    def __init__(self, events: Events, index: int) -> None:
        start, stop = events.event_ptr[index : index + 2]
        # The walk visits single entries, which lists give faster than arrays.
        self._pid: list[int] = events.pid[start:stop].tolist()
        self._first, self._last = (column.tolist() for column in events.daughters[start:stop].T)
        self._p4, self.status = events.p4[start:stop], events.status[start:stop]

    def pid(self, row: int) -> int:
        """Return the PDG code of a row."""
        return self._pid[row]

    def daughters(self, row: int) -> range | tuple[int, ...]:
        """Return the rows of the daughters (Pythia manual, particle properties: a range, or two single ones)."""
        return daughter_rows(self._first[row], self._last[row])

    def p4(self, row: int) -> FloatArray:
        """Return (px, py, pz, E) in GeV."""
        return self._p4[row]

    def rows_of_status(self, status: int) -> IntArray:
        """Return the rows whose absolute status is that of ``status``."""
        return np.flatnonzero(np.abs(self.status) == abs(status))


def daughter_rows(first: int, last: int) -> range | tuple[int, ...]:
    """Return the rows that Pythia's two daughter numbers stand for."""
    if first == 0:
        return (last,) if last else ()
    if last == 0:
        return (first,)
    return range(first, last + 1) if last >= first else (first, last)


def candidates(events: Events, process: Process) -> list[list[Candidate]]:
    """Return, for each event, what its jets may be matched to."""
    return [_candidates(EventRecord(events, index), process) for index in range(events.num_events)]


def _candidates(record: EventRecord, process: Process) -> list[Candidate]:
    if process.resonance == 0:
        return [hard_parton(record, int(row)) for row in record.rows_of_status(HARD_PROCESS)]
    rows = [int(row) for row in record.rows_of_status(INTERMEDIATE) if abs(record.pid(int(row))) == process.resonance]
    found = (candidate(record, row, process) for row in rows)
    return [one for one in found if one is not None]
