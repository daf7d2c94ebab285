"""Generate many jets: chunks in parallel, stored one by one, merged into one file at the end."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from jetlego.atomic import remove_leftovers, require_writable, write_atomic
from jetlego.data.generate.chunk import ChunkTask, is_whole, read_chunk, run_task
from jetlego.data.generate.layout import JetTable
from jetlego.data.generate.processes import Process, resolve_process
from jetlego.data.generate.pythia import load_pythia
from jetlego.data.generate.selection import Selection
from jetlego.data.generate.writer import read_note, write_jets
from jetlego.errors import ConfigError, EnvironmentFault

Progress = Callable[[int], None]
LEVEL = 9
"""Of ZSTD. Momenta of full precision hardly pack: 19 takes seven times as long for 1 % less."""

FORMAT = 1
"""Goes up when the same settings give other jets, so that old chunks are not mixed with new ones."""


def generate(
    process: str,
    *,
    num_jets: int,
    out: str | Path,
    workers: int | None = None,
    seed: int = 1,
    pt_min: float = 500.0,
    pt_max: float = 1000.0,
    eta_max: float = 2.0,
    radius: float = 0.8,
    resume: bool = True,
    chunk_size: int = 500,
    progress: Progress | None = None,
) -> Path:
    """Simulate jets of one class with Pythia 8 and a light detector, and write them in the layout of JetClass.

    Proton-proton collisions at 13 TeV with underlying event; anti-kT jets; signal jets contain their resonance and
    all its visible decay products. The pT spectrum is nearly flat in the window; ``aux_weight`` gives the physical
    one. Energies are in GeV, angles in radian, impact parameters in mm.

    Parameters
    ----------
    process
        A JetClass label (``QCD``, ``Hbb``, ``Hcc``, ``Hgg``, ``H4q``, ``Hqql``, ``Zqq``, ``Wqq``, ``Tbqq``, ``Tbl``)
        or a short name such as ``top``, ``w``, ``z``, ``higgs``, in any case.
    num_jets
        How many jets to write.
    out
        ROOT file to write; without the ending ``.root`` a folder, which gets ``<label>.root``. Chunks are kept beside
        the file in ``<file>.parts`` until it is complete.
    workers
        Number of processes; by default as many as there are cores. The jets do not depend on it. A script that uses
        more than one must guard the call by ``if __name__ == "__main__":``, since workers import it anew.
    seed
        Any whole number from 0 on; the same seed gives the same jets, and more jets begin with the same ones.
    pt_min, pt_max, eta_max
        Window of the jets: GeV, and absolute pseudorapidity.
    radius
        R of anti-kT.
    resume
        Go on with chunks that an earlier, interrupted call left; and do nothing if ``out`` is already what is asked
        for. False starts afresh and replaces ``out``.
    chunk_size
        Jets a chunk, the unit of work and of resuming. Another size gives other jets.
    progress
        Called after each chunk with the number of jets that it adds; once at first for chunks that were there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` for a name or number out of range; ``RESUME-MISMATCH`` if ``out`` or its chunks were made with
        other settings.
    EnvironmentFault
        ``DEPENDENCY`` without pythia8mc, ``NOT-WRITABLE``, ``WORKER-LOST``.
    """
    chosen = resolve_process(process)
    out = Path(out) if Path(out).suffix == ".root" else Path(out) / f"{chosen.label}.root"
    selection = Selection(pt_min, pt_max, eta_max, radius)
    _check_counts(num_jets=(num_jets, 1), seed=(seed, 0), chunk_size=(chunk_size, 1))
    _check_counts(workers=(1 if workers is None else workers, 1))
    load_pythia()
    settings = _settings(chosen, selection, seed, chunk_size)
    if resume and _is_complete(out, settings, num_jets):
        return out
    parts = out.with_name(out.name + ".parts")
    _prepare(parts, settings, resume)
    tasks = _tasks(chosen, selection, seed, num_jets, chunk_size, parts)
    _make(tasks, workers, progress)
    note = json.dumps({**settings, "num_jets": num_jets}, sort_keys=True)
    write_jets(out, _stored(tasks), note=note, level=LEVEL)
    shutil.rmtree(parts)
    return out


def _check_counts(**values: tuple[int, int]) -> None:
    for name, (value, least) in values.items():
        if not isinstance(value, int) or value < least:
            raise ConfigError("BAD-VALUE", f"{name} is {value!r}", f"it must be a whole number of at least {least}")


def _settings(process: Process, selection: Selection, seed: int, chunk_size: int) -> dict[str, object]:
    words = {"process": process.label, **asdict(selection), "seed": seed, "chunk_size": chunk_size}
    return {**words, "pythia8mc": version("pythia8mc"), "format": FORMAT}


def _is_complete(out: Path, settings: dict[str, object], num_jets: int) -> bool:
    """Return whether ``out`` holds what is asked for; raise if it holds something else."""
    if not out.exists():
        return False
    note = read_note(out)
    wanted = {**settings, "num_jets": num_jets}
    found = json.loads(note) if note.startswith("{") else {}
    if {**found, "num_jets": num_jets} != wanted:
        raise _mismatch(out, found, wanted)
    return found["num_jets"] == num_jets


def _prepare(parts: Path, settings: dict[str, object], resume: bool) -> None:
    record = parts / "settings.json"
    if not resume and parts.exists():
        shutil.rmtree(parts)
    require_writable(parts)
    remove_leftovers(parts)
    if record.exists():
        found = json.loads(record.read_text())
        if found != settings:
            raise _mismatch(parts, found, settings)
    else:
        write_atomic(record, json.dumps(settings, sort_keys=True))


def _mismatch(place: Path, found: dict[str, object], wanted: dict[str, object]) -> ConfigError:
    differ = [f"{key} {found.get(key)!r} -> {wanted.get(key)!r}" for key in wanted if found.get(key) != wanted[key]]
    what = f"{place} was made with other settings: {', '.join(differ)}"
    return ConfigError("RESUME-MISMATCH", what, "choose another file, or resume=False to replace it")


def _tasks(
    process: Process, selection: Selection, seed: int, num_jets: int, chunk_size: int, parts: Path
) -> list[ChunkTask]:
    starts = range(0, num_jets, chunk_size)
    return [
        ChunkTask(
            process.label, selection, seed, number, chunk_size, min(chunk_size, num_jets - start),
            parts / f"chunk-{number:06d}.npz",
        )
        for number, start in enumerate(starts)
    ]  # fmt: skip


def _make(tasks: list[ChunkTask], workers: int | None, progress: Progress | None) -> None:
    """Make the chunks that are not stored yet."""
    missing = [task for task in tasks if not is_whole(task.path, task.num_jets)]
    if progress is not None and len(missing) < len(tasks):
        progress(sum(task.used for task in tasks if task not in missing))
    for task in _run(missing, min(workers or _cores(), len(missing))):
        if progress is not None:
            progress(task.used)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(tasks: list[ChunkTask], workers: int) -> Iterator[ChunkTask]:
    """Yield each task when it is done."""
    if workers <= 1:
        for task in tasks:
            run_task(task)
            yield task
        return
    context = multiprocessing.get_context("spawn")  # forking after threads exist may hang
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = {pool.submit(run_task, task): task for task in tasks}
        try:
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    future.result()
                    yield waiting.pop(future)
        except BrokenProcessPool as error:
            hint = "finished chunks are kept: the same call goes on from there (workers=1 if it happens at once)"
            raise EnvironmentFault("WORKER-LOST", "a worker process died while generating jets", hint) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _stored(tasks: list[ChunkTask]) -> Iterator[JetTable]:
    """Yield the chunks in order, each with as many jets as are asked for."""
    for task in tasks:
        yield read_chunk(task.path).select(np.arange(task.used))
