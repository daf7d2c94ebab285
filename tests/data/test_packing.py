"""Missing values, byte orders and narrow types end where awkward arrays are packed."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pyarrow as pa
import pytest

from jetlego.data.packing import native, ragged, scalars
from jetlego.errors import DataError


@pytest.mark.parametrize(("dtype", "wanted"), [
    (">f4", "float32"), (">f8", "float64"), ("<f2", "float32"), ("u1", "int32"), ("i1", "int32"), (">i2", "int32"),
    ("u2", "int32"), ("u4", "int64"), (">i8", "int64"), ("?", "bool"), ("u8", "uint64"),
])  # fmt: skip
def test_types_become_native_and_wide_enough(dtype, wanted) -> None:
    values = np.array([1, 0, 1], dtype=dtype)
    assert native(values).dtype == np.dtype(wanted)
    assert native(values).dtype.isnative
    assert native(values).tolist() == values.tolist()


ROWS = [[1.0, None, 2.0], None, [], [None], [3.0]]


@pytest.mark.parametrize("array", [ak.Array(ROWS), ak.from_arrow(pa.array(ROWS))])
def test_missing_values_are_dropped_and_missing_lists_are_empty(array) -> None:
    values, (counts,) = ragged(array, "x")
    assert values.tolist() == [1, 2, 3]
    assert counts.tolist() == [2, 0, 0, 0, 1]


def test_two_levels_with_gaps() -> None:
    array = ak.Array([[[1, 2], None], [], None, [[None, 3], []]])
    values, (outer, inner) = ragged(array, "x", depth=3)
    assert values.tolist() == [1, 2, 3]
    assert outer.tolist() == [2, 0, 0, 2]
    assert inner.tolist()[0] == 2
    assert inner.sum() == 3


def test_scalars() -> None:
    got = scalars(ak.Array([1.5, None, 2.0]), "x")
    assert got[[0, 2]].tolist() == [1.5, 2.0]
    assert np.isnan(got[1])
    with pytest.raises(DataError, match="'n' lacks a value in 1 entries"):
        scalars(ak.Array([1, None]), "n")
    with pytest.raises(DataError, match="'x' holds 1-fold lists"):
        scalars(ak.Array([[1.0]]), "x")
    with pytest.raises(DataError, match="not numbers"):
        scalars(np.array(["a", "b"]), "s")


def test_slices_of_lists_are_packed() -> None:
    array = ak.Array([[1, 2], [3], [4, 5, 6]])[[2, 0]]
    values, (counts,) = ragged(array, "x")
    assert values.tolist() == [4, 5, 6, 1, 2]
    assert counts.tolist() == [3, 2]
    fixed, (widths,) = ragged(np.arange(6).reshape(3, 2), "y")
    assert fixed.tolist() == [0, 1, 2, 3, 4, 5]
    assert widths.tolist() == [2, 2, 2]
