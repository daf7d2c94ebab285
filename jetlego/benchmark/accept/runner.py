"""Run acceptance tasks one after the other, keep their results, and go on where a run was stopped."""

from __future__ import annotations

import math
import subprocess
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

import jetlego
from jetlego.benchmark.accept.registry import Task, find_tasks, tasks
from jetlego.benchmark.accept.results import AcceptResult, Key, Row, keep, read_rows, value_of, write_rows
from jetlego.benchmark.accept.watch import named
from jetlego.errors import ConfigError, JetlegoError, JetlegoWarning


def run(
    names: Sequence[str] = (),
    *,
    seeds: Iterable[int] = (1,),
    out: Path | str | None = None,
    resume: bool = False,
    again: bool = False,
) -> Iterator[AcceptResult]:
    """Return an iterator that runs the tasks as it is advanced and yields their results; prints nothing.

    Parameters
    ----------
    names
        Tasks by name, or bricks and losses, which stand for the tasks that prove them; none means all tasks.
    seeds
        Each task runs once a seed. The global random state is put back after each.
    out
        JSON lines file, one result a line, written when a task is done.
    resume
        Keep what ``out`` holds: finished pairs of task and seed are read back, not run; their figures are judged by
        today's gates. A half-written last line is dropped.
    again
        With ``resume``: run the named tasks even so; their new rows take the place of the old.

    Raises
    ------
    ConfigError
        For an unknown task, or if ``out`` exists and ``resume`` is off. Both before any task starts.
    """
    chosen = {item.name: item for name in names for item in find_tasks(name)} if names else _quickest_first()
    path = None if out is None else Path(out)
    if path is not None and path.exists() and not resume:
        raise ConfigError("OUT-EXISTS", f"{path} exists already", "resume it, or name another file")
    known = read_rows(path) if path is not None and resume else {}
    if path is not None:
        known = {key: rows for key, rows in known.items() if _is_whole(rows, tasks().get(key[0]))}
        write_rows(path, known)
    return _run(list(chosen.values()), list(seeds), path, {} if again else known)


def _quickest_first() -> dict[str, Task]:
    """Return all tasks, so that a table grows as fast as it can."""
    return dict(sorted(tasks().items(), key=lambda named: named[1].minutes))


def _is_whole(rows: Sequence[Row], item: Task | None) -> bool:
    """Return whether all figures of a task are there; a task that is gone has none."""
    return item is not None and {row["figure"] for row in rows} == item.gates.keys()


def _run(
    chosen: list[Task], seeds: list[int], path: Path | None, known: dict[Key, list[Row]]
) -> Iterator[AcceptResult]:
    for seed in seeds:
        for item in chosen:
            rows = known.get((item.name, seed))
            results = read_back(item, rows) if rows else run_task(item, seed)
            if path is not None and not rows:
                keep(path, results)
            yield from results


def run_task(item: Task, seed: int) -> list[AcceptResult]:
    """Run one task with one seed and judge its figures; a fault of data or surroundings is a warning and no figure."""
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.random.fork_rng(devices=[]), named(item.name):
        torch.manual_seed(seed)
        try:
            values = item.figures(seed)
        except JetlegoError as error:
            if error.id == "BAD-TASK":
                raise
            warnings.warn(JetlegoWarning("ACCEPT", f"task '{item.name}' could not run: {error}"), stacklevel=2)
            values = dict.fromkeys(item.gates, math.nan)
    wall, cpu, commit = time.perf_counter() - wall, time.process_time() - cpu, code_commit()
    return [
        AcceptResult(item.name, figure, values[figure], item.published[figure], str(gate), round(wall, 2),
                     round(cpu, 2), seed, commit, gate.passed(values[figure]))
        for figure, gate in item.gates.items()
    ]  # fmt: skip


def read_back(item: Task, rows: Sequence[Row]) -> list[AcceptResult]:
    """Return kept rows of a task as results, judged by its gates and set beside its published figures of today."""
    by_figure = {row["figure"]: row for row in rows}
    results = []
    for figure, gate in item.gates.items():
        row, value = by_figure[figure], value_of(by_figure[figure])
        now = {"value": value, "reference": item.published[figure], "gate": str(gate), "passed": gate.passed(value)}
        results.append(AcceptResult(**{**row, **now}))
    return results


def code_commit() -> str:
    """Return the short commit of the package's code, with a plus sign if the code differs from it."""
    package = Path(jetlego.__file__).parent
    git = ["git", "-C", str(package)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=8", "HEAD"], capture_output=True, check=True, text=True)
        changed = subprocess.run([*git, "status", "--porcelain", "."], capture_output=True, check=True, text=True)
    except (OSError, subprocess.SubprocessError):
        return f"v{jetlego.__version__}"
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")
