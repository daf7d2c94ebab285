"""Which entries of which files go into which shard: decided before any jet is read, and the same for any workers."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jetlego
from jetlego.data.files import fingerprint
from jetlego.data.formats.choose import open_reader
from jetlego.data.formats.reader import Request
from jetlego.data.read import FileNumbers, unreadable
from jetlego.data.shards.manifest import FORMAT, PLAN, read_signed, write_signed
from jetlego.data.shards.options import Options
from jetlego.errors import ConfigError, DataError, quoted


@dataclass(frozen=True)
class Source:
    """A file to read: ``mtime`` in nanoseconds; ``fault`` says why it is left out, if it is."""

    path: str
    size: int
    mtime: int
    sha256: str
    fault: str = ""

    @property
    def unchanged(self) -> bool:
        """Whether size and time are still the same."""
        path = Path(self.path)
        return path.exists() and (path.stat().st_size, path.stat().st_mtime_ns) == (self.size, self.mtime)


@dataclass(frozen=True)
class Piece:
    """Entries ``start:stop`` of one file; a ``stop`` of None means to its end, wherever that is."""

    source: int
    path: str
    file_index: int
    start: int
    stop: int | None


@dataclass(frozen=True)
class Plan:
    """What is to be done; ``tasks`` are done one by one, in any order, and give the shards in theirs."""

    parameters: dict[str, Any]
    sources: tuple[Source, ...]
    num_sources: int
    tasks: tuple[tuple[Piece, ...], ...]

    @property
    def num_entries(self) -> int | None:
        """Entries of all tasks; None if there are files that must be read to know."""
        stops = [(piece.start, piece.stop) for task in self.tasks for piece in task]
        known = [stop - start for start, stop in stops if stop is not None]
        return sum(known) if len(known) == len(stops) else None

    def signature(self, task: int) -> str:
        """Return what makes the shards of a task: options, versions, and the contents of its sources."""
        pieces = [(self.sources[p.source].sha256, p.file_index, p.start, p.stop) for p in self.tasks[task]]
        told = json.dumps([self.parameters, self.num_sources, pieces], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def at(self, files: Sequence[Path]) -> Plan:
        """Return the plan for the same files, wherever they lie now."""
        status = [path.stat() for path in files]
        sources = [
            replace(source, path=str(path), mtime=now.st_mtime_ns)
            for source, path, now in zip(self.sources, files, status, strict=True)
        ]
        tasks = tuple(tuple(replace(p, path=str(files[p.source])) for p in task) for task in self.tasks)
        return replace(self, sources=tuple(sources), tasks=tasks)

    def absolute(self) -> Plan:
        """Return the plan for workers that run in other folders."""
        return self.at([Path(source.path).absolute() for source in self.sources])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that :meth:`from_dict` reads back."""
        return {**asdict(self), "format": FORMAT}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Plan:
        """Read back what :meth:`to_dict` gave."""
        return cls(
            parameters=data["parameters"],
            sources=tuple(Source(**source) for source in data["sources"]),
            num_sources=data["num_sources"],
            tasks=tuple(tuple(Piece(**piece) for piece in task) for task in data["tasks"]),
        )


def parameters_of(options: Options) -> dict[str, Any]:
    """Return everything but the sources that decides the bytes."""
    return {**options.resolved(), "jetlego": jetlego.__version__}


def make_plan(
    files: Sequence[Path], options: Options, *, threads: int = 1, digests: Sequence[str] | None = None
) -> Plan:
    """Look at every file, and part their entries into tasks of about ``options.jets_per_shard``.

    Parameters
    ----------
    threads
        For the SHA-256 of the files.
    digests
        These, where they are known.

    Raises
    ------
    DataError
        What a reader says of a file that cannot be opened, unless such files are to be skipped.
    """
    stamps = [path.stat() for path in files]  # before their bytes are looked at, so that no change is missed
    if digests is None:
        with ThreadPoolExecutor(threads) as pool:
            digests = list(pool.map(fingerprint, files))
    numbers = FileNumbers()
    sources, segments = [], []
    for at, (path, digest, status) in enumerate(zip(files, digests, stamps, strict=True)):
        fault = ""
        try:
            segments += _segments(at, path, options, numbers)
        except DataError as error:
            if options.on_bad_file != "skip" or not unreadable(error):
                raise
            numbers.enter(path)
            fault = str(error)
        sources.append(Source(str(path), status.st_size, status.st_mtime_ns, digest, fault))
    tasks = tuple(_grouped(segments, options.jets_per_shard))
    return Plan(parameters_of(options), tuple(sources), numbers.next, tasks)


def _segments(at: int, path: Path, options: Options, numbers: FileNumbers) -> list[Piece]:
    with open_reader(path, options.schema_, Request(columns=())) as reader:
        first = numbers.enter(path, reader)
        cuts = reader.cuts(options.jets_per_shard)
    if cuts is None:
        return [Piece(at, str(path), first, 0, None)]
    return [Piece(at, str(path), first, a, b) for a, b in itertools.pairwise(cuts) if b > a]


def _grouped(segments: Sequence[Piece], size: int) -> Iterator[tuple[Piece, ...]]:
    """Yield segments together as long as they fit one shard; a file of unknown length stays alone."""
    group: list[Piece] = []
    total = 0
    for piece in segments:
        entries = size + 1 if piece.stop is None else piece.stop - piece.start
        if group and total + entries > size:
            yield tuple(group)
            group, total = [], 0
        group.append(piece)
        total += entries
    if group:
        yield tuple(group)


def same_plan(folder: Path, files: Sequence[Path], options: Options) -> Plan | None:
    """Return the plan that an earlier call left, or None if there is none.

    Raises
    ------
    ConfigError
        ``RESUME-MISMATCH`` if that call had other options or files.
    DataError
        ``FILE-CHANGED`` if a file has changed since; ``SHARD-HASH`` if the plan is damaged.
    """
    if not (folder / PLAN).exists():
        return None
    plan = Plan.from_dict(read_signed(folder / PLAN))
    require_same(folder, plan.parameters, plan.sources, files, options)
    return plan.at(files)


def write_plan(folder: Path, plan: Plan) -> None:
    """Leave the plan for a call that goes on after a kill."""
    write_signed(folder / PLAN, plan.to_dict())


def require_same(
    folder: Path, parameters: dict[str, Any], sources: Sequence[Source], files: Sequence[Path], options: Options
) -> None:
    """Refuse to go on in a folder that was made with other options or of other files."""
    wanted = parameters_of(options)
    other = [key for key in wanted if parameters.get(key) != wanted[key]]
    differ = [f"{key} {parameters.get(key)!r} -> {wanted[key]!r}" for key in other]
    if len(sources) != len(files):
        differ.append(f"{len(sources)} files -> {len(files)} files")
    hint = "choose another folder, or --overwrite"
    if differ:
        what = f"{quoted(folder)} was prepared with other options: {quoted('; '.join(differ))}"
        raise ConfigError("RESUME-MISMATCH", what, hint)
    for source, path in zip(sources, files, strict=True):
        known = source.path == str(path) and source.unchanged
        if not known and (path.stat().st_size != source.size or fingerprint(path) != source.sha256):
            what = f"{quoted(path)} is not what {quoted(folder)} was prepared from ({quoted(source.path)})"
            raise DataError("FILE-CHANGED", what, hint)
