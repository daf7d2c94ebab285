"""From flat columns to tensors: shift, scale, clip, NaN -> 0; lay the variables of a jet beside each other; cut, fill.

All arithmetic is float32, as in weaver's fused path, so the numbers are equal bit for bit. As all variables of a jet
lie in one run of memory, batches in a shuffled order cost little more than those in order. Kernels are compiled for one
signature each and release the GIL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np

from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.data.weaver.inputs import Parameters

F32 = np.float32


class Scaling(NamedTuple):
    """(variables,) numbers of ``clip((v - center) * scale, low, high)``; nothing is done where ``moved`` is False."""

    moved: BoolArray
    center: FloatArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, parameters: Sequence[Parameters]) -> Scaling:
        """Return the numbers of some variables."""
        moved = np.array([p.center is not None for p in parameters])
        centers = [0.0 if p.center is None else float(p.center) for p in parameters]
        others = ([getattr(p, name) for p in parameters] for name in ("scale", "low", "high"))
        with np.errstate(over="ignore"):
            return cls(moved, *(np.array(numbers, F32) for numbers in (centers, *others)))


@numba.njit("void(f4[:, ::1], i8, b1[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8[:, ::1])", cache=True, nogil=True)
def scale_block(
    block: FloatArray, size: int, moved: BoolArray, center: FloatArray, scale: FloatArray, low: FloatArray,
    high: FloatArray, met: IntArray,
) -> None:  # fmt: skip
    """Transform the first ``size`` values of each row in place, and add the NaN and infinities that came to ``met``.

    NaN -> 0 comes last, so whatever is not a number in the end is 0. Counters are int32, as wide as the values, for the
    loops to become vector code.
    """
    for at in range(len(block)):
        row = block[at, :size]
        a, b, lowest, highest = center[at], scale[at], low[at], high[at]
        nan, infinite = np.int32(0), np.int32(0)
        if moved[at]:
            for j in range(size):
                x = row[j]
                nan += np.int32(x != x)
                infinite += np.int32(abs(x) == np.inf)
                x = (x - a) * b
                x = lowest if x < lowest else x
                x = highest if x > highest else x
                row[j] = F32(0) if x != x else x
        else:
            for j in range(size):
                x = row[j]
                nan += np.int32(x != x)
                infinite += np.int32(abs(x) == np.inf)
                row[j] = F32(0) if x != x else x
        met[at, 0] += nan
        met[at, 1] += infinite


@numba.njit(inline="always")
def _copy(target: FloatArray, values: FloatArray) -> None:
    """Copy by views: indices that start at zero let the loop become a vectorized copy."""
    for j in range(len(values)):
        target[j] = values[j]


@numba.njit("void(f4[::1], f4[:, ::1], i8[::1])", cache=True, nogil=True)
def lay_jets(out: FloatArray, block: FloatArray, offsets: IntArray) -> None:
    """Write variables (rows of ``block``) jet by jet: the numbers of a jet's first variable, of its second one ...

    Parameters
    ----------
    out
        (variables * constituents,)
    block
        (variables, at least as many constituents).
    offsets
        (jets + 1,) jet r owns ``offsets[r] - offsets[0]`` to ``offsets[r + 1] - offsets[0]`` of each row.
    """
    width = len(block)
    for row in range(len(offsets) - 1):
        start, size = offsets[row] - offsets[0], offsets[row + 1] - offsets[row]
        for at in range(width):
            first = width * start + at * size
            _copy(out[first : first + size], block[at, start : start + size])


@numba.njit("void(f4[:, :, ::1], f4[::1], i8[::1], i8[::1], b1[::1], f4[::1])", cache=True, nogil=True)
def fill_rows(
    out: FloatArray, content: FloatArray, offsets: IntArray, rows: IntArray, wrap: BoolArray, pad_value: FloatArray
) -> None:
    """Cut or fill the chosen jets to the tensor's length.

    Parameters
    ----------
    out
        (N, variables, length).
    content
        (variables * P,) as :func:`lay_jets` lays it.
    offsets
        (jets + 1,) of constituents.
    rows
        (N,) the jet that goes to each place.
    wrap
        (variables,) True: fill with the row itself, cyclically (an empty row becomes 0); False: with ``pad_value``.
    pad_value
        (variables,)
    """
    width, length = out.shape[1], out.shape[2]
    for row in range(out.shape[0]):
        start = offsets[rows[row]]
        size = offsets[rows[row] + 1] - start
        kept = min(size, length)
        for at in range(width):
            target, first = out[row, at], width * start + at * size
            _copy(target, content[first : first + kept])
            if not wrap[at] or kept == 0:
                target[kept:] = F32(0) if wrap[at] else pad_value[at]
                continue
            filled = kept
            while filled < length:  # what is there is a whole number of periods, so it may be doubled
                more = min(filled, length - filled)
                _copy(target[filled:], target[:more])
                filled += more


@numba.njit("void(f4[:, ::1], f4[::1], i8[::1], i8[::1], i8[::1])", cache=True, nogil=True)
def pack_rows(out: FloatArray, content: FloatArray, offsets: IntArray, rows: IntArray, jet_ptr: IntArray) -> None:
    """Write the chosen jets unpadded, a constituent a row of ``out`` (jet_ptr[-1], variables), cut as jet_ptr says."""
    width = out.shape[1]
    for row in range(len(rows)):
        start = offsets[rows[row]]
        size = offsets[rows[row] + 1] - start
        for at in range(width):
            first = width * start + at * size
            for j in range(jet_ptr[row + 1] - jet_ptr[row]):
                out[jet_ptr[row] + j, at] = content[first + j]
