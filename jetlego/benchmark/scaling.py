"""How far the machine itself scales: the same clustering in processes that share nothing but its cores."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

from jetlego.clustering.cluster import cluster
from jetlego.data.jets import Jets
from jetlego.errors import EnvironmentFault

PATIENCE = 300.0
"""Seconds that one process waits for the others before it gives up."""


def rate_of_processes(jets: Jets, algorithm: str, *, processes: int, repeats: int = 5) -> float:
    """Return the jets/s (wall time) of some processes that each cluster all jets with one thread at the same time.

    Threads cannot be asked for more than this: where cores share their arithmetic units or their clock, it is less
    than ``processes`` times the rate of one. Each round starts together and ends with the slowest; the best counts.
    """
    spawn = multiprocessing.get_context("spawn")
    barrier, times = spawn.Barrier(processes), spawn.SimpleQueue()
    work = (jets.p4, jets.jet_ptr, algorithm, repeats, barrier, times)
    workers = [spawn.Process(target=_cluster_in_step, args=work, daemon=True) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise EnvironmentFault("WORKER-LOST", f"one of {processes} processes that cluster side by side ended early")
    return processes * jets.num_jets / min(times.get() for _ in workers)


def _cluster_in_step(p4: Any, jet_ptr: Any, algorithm: str, repeats: int, barrier: Any, times: Any) -> None:
    """Cluster again and again, each time when all others are ready; put the best time of a round."""
    cluster(p4, jet_ptr, algorithm=algorithm, threads=1)  # compiles
    rounds = []
    for _ in range(repeats):
        barrier.wait(PATIENCE)
        start = time.perf_counter()
        cluster(p4, jet_ptr, algorithm=algorithm, threads=1)
        barrier.wait(PATIENCE)
        rounds.append(time.perf_counter() - start)
    times.put(min(rounds))
