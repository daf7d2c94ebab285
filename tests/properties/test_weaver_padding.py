"""Cut, wrap, fill, scale: our kernels against the specification, one number at a time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.weaver_oracle import slow_tensor

from jetlego.data.weaver.inputs import Parameters
from jetlego.data.weaver.padding import transform_into
from jetlego.data.weaver.rows import Rows

value = st.floats(width=32, allow_nan=True, allow_infinity=True)
rows = st.lists(st.lists(value, max_size=12), min_size=1, max_size=6)
small = st.floats(-8, 8, width=32)


@settings(max_examples=150, deadline=None)
@given(rows=rows, length=st.integers(1, 9), wrap=st.booleans(), center=st.none() | small, scale=small,
       bounds=st.tuples(small, small), pad=small)  # fmt: skip
def test_equals_the_specification(rows, length, wrap, center, scale, bounds, pad):
    low, high = sorted(bounds)
    parameters = Parameters(length, wrap, center, scale, low, high, pad)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    content = np.array([v for row in rows for v in row], np.float32)
    moved = np.empty((1, len(content)), np.float32)
    counts = transform_into(moved[0], content, parameters)
    out = Rows.of(moved, offsets, [parameters]).padded(np.arange(len(rows)), length)
    limits = {"center": center, "scale": scale, "low": low, "high": high}
    expected = slow_tensor(rows, length=length, wrap=wrap, pad_value=pad, **limits)
    np.testing.assert_array_equal(out[:, 0], expected)
    assert counts == (np.isnan(content).sum(), np.isinf(content).sum())


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.integers(0, 20), min_size=1, max_size=8), widths=st.integers(1, 5), length=st.integers(1, 16))
def test_variables_of_a_group_do_not_mix(rows, widths, length):
    offsets = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
    content = np.random.default_rng(0).normal(size=(widths, offsets[-1])).astype("f4")
    used = [Parameters(length, at % 2 == 0, pad_value=at) for at in range(widths)]
    group, order = Rows.of(content, offsets, used), np.random.default_rng(1).permutation(len(rows))
    together, packed = group.padded(order, length), group.packed(order, length)
    np.testing.assert_array_equal(np.diff(packed.jet_ptr), np.minimum(np.array(rows)[order], length))
    ptr, columns = group.columns(length)
    np.testing.assert_array_equal(columns.T, group.packed(np.arange(len(rows)), length).values)
    np.testing.assert_array_equal(np.diff(ptr), np.minimum(rows, length))
    for at in range(widths):
        alone = Rows.of(content[at : at + 1], offsets, used[at : at + 1]).padded(np.arange(len(rows)), length)
        np.testing.assert_array_equal(together[:, at], alone[order, 0])
        kept = [content[at, offsets[r] : offsets[r + 1]][:length] for r in order]
        np.testing.assert_array_equal(packed.values[:, at], np.concatenate(kept))
