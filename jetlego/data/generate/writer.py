"""Jets to a ROOT file in the layout of JetClass: one TTree, ZSTD, at most 50,000 jets a write, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.atomic import written_aside
from jetlego.data.generate.layout import JetTable
from jetlego.errors import JetlegoError

TREE = "tree"
ROWS_A_WRITE = 50_000
"""Larger baskets have open issues in uproot's writer."""

LEVEL = 19
NOTE = "made_by"
"""Name of the string beside the tree that says how the jets were made."""


def write_jets(path: Path, tables: Iterable[JetTable], *, note: str = "", level: int = LEVEL) -> int:
    """Write jets to a TTree ``tree`` and return their number.

    Parameters
    ----------
    path
        The file; what stood there is replaced when the new file is complete.
    tables
        Jets, all with the same branches; at least one table.
    note
        Stored beside the tree as a string.
    level
        Of ZSTD, up to 22; 19 packs rounded numbers a third tighter than 5 and takes ten times as long.

    Raises
    ------
    EnvironmentFault
        ``NOT-WRITABLE`` or ``DISK-FULL``; nothing is left behind.
    """
    with written_aside(path) as temporary:
        return _write(temporary, tables, note, level)


def _write(path: Path, tables: Iterable[JetTable], note: str, level: int) -> int:
    import uproot

    written, tree = 0, None
    # Given a stream and not a path, uproot does not write the temporary name into the file.
    with path.open("w+b") as stream, uproot.recreate(stream, compression=uproot.ZSTD(level)) as file:
        for table in tables:
            if tree is None:
                tree = file.mktree(TREE, _branch_types(table), title="jets")
            for start in range(0, table.num_jets, ROWS_A_WRITE):
                tree.extend(_branches(table.select(np.arange(start, min(start + ROWS_A_WRITE, table.num_jets)))))
            written += table.num_jets
        if note:
            file[NOTE] = note
    with uproot.open(path) as file:
        stored = file[TREE].num_entries
    if stored != written:
        raise JetlegoError("INTERNAL", f"{path}: {stored} jets stored of {written}")
    return written


def _branch_types(table: JetTable) -> Mapping[str, Any]:
    import awkward as ak

    part = _branches(table)["part"]
    return {"part": ak.type(part).content, **{name: values.dtype for name, values in table.jet.items()}}


def _branches(table: JetTable) -> dict[str, Any]:
    """Return awkward and numpy columns; the constituents share one counter, ``npart``."""
    import awkward as ak

    offsets = ak.index.Index64(table.jet_ptr)
    names = [name.removeprefix("part_") for name in table.constituents]
    record = ak.contents.RecordArray([ak.contents.NumpyArray(v) for v in table.constituents.values()], names)
    return {"part": ak.Array(ak.contents.ListOffsetArray(offsets, record)), **table.jet}


def read_note(path: Path) -> str:
    """Return the string that was stored beside the tree, empty if there is none or the file is no ROOT file."""
    import uproot

    try:
        with uproot.open(path) as file:
            return str(file[NOTE]) if NOTE in file else ""
    except (OSError, ValueError):
        return ""
