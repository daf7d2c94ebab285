"""From flat columns to padded tensors: first shift, scale, clip and NaN -> 0 on the flat content, then cut and fill.

All arithmetic is float32, as in weaver's fused path, so the numbers are equal bit for bit. The second pass goes jet by
jet over all variables of a group, because the tensor of one jet then stays in cache. Kernels are compiled for one
signature each and release the GIL.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.data.weaver.inputs import Parameters

F32 = np.float32
LINE = 16
"""Float32 numbers in a line of cache."""


def transform_into(out: FloatArray, content: np.ndarray, parameters: Parameters) -> tuple[int, int]:
    """Write float32 ``clip((v - center) * scale, low, high)`` with NaN -> 0; return how many NaN and infinities came.

    A center of None changes nothing but NaN; infinities then stay.
    """
    values = content
    if content.dtype != F32 or not content.flags.c_contiguous:
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(content, F32)
    if _scale(out, values, *_numbers(parameters)) == 0:
        return 0, 0
    return int(np.isnan(values).sum()), int(np.isinf(values).sum())


@lru_cache(1024)
def _numbers(parameters: Parameters) -> tuple[Any, ...]:
    """Return whether anything is done, and center, scale and bounds."""
    center = 0.0 if parameters.center is None else float(parameters.center)
    with np.errstate(over="ignore"):
        numbers = [F32(number) for number in (center, parameters.scale, parameters.low, parameters.high)]
    return (parameters.center is not None, *numbers)


@numba.njit("i8(f4[::1], f4[::1], b1, f4, f4, f4, f4)", cache=True, nogil=True)
def _scale(out: FloatArray, values: FloatArray, scaled: bool, center: Any, scale: Any, low: Any, high: Any) -> Any:
    """Return how many values are not finite; the counter is as wide as they are, so the loops become vector code."""
    odd = np.int32(0)
    if not scaled:
        for at in range(len(values)):
            x = values[at]
            odd += np.int32(not abs(x) < np.inf)
            out[at] = F32(0) if x != x else x
        return odd
    for at in range(len(values)):
        x = values[at]
        odd += np.int32(not abs(x) < np.inf)
        x = (x - center) * scale
        x = low if x < low else x
        x = high if x > high else x
        out[at] = F32(0) if x != x else x
    return odd


def _fetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for the line of cache that holds ``array[index]``, without waiting; any index will do."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind)
        builder.call(prefetch, [address, *(ir.Constant(number, value) for value in (0, 3, 1))])  # read, keep, data
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


_fetch_line: Any = intrinsic(_fetch)


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
        (N,) the row that goes to each place. In a shuffled order they lie anywhere, so the next one is asked for while
        one is copied.
    wrap
        (variables,) True: fill with the row itself, cyclically (an empty row becomes 0); False: with ``pad_value``.
    pad_value
        (variables,)
    """
    length, flat, stride = out.shape[2], content.reshape(-1), content.shape[1]
    for row in range(out.shape[0]):
        start = offsets[rows[row]]
        kept = min(offsets[rows[row] + 1] - start, length)
        coming = rows[min(row + 1, out.shape[0] - 1)]
        for at in range(out.shape[1]):
            for ahead in range(offsets[coming], min(offsets[coming + 1], offsets[coming] + length), LINE):
                _fetch_line(flat, at * stride + ahead)
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


@numba.njit("void(f4[:, ::1], f4[:, ::1], i8[::1], i8[::1], i8[::1])", cache=True, nogil=True)
def pack_rows(out: FloatArray, content: FloatArray, offsets: IntArray, rows: IntArray, jet_ptr: IntArray) -> None:
    """Write the chosen rows unpadded, a constituent a row of ``out`` (jet_ptr[-1], variables), cut as jet_ptr says."""
    for row in range(len(rows)):
        start, first = offsets[rows[row]], jet_ptr[row]
        for at in range(out.shape[1]):
            for j in range(jet_ptr[row + 1] - first):
                out[first + j, at] = content[at, start + j]


@numba.njit("void(f4[:, ::1], f4[:, ::1], i8[::1], i8[::1])", cache=True, nogil=True)
def cut_rows(out: FloatArray, content: FloatArray, offsets: IntArray, jet_ptr: IntArray) -> None:
    """Write all rows of each variable to ``out`` (variables, jet_ptr[-1]), cut as jet_ptr says."""
    for at in range(out.shape[0]):
        for row in range(len(jet_ptr) - 1):
            start, first, last = offsets[row], jet_ptr[row], jet_ptr[row + 1]
            _copy(out[at, first:last], content[at, start : start + last - first])
