"""From whatever a container gives (awkward, NumPy, any byte order) to packed native arrays and counts."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from jetlego.conventions import IntArray
from jetlego.errors import DataError

_WIDENED = {"e": np.float32, "b": np.int32, "h": np.int32, "B": np.int32, "H": np.int32, "I": np.int64}


def native(values: Any) -> np.ndarray:
    """Return a contiguous array in native byte order; half floats and small integers widened.

    Unsigned 8-bit flavours would wrap in arithmetic, and half floats overflow at 65504 GeV.
    """
    array = np.asarray(values)
    wanted = np.dtype(_WIDENED.get(array.dtype.char, array.dtype.newbyteorder("=")))
    return np.ascontiguousarray(array, dtype=wanted)


def depth_of(array: Any) -> int:
    """Return the number of dimensions, lists counted: 1 for one value an entry, 2 for a list an entry."""
    return int(array.ndim)


def scalars(array: Any, name: str) -> np.ndarray:
    """Return one native value an entry.

    Parameters
    ----------
    array
        (N,) NumPy or awkward; missing floats become NaN.
    name
        For messages.

    Raises
    ------
    DataError
        ``TYPE-MISMATCH`` if entries hold lists, or a missing integer.
    """
    if depth_of(array) != 1:
        raise DataError("TYPE-MISMATCH", f"'{name}' holds {array.ndim - 1}-fold lists where one value is expected")
    if isinstance(array, ak.Array):
        array = _filled(array, name)
    return _numbers(native(array), name)


def ragged(array: Any, name: str, *, depth: int = 2) -> tuple[np.ndarray, tuple[IntArray, ...]]:
    """Return packed values and the counts of each list level, outermost first.

    Parameters
    ----------
    array
        Lists, fixed-size arrays or nested lists of the given ``depth``; missing lists count as empty, missing values
        are dropped.
    name
        For messages.
    depth
        2 for a list an entry, 3 for lists of lists.
    """
    if depth_of(array) != depth:
        what = f"'{name}' has {array.ndim} dimensions where {depth} are expected"
        raise DataError("TYPE-MISMATCH", what, "see the schema key particles.kind")
    if isinstance(array, np.ndarray):
        counts = tuple(np.full(int(np.prod(array.shape[:level])), array.shape[level], np.int64)
                       for level in range(1, depth))  # fmt: skip
        return _numbers(native(array.reshape(-1)), name), counts
    array = ak.from_regular(array, axis=None)
    levels = []
    for _ in range(1, depth):
        levels.append(ak.to_numpy(ak.fill_none(ak.num(array, axis=1), 0)).astype(np.int64))
        array = ak.flatten(array, axis=1)
    if "?" in str(array.type):
        array = _without_missing(array, levels)
    return _numbers(native(ak.to_numpy(array)), name), tuple(levels)


def _without_missing(array: Any, levels: list[IntArray]) -> Any:
    """Return packed values without missing ones, and correct the innermost counts for them."""
    missing = ak.to_numpy(ak.is_none(array))
    owner = np.repeat(np.arange(len(levels[-1])), levels[-1])
    levels[-1] = levels[-1] - np.bincount(owner[missing], minlength=len(levels[-1]))
    return ak.drop_none(array)


def _filled(array: Any, name: str) -> np.ndarray:
    if "?" not in str(array.type):
        return ak.to_numpy(array)
    missing = ak.to_numpy(ak.is_none(array))
    values = ak.to_numpy(ak.fill_none(array, 0))
    if missing.any():
        if values.dtype.kind != "f":
            raise DataError("TYPE-MISMATCH", f"'{name}' lacks a value in {missing.sum()} entries")
        values = np.where(missing, np.nan, values)
    return values


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise DataError("TYPE-MISMATCH", f"'{name}' holds {values.dtype}, not numbers")
    return values
