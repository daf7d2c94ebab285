"""Run acceptance tasks one after the other and keep their results as JSON lines, so that a run can go on later."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from jetlego.benchmark.accept.registry import Task, find_task, tasks
from jetlego.errors import ConfigError


@dataclass(frozen=True)
class AcceptResult:
    """One figure of one task and seed, beside what is known and what was asked.

    ``seconds`` is the time of the whole task, the same for all its figures. ``value`` is NaN if the task diverged.
    """

    task: str
    figure: str
    value: float
    reference: float | None
    gate: str
    seconds: float
    seed: int
    passed: bool


def run(
    names: Sequence[str] = (),
    *,
    seeds: Iterable[int] = (1,),
    out: Path | str | None = None,
    resume: bool = False,
) -> Iterator[AcceptResult]:
    """Return an iterator that runs the tasks as it is advanced and yields their results; prints nothing.

    Parameters
    ----------
    names
        Tasks by name; none means all of them.
    seeds
        Each task runs once a seed. The global random state is put back after each.
    out
        JSON lines file, one result a line, written when a task is done.
    resume
        Keep what ``out`` holds: finished pairs of task and seed are read back, not run; their figures are judged by
        today's gates. A half-written last line is dropped.

    Raises
    ------
    ConfigError
        For an unknown task, or if ``out`` exists and ``resume`` is off. Both before any task starts.
    """
    chosen = [find_task(n) for n in names] if names else list(tasks().values())
    path = None if out is None else Path(out)
    if path is not None and path.exists() and not resume:
        raise ConfigError("OUT-EXISTS", f"{path} exists already", "resume it, or name another file")
    known = _read(path) if path is not None and resume else {}
    for item in chosen:  # a task whose figures are not all there is run again
        known = {k: r for k, r in known.items() if k[0] != item.name or {x["figure"] for x in r} == item.gates.keys()}
    return _run(chosen, list(seeds), path, known)


def _run(
    chosen: list[Task], seeds: list[int], path: Path | None, known: dict[tuple[str, int], list[dict]]
) -> Iterator[AcceptResult]:
    if path is not None:
        _rewrite(path, [row for rows in known.values() for row in rows])
    for seed in seeds:
        for item in chosen:
            if rows := known.get((item.name, seed)):
                values = {row["figure"]: math.nan if row["value"] is None else row["value"] for row in rows}
                yield from _judge(item, values, seed, rows[0]["seconds"])
                continue
            results = run_task(item, seed)
            if path is not None:
                _append(path, results)
            yield from results


def run_task(item: Task, seed: int) -> list[AcceptResult]:
    """Run one task with one seed and judge its figures."""
    start = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        values = item.figures(seed)
    return _judge(item, values, seed, round(time.perf_counter() - start, 2))


def _judge(item: Task, values: dict[str, float], seed: int, seconds: float) -> list[AcceptResult]:
    return [
        AcceptResult(item.name, k, values[k], item.published[k], str(gate), seconds, seed, gate.passed(values[k]))
        for k, gate in item.gates.items()
    ]


def _read(path: Path) -> dict[tuple[str, int], list[dict]]:
    """Return the rows of a results file by task and seed; only a torn *last* line is forgiven."""
    rows: dict[tuple[str, int], list[dict]] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            rows.setdefault((row["task"], row["seed"]), []).append({k: row[k] for k in _COLUMNS})
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            if number < len(lines):
                raise ConfigError("BAD-VALUE", f"{path}:{number}: not a line of acceptance results") from error
    return rows


_COLUMNS = tuple(AcceptResult.__dataclass_fields__)


def _line(row: dict) -> str:
    value = row["value"]
    finite = value is not None and math.isfinite(value)
    return json.dumps({**row, "value": value if finite else None}, allow_nan=False) + "\n"


def _rewrite(path: Path, rows: list[dict]) -> None:
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    temporary.write_text("".join(map(_line, rows)), encoding="utf-8")
    temporary.replace(path)


def _append(path: Path, results: list[AcceptResult]) -> None:
    """Write the figures of one task in one go and make them durable."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write("".join(_line(asdict(r)) for r in results))
        stream.flush()
        os.fsync(stream.fileno())
