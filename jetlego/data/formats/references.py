"""Constituents that jets name by the unique number of ROOT objects (TRefArray), resolved event by event."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from jetlego.conventions import IntArray
from jetlego.data.formats.layouts import Layout, Place, check_counts
from jetlego.data.packing import ragged
from jetlego.data.tally import Tally
from jetlego.errors import DataError

OBJECT_NUMBER = 0xFFFFFF
"""The low 24 bits of fUniqueID; the high byte is the number of the process that made the object, in some files."""

_MAX_UNRESOLVED = 0.01


def references(refs: Any, ids: Any, jets_per_event: IntArray, place: Place, tally: Tally, tried: str) -> Layout:
    """Return the layout of constituents that jets name by ``fUniqueID``.

    Parameters
    ----------
    refs
        One list a jet, or TRefArray records with ``refs`` and ``fSize``, in one list an event.
    ids
        ``fUniqueID`` of every candidate of the event.
    jets_per_event
        (events,) int64.
    tried
        Collections searched, for messages.

    Raises
    ------
    DataError
        ``NO-CONSTITUENTS`` if more than 1 % of the references point to no candidate.

    Notes
    -----
    Files written by several processes carry the process number in the high byte of either side. The full number is
    looked up first, since masked numbers may collide; then the number without that byte.
    """
    wanted, (per_event, per_jet) = ragged(refs["refs"] if "refs" in ak.fields(refs) else refs, "refs", depth=3)
    check_counts(jets_per_event, per_event, "number of jets", "refs", place)
    if "fSize" in ak.fields(refs):
        check_counts(ragged(refs["fSize"], "fSize")[0], per_jet, "fSize", "refs", place)
    number, (candidates,) = ragged(ids, "fUniqueID")
    event = np.repeat(np.arange(len(candidates)), candidates)
    event_of_ref = np.repeat(np.repeat(np.arange(len(per_event)), per_event), per_jet)
    rows = _look_up(_keys(event, number), _keys(event_of_ref, wanted))
    masked = _look_up(_keys(event, number, OBJECT_NUMBER), _keys(event_of_ref, wanted, OBJECT_NUMBER))
    rows = np.where(rows < 0, masked, rows)
    missing = rows < 0
    if missing.sum() > _MAX_UNRESOLVED * len(rows):
        what = f"{place}: {missing.sum()} of {len(rows)} references point to no object of {tried}"
        raise DataError("NO-CONSTITUENTS", what, "set particles.candidates to what the jets were made of")
    tally.add("REFERENCES", f"{place}: {{n}} references point to no object of {tried}; left out", missing.sum())
    owner = np.repeat(np.arange(len(per_jet)), per_jet)
    rows, counts = rows[~missing], np.bincount(owner[~missing], minlength=len(per_jet)).astype(np.int64)

    def pack(array: Any, name: str) -> np.ndarray:
        values, (found,) = ragged(array, name)
        check_counts(candidates, found, "candidates", name, place)
        return values[rows]

    return Layout(counts, jets_per_event, pack)


def _keys(event: IntArray, number: IntArray, mask: int = 0xFFFFFFFF) -> IntArray:
    return (event.astype(np.int64) << 32) | (number.astype(np.int64) & mask)


def _look_up(keys: IntArray, wanted: IntArray) -> IntArray:
    """Return the position of each wanted key, the first of equal ones, -1 where it is absent."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order][place] == wanted, order[place], -1)
