"""Share packed jets out to threads, in blocks of about equal work."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from jetlego.conventions import IntArray
from jetlego.errors import ConfigError

BLOCKS_PER_THREAD = 16
LEAST_WORK = 200_000
"""Below this sum of n (n + 16) one thread is done before a second has started."""


def num_threads(threads: int | None) -> int:
    """Return the number of threads to use: as asked, else NUMBA_NUM_THREADS, else the cores of this process."""
    if threads is None:
        limit = os.environ.get("NUMBA_NUM_THREADS", "")
        return int(limit) if limit.isdigit() and int(limit) else len(os.sched_getaffinity(0))
    if threads < 1:
        raise ConfigError("BAD-VALUE", f"threads is {threads}", "it must be at least 1")
    return threads


def over_blocks(work: Callable[[int, int], None], jet_ptr: IntArray, threads: int | None, *, step: int = 1) -> None:
    """Call ``work(first, last)`` for blocks of jets that together cover all; ``work`` releases the GIL.

    Blocks start at multiples of ``step``. Each jet is written by exactly one call, so the result does not depend on
    the number of threads.
    """
    count = np.diff(jet_ptr).astype(np.float64)
    cost = np.cumsum(count * (count + 16))
    workers = num_threads(threads)
    if not len(count):
        return
    if workers == 1 or cost[-1] < LEAST_WORK:
        work(0, len(count))
        return
    goals = np.linspace(0, cost[-1], workers * BLOCKS_PER_THREAD + 1)[1:-1]
    inner = np.searchsorted(cost, goals) // step * step
    edges = np.unique(np.concatenate([[0], inner, [len(count)]]))
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, a, b) for a, b in itertools.pairwise(edges.tolist())]:
            done.result()
