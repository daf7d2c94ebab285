"""How constituents belong to jets: lists, nested lists, padded slots, or index tables; each packs columns its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import IntArray
from jetlego.data.packing import depth_of, native, ragged, scalars
from jetlego.data.schemas.schema import Valid
from jetlego.data.tally import Tally
from jetlego.errors import DataError, quoted


@dataclass(frozen=True)
class Layout:
    """Where the constituents of a chunk's jets are.

    Parameters
    ----------
    counts
        (B,) constituents of each jet.
    per_entry
        (entries,) jets of each entry; None for one jet an entry.
    pack
        Source column and its name to its (P,) values, jet after jet.
    """

    counts: IntArray
    per_entry: IntArray | None
    pack: Callable[[Any, str], np.ndarray]


@dataclass(frozen=True)
class Place:
    """What a chunk is, for messages: the file and its first entry."""

    path: Path
    start: int

    def __str__(self) -> str:
        return quoted(self.path)


def lists(columns: Mapping[str, Any], place: Place, *, depth: int) -> Layout:
    """Return the layout of a list an entry (``depth`` 2) or lists of lists (3); all columns must agree in lengths."""
    first = next(iter(columns))
    counts = ragged(columns[first], first, depth=depth)[1]

    def pack(array: Any, name: str) -> np.ndarray:
        values, found = ragged(array, name, depth=depth)
        for expected, got in zip(counts, found, strict=True):
            check_counts(expected, got, first, name, place)
        return values

    return Layout(counts[-1], counts[0] if depth == 3 else None, pack)


def padded(columns: Mapping[str, Any], valid: Valid, place: Place) -> Layout:
    """Return the layout of fixed-size arrays (N, slots), by the format's own rule for valid slots."""
    mask = _slots(columns, valid)

    def pack(array: Any, name: str) -> np.ndarray:
        values = ak.to_numpy(ak.to_regular(array)) if isinstance(array, ak.Array) else np.asarray(array)
        if values.shape != mask.shape:
            what = f"{place}: '{quoted(name)}' has shape {values.shape}, other constituent columns {mask.shape}"
            raise DataError("RAGGED-MISMATCH", what)
        return native(values[mask])

    return Layout(mask.sum(axis=1, dtype=np.int64), None, pack)


def _slots(columns: Mapping[str, Any], valid: Valid) -> np.ndarray:
    if valid.any_nonzero:
        return np.any([np.asarray(columns[name]) != 0 for name in valid.any_nonzero], axis=0)
    values = np.asarray(columns[str(valid.column)])
    return values > valid.above if valid.above is not None else values == valid.equals


def table(
    jet_index: Any, particle_index: Any, jets_per_event: IntArray, candidates: Any, place: Place, tally: Tally
) -> Layout:
    """Return the layout of an index table, whose rows name a jet and a candidate of their event.

    Parameters
    ----------
    jet_index, particle_index
        One list an event, of equal lengths.
    jets_per_event
        (events,) int64.
    candidates
        Any candidate column, one list an event.

    Notes
    -----
    Rows need not be sorted by jet: a stable counting sort keeps the table's order within each jet. Indices outside
    the event are dropped and counted.
    """
    jet, (rows,) = ragged(jet_index, "jet_index")
    particle, (same_rows,) = ragged(particle_index, "particle_index")
    check_counts(rows, same_rows, "jet_index", "particle_index", place)
    candidates_per_event = ragged(candidates, "candidates")[1][0]
    event = np.repeat(np.arange(len(rows)), rows)
    inside = (jet >= 0) & (jet < jets_per_event[event]) & (particle >= 0) & (particle < candidates_per_event[event])
    tally.add("INDEX-RANGE", f"{place}: {{n}} rows of an index table point outside their event", (~inside).sum())
    owner = (offsets_of(jets_per_event)[event] + jet)[inside]
    chosen = (offsets_of(candidates_per_event)[event] + particle)[inside][np.argsort(owner, kind="stable")]
    counts = np.bincount(owner, minlength=int(jets_per_event.sum())).astype(np.int64)

    def pack(array: Any, name: str) -> np.ndarray:
        values, (found,) = ragged(array, name)
        check_counts(candidates_per_event, found, "candidates", name, place)
        return values[chosen]

    return Layout(counts, jets_per_event, pack)


def check_counts(expected: IntArray, got: IntArray, first: str, name: str, place: Place) -> None:
    """Raise ``DataError`` ``RAGGED-MISMATCH`` with file, entry and lengths where two columns differ in length."""
    if len(expected) == len(got) and np.array_equal(expected, got):
        return
    entry = int(np.flatnonzero(expected != got)[0]) if len(expected) == len(got) else 0
    what = (f"{place}: at entry {place.start + entry} '{quoted(first)}' has {expected[entry]} values "
            f"and '{quoted(name)}' has {got[entry]}")  # fmt: skip
    raise DataError("RAGGED-MISMATCH", what)


def per_jet(array: Any, name: str, per_entry: IntArray | None, place: Place) -> np.ndarray:
    """Return (B,) values of a jet column: a list of one value a jet, or one value an entry for all its jets."""
    if depth_of(array) == 1:
        values = scalars(array, name)
        return values if per_entry is None else np.repeat(values, per_entry)
    if per_entry is None:
        what = f"{place}: '{quoted(name)}' holds a list an entry, but each entry is one jet"
        raise DataError("TYPE-MISMATCH", what, "particles.kind: var-var or table if entries hold several jets")
    values, (counts,) = ragged(array, name)
    check_counts(per_entry, counts, "number of jets", name, place)
    return values
