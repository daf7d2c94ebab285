"""Where tasks run: here, in processes of this machine, or on a Dask cluster that shares the file system."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import Any

from jetlego.data.extras import optional
from jetlego.data.shards.task import Done, Task, run_task
from jetlego.errors import ConfigError, DataError, EnvironmentFault, quoted

Result = tuple[Task, list[Done]]

_DASK = "dask://"
_CONNECT = 10.0
"""Seconds within which a scheduler must answer."""
_HINT = "finished shards are kept: the same command goes on from there"


def check_executor(executor: str | None) -> None:
    """Refuse an executor that does not exist, or whose package is not installed, before any work is done.

    Raises
    ------
    ConfigError
        ``BAD-VALUE``.
    EnvironmentFault
        ``DEPENDENCY`` naming the extra.
    """
    if executor is None:
        return
    if not executor.startswith(_DASK) or not executor.removeprefix(_DASK):
        raise ConfigError("BAD-VALUE", f"there is no executor '{quoted(executor)}'", "dask://HOST:PORT, or --workers")
    optional("distributed", extra="cluster", task=f"--executor {executor}")


def run_tasks(tasks: Sequence[Task], *, workers: int, executor: str | None) -> Iterator[Result]:
    """Yield each task and its shards when it is done, in any order.

    Raises
    ------
    DataError
        ``WORKER-LOST`` if a worker dies, naming what it was at; whatever a task raises.
    EnvironmentFault
        ``NO-CLUSTER`` if the scheduler does not answer.
    """
    if executor is not None:
        return _on_dask(tasks, executor.removeprefix(_DASK))
    if min(workers, len(tasks)) <= 1:
        return ((task, run_task(task)) for task in tasks)
    return _in_processes(tasks, min(workers, len(tasks)))


def _in_processes(tasks: Sequence[Task], workers: int) -> Iterator[Result]:
    context = multiprocessing.get_context("spawn")  # forking after threads exist may hang
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker) as pool:
        waiting = {pool.submit(run_task, task): task for task in tasks}
        try:
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    done = future.result()
                    yield waiting.pop(future), done
        except BrokenProcessPool as error:
            raise _lost(_under_way(waiting, workers)) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)  # no result could be handed over any more; a shard that is being written is a temporary file


def _under_way(waiting: dict[Future[list[Done]], Task], workers: int) -> list[Task]:
    return list(waiting.values())[:workers]


def _lost(tasks: Sequence[Task]) -> DataError:
    pieces = [piece for task in tasks for piece in task.pieces][:4]
    places = ", ".join(f"{quoted(p.path)} entries {p.start} to {p.stop or 'the end'}" for p in pieces)
    return DataError("WORKER-LOST", f"a worker died, most likely at {places}", _HINT)


def _on_dask(tasks: Sequence[Task], address: str) -> Iterator[Result]:
    distributed = optional("distributed", extra="cluster", task=f"--executor {_DASK}{address}")
    client, futures = _client(distributed, address), {}
    try:
        futures = {client.submit(run_task, task, pure=False): task for task in tasks}
        for future in distributed.as_completed(futures, loop=client.loop):
            try:
                yield futures[future], future.result()
            except distributed.KilledWorker as error:
                raise _lost([futures[future]]) from error
    finally:
        client.cancel(list(futures))
        client.close()


def _client(distributed: Any, address: str) -> Any:
    try:
        return distributed.Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:  # a time-out is an OSError; a port that is no number, a ValueError
        hint = "start one with: dask scheduler, and dask worker HOST:PORT on each node"
        raise EnvironmentFault("NO-CLUSTER", f"no Dask scheduler answers at {quoted(address)}", hint) from error
