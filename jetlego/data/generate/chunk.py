"""One chunk: a fixed number of jets that depends on seed and chunk number alone, and its file.

Every chunk starts a Pythia of its own, so that it does not matter which process made it, or what that process made
before.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.atomic import write_atomic
from jetlego.conventions import IntArray
from jetlego.data.generate.detector import reconstruct
from jetlego.data.generate.events import candidates
from jetlego.data.generate.jets import jets_of_events
from jetlego.data.generate.layout import CONSTITUENT_TYPES, JET_TYPES, JetTable, concatenate
from jetlego.data.generate.processes import PROCESSES, resolve_process
from jetlego.data.generate.pythia import Generator, start_pythia
from jetlego.data.generate.selection import Selection
from jetlego.errors import JetlegoError

PYTHIA_SEEDS = 900_000_000
EVENTS_PER_CHUNK = 1 << 20
"""Events are numbered from ``chunk * EVENTS_PER_CHUNK`` on."""

BATCH = 50
PATIENCE = 40
"""Batches without a single jet after which a window is called empty."""


@dataclass(frozen=True)
class ChunkTask:
    """What a worker needs to know to make a chunk of ``num_jets`` jets, of which ``used`` are wanted, and store it."""

    label: str
    selection: Selection
    seed: int
    number: int
    num_jets: int
    used: int
    path: Path


def run_task(task: ChunkTask) -> int:
    """Make a chunk, store it, and return its number."""
    write_chunk(task.path, make_chunk(task))
    return task.number


def make_chunk(task: ChunkTask) -> JetTable:
    """Return the jets of a chunk."""
    process = resolve_process(task.label)
    source = np.random.SeedSequence([task.seed, list(PROCESSES).index(process.label), task.number])
    rng = np.random.default_rng(source)
    generator = start_pythia(process, task.selection, seed=1 + int(rng.integers(PYTHIA_SEEDS)))
    tables: list[JetTable] = []
    done, events_done, idle = 0, task.number * EVENTS_PER_CHUNK, 0
    while done < task.num_jets:
        count = min(BATCH, max(8, task.num_jets - done))
        tables.append(_batch(generator, task, count, events_done, rng))
        idle = 0 if tables[-1].num_jets else idle + 1
        if idle == PATIENCE:
            raise JetlegoError("NO-JETS", f"{PATIENCE * BATCH} {task.label} events gave no jet in {task.selection}")
        done, events_done = done + tables[-1].num_jets, events_done + count
    return concatenate(tables).select(np.arange(task.num_jets))


def _batch(
    generator: Generator, task: ChunkTask, count: int, first_event: int, rng: np.random.Generator
) -> JetTable:
    process = resolve_process(task.label)
    events = generator.next_events(count)
    final, charge = events.status > 0, np.zeros(len(events.pid), np.int8)
    charge[final] = generator.charge_of(events.pid[final])
    seen = reconstruct(events, charge, rng)
    return jets_of_events(
        seen, candidates(events, process), process, task.selection,
        event_number=first_event + np.arange(events.num_events), event_weight=events.weight,
    )  # fmt: skip


def write_chunk(path: Path, table: JetTable) -> None:
    """Store a chunk: whole, or not at all."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {"jet_ptr": table.jet_ptr, **table.constituents, **table.jet}
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


def read_chunk(path: Path) -> JetTable:
    """Return a stored chunk.

    Raises
    ------
    OSError, ValueError, KeyError, zipfile.BadZipFile
        If the file is missing or damaged (every array carries a checksum).
    """
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:  # np.load keeps a damaged file open
        return JetTable(
            {name: arrays[name] for name in CONSTITUENT_TYPES},
            {name: arrays[name] for name in JET_TYPES},
            arrays["jet_ptr"],
        )


def is_whole(path: Path, num_jets: int) -> bool:
    """Return whether a chunk of that many jets is stored there undamaged."""
    try:
        ptr: IntArray = read_chunk(path).jet_ptr
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False
    return len(ptr) == num_jets + 1
