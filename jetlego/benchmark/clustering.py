"""Clustering with full history: our kernel beside what users have today, on the same jets in one run.

Today a history is read by walking FastJet's Python objects. Native FastJet, which keeps its history to itself, is
timed too where it is installed (``fastjet_native``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.benchmark.fastjet_native import native_rates
from jetlego.benchmark.scaling import rate_of_processes
from jetlego.clustering.cluster import cluster
from jetlego.clustering.threads import num_threads
from jetlego.data.jets import Jets

ALGORITHMS = ("kt", "cambridge_aachen", "anti_kt")
MOST_WALKED = 300
"""Jets that FastJet's Python objects are walked for; it takes about a millisecond each."""

WALKING = "walking FastJet's Python objects"


def measure(
    jets: Jets, *, native: Path | str | None = None, repeats: int = 5, side_by_side: bool = True
) -> list[dict[str, Any]]:
    """Return rows ``{name, rate, unit, reference, ratio}`` in jets per second.

    Parameters
    ----------
    jets
        Jets to cluster.
    native
        A program that times native FastJet; by default as :func:`~jetlego.benchmark.fastjet_native.native_rates`.
    repeats
        Each figure is the best of that many runs.
    side_by_side
        Also measure as many processes as there are threads: what the machine can give at all.

    Notes
    -----
    One thread against one thread in processor time, several threads or processes in wall time.
    """
    few = jets.select(np.unique(np.linspace(0, jets.num_jets - 1, min(jets.num_jets, MOST_WALKED)).astype(np.int64)))
    rates = native_rates(jets, program=native)
    rows = []
    for algorithm in ALGORITHMS:
        rows += _rows(algorithm, jets, few, repeats, side_by_side)
        rows += _rows_against_native(algorithm, jets, rates, repeats)
    return rows


def _rows(algorithm: str, jets: Jets, few: Jets, repeats: int, side_by_side: bool) -> list[dict[str, Any]]:
    def ours(some: Jets, threads: int) -> Callable[[], object]:
        return lambda: cluster(some.p4, some.jet_ptr, algorithm=algorithm, threads=threads)

    def walked() -> object:
        return cluster(few.p4, few.jet_ptr, algorithm=algorithm, engine="fastjet")

    slow, fast = (few.num_jets / seconds for seconds in _taking_turns(walked, ours(few, 1), min(repeats, 3)))
    rows = [_row(f"{algorithm}, {WALKING}", slow), _row(f"{algorithm}, cluster, 1 thread", fast, WALKING, slow)]
    threads = num_threads(None)
    if threads > 1:
        rounds = [
            [_seconds(ours(jets, count), time.perf_counter, 2) for count in (1, threads)] for _ in range(repeats)
        ]
        one, together = (jets.num_jets / min(times) for times in zip(*rounds, strict=True))
        rows.append(_row(f"{algorithm}, cluster, {threads} threads", together, "cluster, 1 thread", one))
        if side_by_side:
            apart = rate_of_processes(jets, algorithm, processes=threads, repeats=repeats)
            rows.append(_row(f"{algorithm}, cluster, {threads} threads", together, f"{threads} processes", apart))
    return rows


def _rows_against_native(
    algorithm: str, jets: Jets, rates: dict[tuple[str, str], float], repeats: int
) -> list[dict[str, Any]]:
    strategies = {strategy: rate for (name, strategy), rate in rates.items() if name == algorithm}
    if not strategies:
        return []
    seconds = _seconds(
        lambda: cluster(jets.p4, jets.jet_ptr, algorithm=algorithm, threads=1), time.process_time, repeats
    )
    rows = [_row(f"{algorithm}, native FastJet, {strategy}", rate) for strategy, rate in strategies.items()]
    for strategy, rate in strategies.items():
        reference = f"native FastJet, {strategy}"
        rows.append(_row(f"{algorithm}, cluster, 1 thread", jets.num_jets / seconds, reference, rate))
    return rows


def _row(name: str, rate: float, reference: str | None = None, of: float | None = None) -> dict[str, Any]:
    ratio = None if of is None else rate / of
    return {"name": name, "rate": rate, "unit": "jets/s", "reference": reference, "ratio": ratio}


def _taking_turns(slow: Callable[[], object], fast: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the best processor time of each; a fast one, which noise hits harder, has ten goes a round."""
    times = [(_seconds(slow, time.process_time, 1), _seconds(fast, time.process_time, 10)) for _ in range(rounds)]
    return min(a for a, _ in times), min(b for _, b in times)


def _seconds(work: Callable[[], object], clock: Callable[[], float], repeats: int) -> float:
    """Return the best time of ``repeats`` runs after one to warm up, which compiles."""
    work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)
