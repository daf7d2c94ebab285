"""Where blocks come from: jet files of any layout, or anything else that can read a range of its jets."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from jetlego.data.files import Paths, check_duplicates, find_files
from jetlego.data.formats.choose import SchemaLike, open_reader
from jetlego.data.formats.reader import Reader, Request
from jetlego.data.held import Held, short_lived
from jetlego.data.jets import Jets
from jetlego.data.labels import check_labels
from jetlego.data.read import FileNumbers, unreadable
from jetlego.data.screen import check_units, screen
from jetlego.data.selection import Where, selected
from jetlego.data.stamps import Stamp
from jetlego.data.tally import Tally
from jetlego.data.uniform import Uniform
from jetlego.errors import DataError


class Block(NamedTuple):
    """Entries ``start:stop`` of one file of a source; to the end of the file if ``stop`` is None."""

    file: int
    start: int
    stop: int | None


class BlockReader(ABC):
    """What one thread reads blocks with; closes with its ``with`` block."""

    @abstractmethod
    def read(self, block: Block) -> Jets:
        """Return the selected jets of a block, maybe none, in the order of its entries."""

    def close(self) -> None:  # noqa: B027  (a reader of memory has nothing to close)
        """Let go of the files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Source(ABC):
    """Jets that can be read block by block, by several threads with a :class:`BlockReader` each.

    Attributes
    ----------
    names
        The files, for messages and for the record of a run.
    skipped
        What was left out as unreadable, each with its reason.
    first
        Number of each file in ``file_index``; that of its first part for shards, which keep those they were made from.
    """

    names: Sequence[str]
    skipped: Sequence[str]
    first: list[int]

    @abstractmethod
    def blocks(self, size: int) -> list[Block]:
        """Return all blocks in order, of about ``size`` entries, cut where the file's storage units begin."""

    @abstractmethod
    def open(self, *, first: bool = False) -> BlockReader:
        """Return a reader for one thread; in the ``first`` pass it looks for what is odd."""

    def marks(self) -> list[list[int]]:
        """Return numbers that differ when a file does, such as its size and time of change; none by default."""
        return []

    def compare(self, jets: Jets, block: Block) -> None:  # noqa: B027  (what is made in one way is alike)
        """Raise ``DataError`` if the jets of a block have other columns or classes than those before."""

    def tell(self) -> None:  # noqa: B027  (not every source looks)
        """Warn of what the first pass found odd."""

    def skip(self, file: int, error: DataError) -> bool:
        """Note that a file cannot be read; return whether the source may go on without it."""
        return False


class DiskSource(Source):
    """A source of files on disk: which they are, when they changed, and which were left out.

    Attributes
    ----------
    files, stamps
        Paths, with size and time of change.
    skip_bad
        Leave out unreadable files; they are noted in ``skipped``, a list.
    """

    files: list[Path]
    stamps: list[Stamp]
    skip_bad: bool
    skipped: list[str]

    def find(self, paths: Paths) -> None:
        """Look for the files.

        Raises
        ------
        DataError
            ``NO-FILES``, ``DUPLICATE-INPUT``.
        """
        self.files = find_files(paths)
        check_duplicates(self.files)
        self.stamps = [Stamp.of(path) for path in self.files]
        self.first = list(range(len(self.files)))

    @property
    def names(self) -> Sequence[str]:  # type: ignore[override]
        """Paths of the files."""
        return list(map(str, self.files))

    def marks(self) -> list[list[int]]:
        """Return size and time of change of each file."""
        return [[stamp.size, stamp.modified] for stamp in self.stamps]

    def skip(self, file: int, error: DataError) -> bool:
        """Note an unreadable file; False if it must not be skipped, or the file is not at fault."""
        if not self.skip_bad or not unreadable(error):
            return False
        self.skipped.append(str(error))
        return True


