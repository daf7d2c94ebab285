"""Row-major matrix products for compiled loops, on rows of packed arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from jetlego.bricks.recursive.blas import fortran_gemm
from jetlego.clustering.jit import compiler

Array = npt.NDArray[Any]

_N, _T = ord("N"), ord("T")

_HERE = Path(__file__).parent

compiled = compiler(_HERE)
"""How a walk of this folder is compiled (jit): once, into a cache beside the source, free of the GIL."""

lean = compiler(_HERE, _nrt=False)
"""How a loop that allocates nothing is compiled: without counting references to its arguments."""


@lean
def at(array: Array, row: int) -> int:
    """Return where a row of a C-contiguous array starts in memory."""
    return array.ctypes.data + row * array.strides[0]


@lean
def times(blas: int, rows: int, inner: int, columns: int, a: int, lda: int, b: int, ldb: int, c: int, ldc: int,
          keep: Any) -> None:  # fmt: skip
    """``c = a b + keep c``; a is (rows, inner), b (inner, columns), all by address, with the lengths of their rows."""
    one = type(keep)(1.0)
    fortran_gemm(blas, _N, _N, columns, rows, inner, one, b, ldb, a, lda, keep, c, ldc)


@lean
def transposed_times(blas: int, rows: int, inner: int, columns: int, a: int, lda: int, b: int, ldb: int, c: int,
                     ldc: int, keep: Any) -> None:  # fmt: skip
    """``c = a^T b + keep c``; a is (inner, rows), b (inner, columns)."""
    one = type(keep)(1.0)
    fortran_gemm(blas, _N, _T, columns, rows, inner, one, b, ldb, a, lda, keep, c, ldc)


@lean
def widest(bounds: Array, chunk: int) -> int:
    """Return the largest number of rows that a chunk has in one level."""
    most = 0
    for level in range(bounds.shape[0]):
        most = max(most, bounds[level, chunk + 1] - bounds[level, chunk])
    return most
