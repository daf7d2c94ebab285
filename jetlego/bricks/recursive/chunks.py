"""Compiled walks on processor cores: which tensors they can take, and how chunks of jets are shared out to threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor, nn

from jetlego.bricks.recursive.blas import gemm_address, limit_blas_threads

_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}

_NUMPY = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}


def can_compile(x: Tensor, *weights: Tensor) -> bool:
    """Return whether plain CPU tensors of one precision came in, and there is a BLAS to call."""
    if torch.compiler.is_compiling():
        return False
    for tensor in (x, *weights):
        if type(tensor) not in (Tensor, nn.Parameter) or tensor.device.type != "cpu" or tensor.dtype != x.dtype:
            return False
    return x.dtype in _NUMPY and blas_for(x) != 0


def blas_for(x: Tensor) -> int:
    """Return the address of the matrix product for the tensor's precision."""
    return gemm_address(_NUMPY[x.dtype])


def view(tensor: Tensor) -> np.ndarray:
    """Return the tensor's memory, made contiguous, as an array (``Tensor.numpy`` says no to gradients)."""
    return np.from_dlpack(tensor.detach().contiguous())


def over_chunks(work: Callable[[int], None], count: int) -> None:
    """Call ``work(chunk)`` for every chunk, on as many threads as torch uses.

    ``work`` releases the GIL and writes to places of its own, so the result does not depend on the threads.
    """
    if not count:
        return
    threads = min(torch.get_num_threads(), count)
    chunks = iter(range(count))  # shared: whoever is free takes the next

    def take() -> None:
        for chunk in chunks:
            work(chunk)

    for done in [_pool(threads).submit(take) for _ in range(threads)]:
        done.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    """Return a pool of this process; a forked child makes its own."""
    key = os.getpid(), threads
    if key not in _POOLS:
        _POOLS[key] = ThreadPoolExecutor(threads, "jetlego-trees", initializer=_start_thread)
    return _POOLS[key]


def _start_thread() -> None:
    """Keep BLAS to this thread; take denormal numbers for 0: gradients that fade along deep trees cost tenfold else."""
    limit_blas_threads(1)
    torch.set_flush_denormal(True)
