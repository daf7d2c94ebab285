"""From flat columns to padded tensors: first shift, scale, clip and NaN -> 0 on the flat content, then cut and fill.

All arithmetic is float32, as in weaver's fused path, so the numbers are equal bit for bit. The second pass goes jet by
jet over all variables of a group, because the tensor of one jet then stays in cache. Kernels are compiled for one
signature each and release the GIL.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.data.weaver.inputs import Parameters

F32 = np.float32


def transform_into(out: FloatArray, content: np.ndarray, parameters: Parameters) -> tuple[int, int]:
    """Write float32 ``clip((v - center) * scale, low, high)`` with NaN -> 0; return how many NaN and infinities came.

    A center of None changes nothing but NaN; infinities then stay.
    """
    values = np.ascontiguousarray(content, F32)
    scaled = parameters.center is not None
    center = float(parameters.center) if parameters.center is not None else 0.0
    numbers = map(F32, (center, parameters.scale, parameters.low, parameters.high))
    if _scale(out, values, scaled, *numbers) == 0:
        return 0, 0
    nan = np.isnan(values)
    out[np.isnan(out)] = 0
    return int(nan.sum()), int(np.isinf(values).sum())


@numba.njit("i8(f4[::1], f4[::1], b1, f4, f4, f4, f4)", cache=True, nogil=True)
def _scale(out: FloatArray, values: FloatArray, scaled: bool, center: Any, scale: Any, low: Any, high: Any) -> int:
    """Return how many values are not finite; those that become NaN are left to the caller, being rare."""
    odd = 0
    for at in range(len(values)):
        x = values[at]
        odd += not abs(x) < np.inf
        if scaled:
            x = (x - center) * scale
            x = low if x < low else x
            x = high if x > high else x
        out[at] = x
    return odd


@numba.njit(inline="always")
def _copy(target: FloatArray, values: FloatArray) -> None:
    """Copy by views: indices that start at zero let the loop become a vectorized copy."""
    for j in range(len(values)):
        target[j] = values[j]


@numba.njit("void(f4[:, :, ::1], f4[:, ::1], i8[::1], i8[::1], b1[::1], f4[::1])", cache=True, nogil=True)
def fill_rows(
    out: FloatArray, content: FloatArray, offsets: IntArray, rows: IntArray, wrap: BoolArray, pad_value: FloatArray
) -> None:
    """Cut or fill the chosen rows to the tensor's length.

    Parameters
    ----------
    out
        (N, variables, length).
    content
        (variables, P); row r of each is ``content[:, offsets[r]:offsets[r + 1]]``.
    rows
        (N,) the row that goes to each place: shuffling costs nothing here.
    wrap
        (variables,) True: fill with the row itself, cyclically (an empty row becomes 0); False: with ``pad_value``.
    pad_value
        (variables,)
    """
    length = out.shape[2]
    for row in range(out.shape[0]):
        start = offsets[rows[row]]
        kept = min(offsets[rows[row] + 1] - start, length)
        for at in range(out.shape[1]):
            target = out[row, at]
            _copy(target, content[at, start : start + kept])
            if not wrap[at] or kept == 0:
                target[kept:] = F32(0) if wrap[at] else pad_value[at]
                continue
            filled = kept
            while filled < length:  # what is there is a whole number of periods, so it may be doubled
                more = min(filled, length - filled)
                _copy(target[filled:], target[:more])
                filled += more
