"""Jets from files: `read_jets` for all at once, `iterate_jets` for chunks in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jetlego.data.files import Paths, check_duplicates, find_files
from jetlego.data.formats.choose import open_reader
from jetlego.data.formats.reader import Classes, Nonfinite, Request
from jetlego.data.jets import Jets
from jetlego.data.labels import check_labels
from jetlego.data.schemas.load import load_schema
from jetlego.data.schemas.schema import Schema
from jetlego.data.screen import check_units, screen
from jetlego.data.selection import Where, parsed, selected
from jetlego.data.stamps import Stamp
from jetlego.data.tally import Tally
from jetlego.data.uniform import Uniform
from jetlego.errors import DataError

SchemaLike = str | Path | dict[str, Any] | Schema


def read_jets(
    path_or_paths: Paths,
    *,
    schema: SchemaLike = "auto",
    where: Where | None = None,
    entries: tuple[int, int | None] | None = None,
    classes: Classes | None = None,
    columns: Sequence[str] | None = None,
    nonfinite: Nonfinite = "error",
    max_constituents: int | None = None,
    on_bad_file: Literal["error", "skip"] = "error",
    tally: Tally | None = None,
) -> Jets:
    """Read all jets of some files.

    Parameters
    ----------
    path_or_paths
        Files, globs, or ``sample://top`` and the like for the embedded jets.
    schema
        Name of a layout (``jetlego data schemas`` lists them), a YAML file, a dict of the same form, or ``"auto"``.
    where
        Jets to keep: an expression over columns such as ``"jet_pt > 600"``, or a function of `Jets` that returns
        a (B,) bool mask.
    entries
        (start, stop), counted through all files: jets or events to look at, before any selection.
    classes
        {class: truth branch or class of the schema, or a list of these}, in the order of the label. Default: those of
        the schema.
    columns
        Columns to read beside the momenta, by canonical or source name. Default: all that the schema knows.
    nonfinite
        What to do with NaN and infinite values: ``"error"``, ``"drop-particle"``, ``"drop-jet"``, ``"zero"`` or
        ``"impute"``, which leaves NaN in columns other than momenta to scalers.
    max_constituents
        Keep so many of the hardest constituents of each jet; ``jet_nparticles`` tells the true number.
    on_bad_file
        ``"skip"`` leaves out unreadable files, with a warning that names them.
    tally
        Counters to fill, for callers who report ``tally.bad_files`` and the rest themselves.

    Returns
    -------
    Jets
        In input order; momenta in GeV, angles in radian, lengths in mm.

    Raises
    ------
    DataError
        ``NO-FILES``, ``NOT-ROOT``, ``NO-TREE``, ``BAD-FILE``, ``NO-BRANCH``, ``RAGGED-MISMATCH``, ``NONFINITE``,
        ``LABELS``, ``NO-JETS``, ``DUPLICATE-INPUT``, ``FILE-CHANGED``.
    ConfigError
        ``TREE-AMBIGUOUS``, or what is wrong with the schema.
    """
    chunks = iterate_jets(path_or_paths, schema=schema, step=None, where=where, entries=entries, classes=classes,
                          columns=columns, nonfinite=nonfinite, max_constituents=max_constituents,
                          on_bad_file=on_bad_file, tally=tally)  # fmt: skip
    return Jets.concatenate(list(chunks))


def iterate_jets(
    paths: Paths,
    *,
    schema: SchemaLike = "auto",
    step: int | None = 20_000,
    where: Where | None = None,
    entries: tuple[int, int | None] | None = None,
    classes: Classes | None = None,
    columns: Sequence[str] | None = None,
    nonfinite: Nonfinite = "error",
    max_constituents: int | None = None,
    on_bad_file: Literal["error", "skip"] = "error",
    tally: Tally | None = None,
) -> Iterator[Jets]:
    """Yield jets in chunks, each file opened once; options as in :func:`read_jets`.

    Parameters
    ----------
    step
        Entries a chunk, about: chunks end where baskets, clusters or row groups end. None: a whole file at a time.

    Yields
    ------
    Jets
        Never an empty chunk; ``DataError`` ``NO-JETS`` at the end if nothing was left at all.
    """
    layout = schema if schema == "auto" else load_schema(schema)
    files = find_files(paths)
    check_duplicates(files)
    stamps = [Stamp.of(path) for path in files]
    tally = Tally() if tally is None else tally
    request = Request(
        columns=None if columns is None else tuple(columns), classes=classes, nonfinite=nonfinite,
        cut_columns=parsed(where).names if isinstance(where, str) else (), max_constituents=max_constituents,
        tally=tally,
    )  # fmt: skip
    window, uniform = _Window(*(entries or (0, None))), Uniform()
    for index, (path, stamp) in enumerate(zip(files, stamps, strict=True)):
        stamp.require(path)
        try:
            for jets in _file_chunks(path, index, layout, request, window, step, where):
                uniform.check(jets, path, tally)
                tally.count_kept(jets.weight, jets.num_jets)
                yield jets
        except DataError as error:
            stamp.require(path)  # what looks like damage may be a file that is being replaced
            if on_bad_file != "skip" or not _unreadable(error):
                raise
            tally.bad_files.append(str(error))
        stamp.require(path)
        if window.closed:
            break
    tally.warn()
    if not tally.kept:
        raise DataError("NO-JETS", f"{_named(files)} gave {tally.jets} jets, and none is left after selection")
    if tally.weight_sum == 0:
        raise DataError("WEIGHTS", f"the weights of {tally.kept} jets of {_named(files)} add up to 0")


def _unreadable(error: DataError) -> bool:
    """Whether the file itself is damaged, rather than its content at odds with what was asked."""
    return error.id in ("BAD-FILE", "NO-TREE") or error.id.startswith("NOT-")


@dataclass
class _Window:
    """The entries still to be read, counted through all files."""

    start: int
    stop: int | None

    @property
    def closed(self) -> bool:
        return self.stop is not None and self.stop <= 0

    def advance(self, entries: int) -> None:
        self.start = max(0, self.start - entries)
        self.stop = None if self.stop is None else self.stop - entries


def _file_chunks(
    path: Path, index: int, schema: SchemaLike, request: Request, window: _Window, step: int | None, where: Where | None
) -> Iterator[Jets]:
    with open_reader(path, schema, request) as reader:
        checked = False
        for part in reader.chunks(window.start, window.stop, step):
            jets = screen(part, path, reader.schema, request)
            if not checked and jets.num_jets:
                check_units(jets, path)
                checked = True
            jets = selected(jets, where)
            check_labels(jets, path)
            if jets.num_jets:
                file_index = np.full(jets.num_jets, index, np.int64)
                yield replace(jets, jet={**jets.jet, "file_index": file_index})
        window.advance(reader.num_entries or 0)


def _named(files: list[Path]) -> str:
    return str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more files"
