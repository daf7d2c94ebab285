"""``np.hypot`` of float32 columns several times faster, with the same bits, where a machine's numpy allows it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np

from jetlego.conventions import BoolArray, FloatArray


def hypot(x: Any, y: Any) -> Any:
    """Return ``np.hypot(x, y)``, bit for bit; two float32 columns of the same length take a vectorized kernel."""
    if not (_is_plain(x) and _is_plain(y) and len(x) == len(y) and _agrees()):
        return np.hypot(x, y)
    out = np.empty_like(x)
    _hypot(out, x, y)
    return out


def _is_plain(x: Any) -> BoolArray | bool:
    return isinstance(x, np.ndarray) and x.dtype == np.float32 and x.ndim == 1 and x.flags.c_contiguous


@numba.njit("void(f4[::1], f4[::1], f4[::1])", cache=True, nogil=True)
def _hypot(out: FloatArray, x: FloatArray, y: FloatArray) -> None:
    """Write the root of the sum of squares in double precision, where squares of float32 are exact, as glibc does."""
    for at in range(len(out)):
        a, b = np.float64(x[at]), np.float64(y[at])
        root = np.float32(np.sqrt(a * a + b * b))
        out[at] = np.float32(np.inf) if abs(a) == np.inf or abs(b) == np.inf else root


@cache
def _agrees() -> bool:
    """Return whether the C library behind numpy computes it in the same way, tried on numbers of all sizes."""
    rng = np.random.default_rng(0)
    odd = np.array([0, -0.0, np.inf, -np.inf, np.nan, 3e38, 1e-45, 1e-38, 1], np.float32)
    x = np.concatenate([rng.integers(0, 2**32, 8192, np.uint32).view(np.float32), np.repeat(odd, len(odd))])
    y = np.concatenate([x[:4096] * np.float32(0.7), rng.permutation(x[4096:8192]), np.tile(odd, len(odd))])
    out = np.empty_like(x)
    _hypot(out, x, y)
    with np.errstate(all="ignore"):
        expected = np.hypot(x, y)
    missing = np.isnan(expected)
    return bool((np.isnan(out) == missing).all() and (out[~missing] == expected[~missing]).all())
