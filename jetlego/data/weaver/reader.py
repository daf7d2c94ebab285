"""Files into frames: the branches a configuration needs, its two kinds of magic, chunk by chunk, in order or mixed."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from jetlego.data.containers.open import open_tables
from jetlego.data.containers.table import Table
from jetlego.data.files import container_of
from jetlego.data.held import Held
from jetlego.data.permutation import shuffled
from jetlego.data.weaver.config import TRAINING_FLAG, WeaverConfig
from jetlego.data.weaver.derived import derived_columns, is_derivable
from jetlego.data.weaver.frame import Frame, Jagged
from jetlego.errors import JetlegoWarning

PARTS = 16
"""Pieces of different files that one mixed chunk is made of; a piece is read in one go, so more would cost speed."""


Tables: TypeAlias = Held[Path, Table]
"""Files that are held for further reading."""


class Window(NamedTuple):
    """Which entries of each file to read, as fractions."""

    start: float = 0.0
    stop: float = 1.0

    def entries(self, total: int) -> tuple[int, int]:
        """Return the entry range, at least one entry wide if there is any."""
        start, stop = int(self.start * total), int(self.stop * total)
        return start, min(max(stop, start + 1), total)


class Piece(NamedTuple):
    """Entries of one file, and the number of the file's first entry among those of all files."""

    path: Path
    start: int
    stop: int
    first_row: int


class FrameReader:
    """Reads the files of one configuration.

    Parameters
    ----------
    config, files
        What to read and from where.
    branches
        Names that expressions and inputs need; file magic and the training flag are filled in, others are read.
    training
        Value of the column ``aux_training_``.
    seed
        For random helpers in expressions.
    """

    def __init__(
        self, config: WeaverConfig, files: Iterable[Path], branches: Iterable[str], *, training: bool, seed: int = 0
    ) -> None:
        self.config, self.files, self.names = config, list(files), list(branches)
        self.training, self.seed = training, seed

    def in_order(self, *, step: int | None = None, window: Window | None = None) -> Iterator[Frame]:
        """Yield the entries of every file in order, about ``step`` at a time (None: a file at a time)."""
        first_row = 0
        for path in self.files:
            constants = self._constants(path)
            with closing(self._open(path)) as table:
                self._warn_overwritten(path, table)
                for start, stop in itertools.pairwise(_cuts(table, step, window)):
                    yield self.read(table, Piece(path, start, stop, first_row), constants)
                first_row += table.num_entries

    def mixed(self, *, step: int, epoch: int = 0) -> Iterator[list[Frame]]:
        """Yield about ``step`` entries at a time, in pieces from all over the files.

        Every entry comes once an epoch. Which pieces meet is keyed by seed and epoch; inside a chunk they are not
        mixed.
        """
        parts = max(1, min(PARTS, len(self.files)))
        with closing(self.tables()) as tables:
            pieces = self.pieces(max(1, step // parts), tables)
            order = shuffled(np.arange(len(pieces)), num_samples=len(pieces), seed=self.seed, epoch=epoch)
            sizes = np.array([pieces[number].stop - pieces[number].start for number in order])
            chunk = (np.cumsum(sizes) - sizes) // step  # pieces end where baskets do, so they may be larger than asked
            for number in np.unique(chunk):
                chosen = [pieces[k] for k in order[chunk == number]]
                yield [self.read_held(tables, piece) for piece in chosen]

    def pieces(self, step: int, tables: Tables) -> list[Piece]:
        """Return all entries of all files in pieces of about ``step``, which end where the file's storage units do."""
        out: list[Piece] = []
        first_row = 0
        for path in self.files:
            with tables.using(path) as table:
                self._warn_overwritten(path, table)
                cuts, total = table.boundaries(0, table.num_entries, step, whole=True), table.num_entries
            out += [Piece(path, start, stop, first_row) for start, stop in itertools.pairwise(cuts)]
            first_row += total
        return out

    def tables(self) -> Tables:
        """Return what holds open files."""
        return Held(self._open)

    def read_held(self, tables: Tables, piece: Piece) -> Frame:
        """Return some entries of a file that ``tables`` holds, or opens."""
        with tables.using(piece.path) as table:
            return self.read(table, piece)

    def read(self, table: Table, piece: Piece, constants: dict[str, Any] | None = None) -> Frame:
        """Return some entries of an open file, with all branches; those that it lacks are derived if they can be."""
        constants = self._constants(piece.path) if constants is None else constants
        wanted = self._sources(piece.path, constants)
        rows = np.arange(piece.first_row + piece.start, piece.first_row + piece.stop)
        frame = Frame(piece.stop - piece.start, seed=self.seed, rows=rows)
        sources = dict.fromkeys(wanted.values())
        absent = [source for source in sources if not table.has(source) and is_derivable(source)]
        columns = _columns(table, [source for source in sources if source not in absent], piece.start, piece.stop)
        if absent:
            columns |= derived_columns(table, absent, piece.start, piece.stop)
        for name, source in wanted.items():
            frame.add(name, columns[source])
            if source != name:
                frame.name_again(name, source)
        for name, value in constants.items():
            frame.add(name, np.full(frame.length, value))
        return frame

    def _open(self, path: Path) -> Table:
        """Return the open table of a file: the named tree, the only one, or the one with the branches."""
        kind = container_of(path)
        if kind == "root":
            from jetlego.data.containers.root import open_root

            wanted = self._sources(path, self._constants(path)).values()
            return open_root(path, tree=self.config.options["treename"], wanted=wanted)
        return open_tables(path, kind)[0]

    def _sources(self, path: Path, constants: dict[str, Any]) -> dict[str, str]:
        """Return {name: branch to read}; every part that branch magic names is replaced, one after the other."""
        magic = self.config.options["branch_magic"] or {}
        if not magic or container_of(path) != "root":
            return {name: name for name in self.names if name not in constants}
        out = {}
        for name in self.names:
            source = name
            for part, replacement in magic.items():
                source = source.replace(part, replacement)
            if name not in constants:
                out[name] = source
        return out

    def _constants(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {TRAINING_FLAG: self.training}
        for variable, patterns in (self.config.options["file_magic"] or {}).items():
            matches = (value for pattern, value in patterns.items() if re.search(pattern, str(path)))
            found[variable] = next(matches, 0)
        return found

    def _warn_overwritten(self, path: Path, table: Table) -> None:
        for variable in self.config.options["file_magic"] or {}:
            if table.has(variable):
                what = f"{path}: branch '{variable}' is replaced by the value that file_magic gives"
                warnings.warn(JetlegoWarning("FILE-MAGIC", what), stacklevel=5)


def _columns(table: Table, names: Sequence[str], start: int, stop: int) -> dict[str, Any]:
    """Return {name: entries}, plain ones without the cost of making an awkward array of them."""
    out: dict[str, Any] = {}
    for name in names:
        table.require(name)
        packed = table.packed(name, start, stop)
        if packed is not None:
            offsets, content = packed
            out[name] = content if offsets is None else Jagged(offsets, content)
    return out | table.read((name for name in names if name not in out), start, stop)


def _cuts(table: Table, step: int | None, window: Window | None) -> Sequence[int]:
    start, stop = (window or Window()).entries(table.num_entries)
    return [start, stop] if step is None else table.boundaries(start, stop, step)
