"""One task: the jets of some entries into one shard, or several where there turn out to be many."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jetlego.data.formats.reader import Request
from jetlego.data.jets import Jets
from jetlego.data.read import FileNumbers, Window, file_chunks, unreadable
from jetlego.data.selection import parsed
from jetlego.data.shards.codec import Encoder
from jetlego.data.shards.file import ShardFile, write_shard
from jetlego.data.shards.manifest import shard_name
from jetlego.data.shards.options import Options
from jetlego.data.shards.plan import Piece
from jetlego.data.tally import Tally
from jetlego.data.uniform import Uniform
from jetlego.errors import DataError, JetlegoWarning, quoted

STEP = 10_000
"""Entries in memory at a time, beside the shard that is being filled."""

_ONE_AT_A_TIME = threading.Lock()
"""A worker of a cluster may run tasks in several threads; kernels and the capture of warnings are for one."""


@dataclass(frozen=True)
class Task:
    """What a worker needs to know; workers share nothing but the file system."""

    number: int
    pieces: tuple[Piece, ...]
    options: Options
    folder: str
    signature: str
    num_sources: int


@dataclass(frozen=True)
class Done:
    """A finished shard, its hash, and whether it was there already."""

    name: str
    sha256: str
    num_jets: int
    kept: bool


def run_task(task: Task) -> list[Done]:
    """Return the shards of a task; those that are there and whole are not made again."""
    with _ONE_AT_A_TIME:
        return _finished(task) or _made(task)


def _finished(task: Task) -> list[Done]:
    """Return the shards of an earlier run if they are all there, whole, and of the same task; else none."""
    found: list[Done] = []
    while True:
        path = Path(task.folder) / shard_name(task.number, len(found))
        try:
            file = ShardFile(path)
            digest = file.verify()
        except DataError:
            return []
        if file.about["signature"] != task.signature:
            return []
        found.append(Done(path.name, digest, file.about["jets"], kept=True))
        if file.about["last"]:
            return found


def _made(task: Task) -> list[Done]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = _write_all(task, caught)
    for warning in caught:
        if not isinstance(warning.message, JetlegoWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return done


def _write_all(task: Task, caught: list[warnings.WarningMessage]) -> list[Done]:
    options, done = task.options, list[Done]()
    encoder, tally = Encoder(options), Tally()
    for jets in _jets(task, tally):
        start = 0
        while encoder.num_jets + jets.num_jets - start > options.jets_per_shard:
            stop = start + options.jets_per_shard - encoder.num_jets
            encoder.add(jets.select(slice(start, stop)))
            done.append(_write(task, len(done), encoder, last=False, read=0, warnings=[]))
            encoder, start = Encoder(options), stop
        encoder.add(jets.select(slice(start, None)) if start else jets)
    found = [(id, text, number) for (id, text), number in tally.found.items()]
    found += [("BAD-FILE", f"skipped: {fault}", 1) for fault in tally.bad_files]
    found += _told(caught, task.pieces)
    done.append(_write(task, len(done), encoder, last=True, read=tally.constituents, warnings=found))
    return done


def _write(task: Task, part: int, encoder: Encoder, **told: Any) -> Done:
    weights = encoder.sections.get("weight")
    about = {
        "signature": task.signature,
        "jets": encoder.num_jets,
        "constituents": encoder.num_constituents,
        "classes": encoder.classes,
        "num_sources": task.num_sources,
        "weight_sum": None if weights is None else sum(float(w.sum(dtype="f8")) for w in weights),
        "options": task.options.resolved(),
        "pieces": [[piece.source, piece.start, piece.stop] for piece in task.pieces],
        **told,
    }
    name = shard_name(task.number, part)
    digest = write_shard(Path(task.folder) / name, encoder.sections, about)
    return Done(name, digest, encoder.num_jets, kept=False)


def _jets(task: Task, tally: Tally) -> Iterator[Jets]:
    """Yield the jets of all pieces; what is dropped or odd goes to the tally."""
    options, uniform = task.options, Uniform()
    request = Request(
        columns=None if options.columns is None else tuple(options.columns), classes=options.classes,
        nonfinite=options.nonfinite, cut_columns=() if options.where is None else parsed(options.where).names,
        max_constituents=options.max_constituents, tally=tally,
    )  # fmt: skip
    for piece in task.pieces:
        window, numbers = Window(piece.start, piece.stop), FileNumbers(piece.file_index)
        path = Path(piece.path)
        try:
            for jets in file_chunks(path, numbers, options.schema_, request, window, STEP, options.where):
                uniform.check(jets, path, tally)
                yield jets
        except DataError as error:
            if options.on_bad_file != "skip" or not unreadable(error):
                raise
            tally.bad_files.append(str(error))


def _told(caught: list[warnings.WarningMessage], pieces: tuple[Piece, ...]) -> list[tuple[str, str, int]]:
    """Return our warnings, each once; units are judged by the beginning of a file."""
    begun = tuple(f"{quoted(piece.path)}:" for piece in pieces if piece.start == 0)
    ours = [w.message for w in caught if isinstance(w.message, JetlegoWarning)]
    kept = [(m.id, m.what) for m in ours if m.id != "UNITS" or m.what.startswith(begun)]
    return [(id, what, 1) for id, what in dict.fromkeys(kept)]
