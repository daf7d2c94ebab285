"""Being asked to stop: the signal handler only sets a flag, which the loop reads at each step border."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

import torch
from lightning_fabric import Fabric


class StopRequest:
    """Catch SIGTERM, SIGINT and SIGUSR1 inside a ``with`` block; the second one stops at once.

    SIGUSR1 is what SLURM sends ahead of the end with ``--signal=USR1@120``.
    """

    _SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

    def __init__(self) -> None:
        self._caught = 0
        self._previous: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._catch) for number in self._SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self._caught:
            os._exit(128 + number)
        self._caught = number

    def requested(self, fabric: Fabric) -> bool:
        """Return whether any rank was asked to stop; all ranks get the same answer."""
        if fabric.world_size == 1:
            return bool(self._caught)
        flag = torch.tensor(float(self._caught > 0), device=fabric.device)
        return bool(fabric.all_reduce(flag, reduce_op="max"))
