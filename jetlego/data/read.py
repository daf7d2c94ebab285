"""Jets from files: `read_jets` for all at once, `iterate_jets` for chunks in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from jetlego.data.files import Paths, check_duplicates, find_files
from jetlego.data.formats.choose import SchemaLike, open_reader
from jetlego.data.formats.reader import Classes, Nonfinite, Reader, Request
from jetlego.data.jets import Jets
from jetlego.data.labels import check_labels
from jetlego.data.schemas.load import load_schema
from jetlego.data.screen import check_units, screen
from jetlego.data.selection import Where, parsed, selected
from jetlego.data.stamps import Stamp
from jetlego.data.tally import Tally
from jetlego.data.uniform import Uniform
from jetlego.errors import DataError


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
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
    start: int = 0,
) -> Iterator[Jets]:
    """Yield jets in chunks, each file opened once; options as in :func:`read_jets`.

    Parameters
    ----------
    step
        Entries a chunk, about: chunks end where baskets, clusters or row groups end. None: a whole file at a time.
    shuffle
        Yield every jet once, ``step`` jets a chunk, in an order keyed by ``seed`` and ``epoch`` that mixes files and
        classes in bounded memory; see :mod:`jetlego.data.stream`. All is read once before, to count the jets.
    seed, epoch
        Key of the order.
    start
        Jets of the shuffled order to leave out at its beginning; what follows is the same.

    Yields
    ------
    Jets
        Never an empty chunk; ``DataError`` ``NO-JETS`` at the end if nothing was left at all.
    """
    request = _requested(classes, columns, where, nonfinite, max_constituents, tally)
    if shuffle:
        from jetlego.data.stream.shuffle import iterate_shuffled  # it reads files by what stands below

        yield from iterate_shuffled(paths, schema, where, request, on_bad_file == "skip", entries, step=step or 20_000,
                                    seed=seed, epoch=epoch, start=start)  # fmt: skip
        return
    layout = schema if schema == "auto" else load_schema(schema)
    files, tally = find_files(paths), request.tally
    check_duplicates(files)
    window = Window(*(entries or (0, None)))
    yield from _in_order(files, layout, request, window, step, where, skip_bad=on_bad_file == "skip")
    tally.warn()
    if not tally.kept:
        raise DataError("NO-JETS", f"{_named(files)} gave {tally.jets} jets, and none is left after selection")
    if tally.weight_sum == 0:
        raise DataError("WEIGHTS", f"the weights of {tally.kept} jets of {_named(files)} add up to 0")


def _in_order(
    files: list[Path], layout: SchemaLike, request: Request, window: Window, step: int | None, where: Where | None, *,
    skip_bad: bool,
) -> Iterator[Jets]:  # fmt: skip
    """Yield the jets of all files, each the same file from beginning to end, all of the same columns."""
    uniform, numbers, tally = Uniform(), FileNumbers(), request.tally
    for path, stamp in [(path, Stamp.of(path)) for path in files]:
        stamp.require(path)
        try:
            for jets in file_chunks(path, numbers, layout, request, window, step, where):
                uniform.check(jets, path, tally)
                tally.count_kept(jets.weight, jets.num_jets)
                yield jets
        except DataError as error:
            stamp.require(path)  # what looks like damage may be a file that is being replaced
            if not skip_bad or not unreadable(error):
                raise
            numbers.enter(path)
            tally.bad_files.append(str(error))
        stamp.require(path)
        if window.closed:
            break


def _requested(
    classes: Classes | None, columns: Sequence[str] | None, where: Where | None, nonfinite: Nonfinite,
    max_constituents: int | None, tally: Tally | None,
) -> Request:  # fmt: skip
    return Request(
        columns=None if columns is None else tuple(columns), classes=classes, nonfinite=nonfinite,
        cut_columns=parsed(where).names if isinstance(where, str) else (), max_constituents=max_constituents,
        tally=Tally() if tally is None else tally,
    )  # fmt: skip


def unreadable(error: DataError) -> bool:
    """Return whether the file itself is damaged, rather than its content at odds with what was asked."""
    return error.id in ("BAD-FILE", "NO-TREE", "SHARD-HASH") or error.id.startswith("NOT-")


@dataclass
class Window:
    """The entries still to be read, counted through all files."""

    start: int
    stop: int | None

    @property
    def closed(self) -> bool:
        """Whether there is none."""
        return self.stop is not None and self.stop <= 0

    def advance(self, entries: int) -> None:
        """Take the entries of a file away."""
        self.start = max(0, self.start - entries)
        self.stop = None if self.stop is None else self.stop - entries


class FileNumbers:
    """Numbers files as they come; shards of one folder keep the numbers of the files that they were prepared from."""

    def __init__(self, next: int = 0) -> None:
        self.next = next
        self._first: dict[Path, int] = {}

    def enter(self, path: Path, reader: Reader | None = None) -> int:
        """Return the number of a file, or the first of those that it stands for; without a reader it counts as one."""
        prepared = reader is not None and reader.screened
        key = path.parent if prepared else path
        if key not in self._first:
            self._first[key] = self.next
            self.next += 1 if reader is None else reader.num_sources
        return self._first[key]


def file_chunks(
    path: Path, numbers: FileNumbers, schema: SchemaLike, request: Request, window: Window, step: int | None,
    where: Where | None,
) -> Iterator[Jets]:  # fmt: skip
    """Yield the selected jets of one file, screened and checked; never an empty chunk."""
    with open_reader(path, schema, request) as reader:
        first, checked = numbers.enter(path, reader), False
        for part in reader.chunks(window.start, window.stop, step):
            jets = _screened(part, path, reader)
            if not checked and jets.num_jets:
                check_units(jets, path)
                checked = True
            jets = selected(jets, where)
            check_labels(jets, path)
            if jets.num_jets:
                within = jets.jet["file_index"] if reader.screened else np.zeros(jets.num_jets, np.int64)
                yield replace(jets, jet={**jets.jet, "file_index": first + within})
        window.advance(reader.num_entries or 0)


def _screened(jets: Jets, path: Path, reader: Reader) -> Jets:
    if reader.screened:
        reader.request.tally.jets += jets.num_jets
        return jets
    return screen(jets, path, reader.schema, reader.request)


def _named(files: list[Path]) -> str:
    return str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more files"
