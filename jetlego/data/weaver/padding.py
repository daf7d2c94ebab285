"""From flat columns to padded tensors: one pass for shift, scale, clip and NaN, one for cutting and filling rows.

All arithmetic is float32, as in weaver's fused path, so the numbers are equal bit for bit.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.weaver.inputs import Parameters

F32 = np.float32


def transformed(content: np.ndarray, parameters: Parameters) -> tuple[FloatArray, int, int]:
    """Return float32 ``clip((v - center) * scale, low, high)`` with NaN -> 0, and the numbers of NaN and of infinities.

    A center of None changes nothing but NaN; infinities then stay.
    """
    values = np.ascontiguousarray(content, np.float32)
    center = parameters.center
    if center is None:
        return _without_nan(values)
    return _scaled(values, F32(center), F32(parameters.scale), F32(parameters.low), F32(parameters.high))


@numba.njit("Tuple((f4[::1], i8, i8))(f4[::1])", cache=True, nogil=True)
def _without_nan(values: FloatArray) -> tuple[FloatArray, int, int]:
    nans = infinities = 0
    for at in range(len(values)):
        nans += values[at] != values[at]
        infinities += abs(values[at]) == np.inf
    if nans == 0:
        return values, nans, infinities
    out = np.empty_like(values)
    for at in range(len(values)):
        out[at] = values[at] if values[at] == values[at] else F32(0)
    return out, nans, infinities


@numba.njit("Tuple((f4[::1], i8, i8))(f4[::1], f4, f4, f4, f4)", cache=True, nogil=True)
def _scaled(values: FloatArray, center: Any, scale: Any, low: Any, high: Any) -> tuple[FloatArray, int, int]:
    out = np.empty_like(values)
    nans = infinities = 0
    for at in range(len(values)):
        x = (values[at] - center) * scale
        x = low if x < low else x
        x = high if x > high else x
        nans += values[at] != values[at]
        infinities += abs(values[at]) == np.inf
        out[at] = x if x == x else F32(0)
    return out, nans, infinities


@numba.njit("void(f4[:, :], f4[::1], i8[::1], f4)", cache=True, nogil=True)
def fill_constant(out: FloatArray, content: FloatArray, offsets: IntArray, pad_value: Any) -> None:
    """Write the rows into ``out`` (N, length), cut to its length or filled with ``pad_value``."""
    length = out.shape[1]
    for row in range(out.shape[0]):
        kept = min(offsets[row + 1] - offsets[row], length)
        out[row, :kept] = content[offsets[row] : offsets[row] + kept]
        out[row, kept:] = pad_value


@numba.njit("void(f4[:, :], f4[::1], i8[::1])", cache=True, nogil=True)
def fill_wrapped(out: FloatArray, content: FloatArray, offsets: IntArray) -> None:
    """Write the rows into ``out`` (N, length), cut to its length or repeated cyclically; empty rows become 0."""
    length = out.shape[1]
    for row in range(out.shape[0]):
        filled = min(offsets[row + 1] - offsets[row], length)
        out[row, :filled] = content[offsets[row] : offsets[row] + filled]
        if filled == 0:
            out[row, :] = 0
            filled = length
        while filled < length:  # what is there is a whole number of periods, so it may be doubled
            more = min(filled, length - filled)
            out[row, filled : filled + more] = out[row, :more]
            filled += more