@dataclass
class FileSource(DiskSource):
    """Jet files.

    Parameters
    ----------
    paths, schema, where
        As in :func:`jetlego.read_jets`.
    request
        Columns, classes, and what to do with NaN.
    skip_bad
        Leave out unreadable files; they are noted in ``skipped``.

    Raises
    ------
    DataError
        ``NO-FILES``, ``DUPLICATE-INPUT``.
    """

    paths: Paths
    schema: SchemaLike = "auto"
    where: Where | None = None
    request: Request = field(default_factory=Request)
    skip_bad: bool = False
    files: list[Path] = field(init=False)
    stamps: list[Stamp] = field(init=False)
    first: list[int] = field(init=False)
    uniform: Uniform = field(init=False, default_factory=Uniform)

    def __post_init__(self) -> None:
        self.find(self.paths)

    @property
    def skipped(self) -> list[str]:  # type: ignore[override]
        """Unreadable files, each with its reason."""
        return self.request.tally.bad_files

    def blocks(self, size: int) -> list[Block]:
        """Return all blocks; each file is opened once, for the layout of its storage."""
        out: list[Block] = []
        numbers = FileNumbers()
        for number, path in enumerate(self.files):
            try:
                with short_lived(), open_reader(path, self.schema, self.request) as reader:
                    cuts = reader.cuts(size)
                    self.first[number] = numbers.enter(path, reader)
            except DataError as error:
                if not self.skip(number, error):
                    raise
                self.first[number] = numbers.enter(path)
                continue
            pairs = [(0, None)] if cuts is None else itertools.pairwise(cuts)
            out += [Block(number, a, b) for a, b in pairs]
        return out

    def open(self, *, first: bool = False) -> BlockReader:
        """Return a reader that keeps some files open, see :mod:`jetlego.data.held`."""
        return _FileBlocks(self, first)

    def compare(self, jets: Jets, block: Block) -> None:
        """Compare columns, types and classes with those of the first file."""
        tally = self.request.tally
        self.uniform.check(jets, self.files[block.file], tally)
        tally.count_kept(jets.weight, jets.num_jets)

    def tell(self) -> None:
        """Warn of what was odd; ``DataError`` ``WEIGHTS`` if all weights add up to 0."""
        tally = self.request.tally
        tally.warn()
        if tally.weight_sum == 0:
            raise DataError("WEIGHTS", f"the weights of {tally.kept} jets of {self.names[0]} and others add up to 0")


class _FileBlocks(BlockReader):
    def __init__(self, source: FileSource, first: bool) -> None:
        self.source, self.first = source, first
        self.request = replace(source.request, tally=Tally())
        self._held: Held[int, Reader] = Held(self._opened)

    def read(self, block: Block) -> Jets:
        path = self.source.files[block.file]
        self.source.stamps[block.file].require(path)  # each time: what is held is where things lie, not the file itself
        with self._held.using(block.file) as reader:
            parts = [part if reader.screened else screen(part, path, reader.schema, self.request)
                     for part in reader.chunks(block.start, block.stop, None)]  # fmt: skip
        if block.stop is None:  # a stream of text, which does not go back
            self._held.drop(block.file)
        jets = Jets.concatenate(parts)
        if self.first and block.start == 0:
            check_units(jets, path)
        jets = selected(jets, self.source.where)
        check_labels(jets, path)
        within = jets.jet["file_index"] if reader.screened else np.zeros(jets.num_jets, np.int64)
        return replace(jets, jet={**jets.jet, "file_index": self.source.first[block.file] + within})

    def _opened(self, file: int) -> Reader:
        return open_reader(self.source.files[file], self.source.schema, self.request)

    def close(self) -> None:
        self._held.close()
        if self.first:
            add_up(self.source.request.tally, self.request.tally)


def add_up(total: Tally, part: Tally) -> None:
    """Add what one reader counted to the count of all."""
    total.jets += part.jets
    total.constituents += part.constituents
    total.found.update(part.found)
