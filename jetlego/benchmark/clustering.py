"""Clustering with full history: our kernel beside what users have today, on the same jets in one run.

Today a history is read by walking FastJet's Python objects. Native FastJet, which keeps its history to itself, is
timed too where a compiled program that does so is given.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.threads import num_threads
from jetlego.data.jets import Jets
from jetlego.errors import EnvironmentFault

ALGORITHMS = ("kt", "cambridge_aachen", "anti_kt")
MOST_WALKED = 300
"""Jets that FastJet's Python objects are walked for; it takes about a millisecond each."""

WALKING = "walking FastJet's Python objects"
_NATIVE_LINE = re.compile(r"fastjet (\w+) (\w+): (\d+) jets/s")


def measure(jets: Jets, *, native: Path | str | None = None, repeats: int = 5) -> list[dict[str, Any]]:
    """Return rows ``{name, rate, unit, reference, ratio}`` in jets per second.

    Parameters
    ----------
    jets
        Jets to cluster.
    native
        A program that takes a file (int64 B, int64 jet_ptr[B + 1], float64 p4[P][4]) and prints lines
        ``fastjet ALGORITHM STRATEGY: RATE jets/s`` of wall time.
    repeats
        Each figure is the best of that many runs.

    Notes
    -----
    One thread against one thread in CPU time; native FastJet and several threads in wall time.
    """
    few = jets.select(np.arange(min(jets.num_jets, MOST_WALKED)))
    rates = {} if native is None else _native_rates(Path(native), jets)
    rows = []
    for algorithm in ALGORITHMS:
        rows += _rows(algorithm, jets, few, repeats)
        rows += _rows_against_native(algorithm, jets, rates, repeats)
    return rows


def _rows(algorithm: str, jets: Jets, few: Jets, repeats: int) -> list[dict[str, Any]]:
    def ours(some: Jets, threads: int) -> Callable[[], object]:
        return lambda: cluster(some.p4, some.jet_ptr, algorithm=algorithm, threads=threads)

    def walked() -> object:
        return cluster(few.p4, few.jet_ptr, algorithm=algorithm, engine="fastjet")

    slow = few.num_jets / _seconds(walked, time.process_time, min(repeats, 3))
    fast = few.num_jets / _seconds(ours(few, 1), time.process_time, repeats)
    rows = [_row(f"{algorithm}, {WALKING}", slow), _row(f"{algorithm}, cluster, 1 thread", fast, WALKING, slow)]
    threads = num_threads(None)
    if threads > 1:
        one, all_threads = (
            jets.num_jets / _seconds(ours(jets, count), time.perf_counter, repeats) for count in (1, threads)
        )
        rows.append(_row(f"{algorithm}, cluster, {threads} threads", all_threads, "cluster, 1 thread", one))
    return rows


def _rows_against_native(
    algorithm: str, jets: Jets, rates: dict[tuple[str, str], float], repeats: int
) -> list[dict[str, Any]]:
    strategies = {strategy: rate for (name, strategy), rate in rates.items() if name == algorithm}
    if not strategies:
        return []
    seconds = _seconds(
        lambda: cluster(jets.p4, jets.jet_ptr, algorithm=algorithm, threads=1), time.perf_counter, repeats
    )
    rows = [_row(f"{algorithm}, native FastJet, {strategy}", rate) for strategy, rate in strategies.items()]
    for strategy, rate in strategies.items():
        reference = f"native FastJet, {strategy}"
        rows.append(_row(f"{algorithm}, cluster, 1 thread", jets.num_jets / seconds, reference, rate))
    return rows


def _row(name: str, rate: float, reference: str | None = None, of: float | None = None) -> dict[str, Any]:
    ratio = None if of is None else rate / of
    return {"name": name, "rate": rate, "unit": "jets/s", "reference": reference, "ratio": ratio}


def _seconds(work: Callable[[], object], clock: Callable[[], float], repeats: int) -> float:
    """Return the best time of ``repeats`` runs after one that compiles."""
    work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def _native_rates(program: Path, jets: Jets) -> dict[tuple[str, str], float]:
    """Return {(algorithm, strategy): jets per second} as the native program prints them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jets.bin"
        arrays = np.array([jets.num_jets], np.int64), np.asarray(jets.jet_ptr, np.int64), np.asarray(jets.p4, "<f8")
        path.write_bytes(b"".join(array.tobytes() for array in arrays))
        try:
            done = subprocess.run([program, path], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as fault:
            raise EnvironmentFault("NO-NATIVE", f"{program} does not run: {fault}") from fault
    return {(name, strategy): float(rate) for name, strategy, rate in _NATIVE_LINE.findall(done.stdout)}
