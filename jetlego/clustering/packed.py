"""Packed arrays and their offsets: checks, counts, and the gathering of some jets out of many."""

from __future__ import annotations

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import DataError, NonFiniteError

LARGEST_COMPONENT = 1e60
"""GeV; larger components are refused, so that no product of two squared momenta overflows."""

_NAMES = ("px", "py", "pz", "E")


def checked_momenta(p4: FloatArray, ptr: IntArray) -> tuple[FloatArray, IntArray]:
    """Return ``p4`` and ``ptr`` as contiguous float64 and int64, or say which jet and row is at fault.

    Parameters
    ----------
    p4
        (P, 4) four-momenta (px, py, pz, E) in GeV.
    ptr
        (B + 1,) offsets, from 0 to P, never decreasing.

    Raises
    ------
    DataError
        If the shapes do not fit, or a component is beyond ``LARGEST_COMPONENT``.
    NonFiniteError
        If a component is NaN or infinite.
    """
    momenta = np.ascontiguousarray(p4, dtype=np.float64)
    offsets = np.ascontiguousarray(ptr, dtype=np.int64)
    if momenta.ndim != 2 or momenta.shape[1] != 4:
        raise DataError("BAD-SHAPE", f"p4 has shape {momenta.shape}", "it must be (P, 4): px, py, pz, E")
    check_offsets(offsets, len(momenta))
    lowest, highest = momenta.min(initial=0.0), momenta.max(initial=0.0)
    if not (lowest >= -LARGEST_COMPONENT and highest <= LARGEST_COMPONENT):  # False for NaN as well
        _refuse(momenta, offsets)
    return momenta, offsets


def check_offsets(ptr: IntArray, count: int) -> None:
    """Raise ``DataError`` unless ``ptr`` runs from 0 to ``count`` without a decrease."""
    if ptr.ndim != 1 or not ptr.size or ptr[0] != 0 or ptr[-1] != count or (np.diff(ptr) < 0).any():
        raise DataError("BAD-OFFSETS", f"offsets do not run from 0 to {count} without a decrease")


def _refuse(momenta: FloatArray, offsets: IntArray) -> None:
    bad = ~np.isfinite(momenta)
    finite = not bad.any()
    if finite:
        bad = np.abs(momenta) > LARGEST_COMPONENT
    row, column = (int(i) for i in np.argwhere(bad)[0])
    jet = int(np.searchsorted(offsets, row, side="right")) - 1
    what = f"{_NAMES[column]} of constituent {row - offsets[jet]} of jet {jet} (row {row}) is {momenta[row, column]}"
    if finite:
        raise DataError("KINEMATICS", what, f"momenta above {LARGEST_COMPONENT:g} GeV are refused")
    raise NonFiniteError(what)


def offsets_of(counts: IntArray) -> IntArray:
    """Return the (B + 1,) int64 offsets of B blocks of the given sizes."""
    ptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=ptr[1:])
    return ptr


def rows_of(ptr: IntArray, index: IntArray) -> IntArray:
    """Return the packed rows of the blocks ``index``, block after block."""
    counts = np.diff(ptr)[index]
    start = np.repeat(ptr[:-1][index] - offsets_of(counts)[:-1], counts)
    return start + np.arange(len(start))
