"""Functions on arrays that numpy and awkward do not share, or that need a guard on the size of what they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import awkward as ak
import numpy as np

MAX_ELEMENTS = 2**28
"""Most elements that any intermediate array may have."""

MAX_PAD = 2**16
"""Longest row that padding may make."""

Value = Any


class TooLarge(Exception):
    """An array that an expression asked for would not fit within the limits."""


def is_jagged(value: Value) -> bool:
    """Return whether ``value`` is an awkward array."""
    return isinstance(value, ak.Array)


def count_elements(value: Value) -> int:
    """Return how many numbers ``value`` holds, from its buffers."""
    if isinstance(value, ak.Array):
        return value.nbytes // 8
    return value.size if isinstance(value, np.ndarray) else 1


def check_size(number: int) -> None:
    """Refuse arrays of more than 2^28 elements."""
    if number > MAX_ELEMENTS:
        raise TooLarge(f"an array of {number} elements is too large (limit {MAX_ELEMENTS})")


def check_broadcast(values: Sequence[Value]) -> None:
    """Refuse numpy operands whose broadcast shape would be too large, before memory is spent."""
    shapes = [value.shape for value in values if isinstance(value, np.ndarray)]
    if len(shapes) > 1:
        longest = max(map(len, shapes))
        check_size(math.prod(max(shape[-at] for shape in shapes if len(shape) >= at) for at in range(1, longest + 1)))


def caster(dtype: np.dtype) -> Callable[[Value], Value]:
    """Return a function that converts numbers and arrays, jagged ones too, to ``dtype``."""

    def cast(value: Value) -> Value:
        if is_jagged(value):
            return ak.values_astype(value, dtype)
        return value.astype(dtype) if isinstance(value, np.ndarray) else dtype.type(value)

    return cast


def on_content(function: Callable[[np.ndarray], np.ndarray], value: Value) -> Value:
    """Apply an element-wise numpy function to an array, keeping its jaggedness."""
    if not is_jagged(value):
        return function(np.asarray(value))

    def leaf(layout: Any, **_: Any) -> Any:
        return ak.contents.NumpyArray(function(np.asarray(layout.data))) if layout.is_numpy else None

    return ak.transform(leaf, value)


def rounded(value: Value, decimals: int = 0) -> Value:
    """Round half to even, as ``np.round``."""
    return on_content(lambda data: np.round(data, decimals), value)


def clipped(value: Value, low: Value, high: Value) -> Value:
    """Clip as ``np.clip``; a bound of None is no bound, NaN stays."""
    value = value if low is None else np.maximum(value, low)
    return value if high is None else np.minimum(value, high)


def where(condition: Value, yes: Value, no: Value) -> Value:
    """Choose element-wise; jagged if any operand is."""
    if any(is_jagged(v) for v in (condition, yes, no)):
        return ak.where(condition, yes, no)
    return np.where(condition, yes, no)


def digitized(value: Value, bins: Value, right: bool = False) -> Value:
    """Return bin numbers as ``np.digitize``, of jagged arrays too."""
    edges = np.asarray(bins)
    return on_content(lambda data: np.digitize(data, edges, right=right), value)


def stacked(values: Sequence[Value], axis: int = 0) -> Value:
    """Stack along a new axis; jagged arrays along axis 0 or 1."""
    if not any(is_jagged(v) for v in values):
        return np.stack([np.asarray(v) for v in values], axis=axis)
    index = (slice(None),) * axis + (np.newaxis,)
    return ak.concatenate([ak.Array(v)[index] for v in values], axis=axis)


def concatenated(values: Sequence[Value], axis: int = 0) -> Value:
    """Join arrays; numpy unless any is jagged."""
    if any(is_jagged(v) for v in values):
        return ak.concatenate(list(values), axis=axis)
    return np.concatenate([np.asarray(v) for v in values], axis=axis) if values else np.empty(0)


def padded_with_none(value: Value, target: int, axis: int = 1, clip: bool = False) -> Value:
    """Pad rows with None, up to 65,536."""
    if int(target) > MAX_PAD:
        raise TooLarge(f"rows of {target} are too long (limit {MAX_PAD})")
    check_size(len(value) * int(target))
    return ak.pad_none(value, int(target), axis=axis, clip=clip)


def argmax(value: Value, axis: int | None = None) -> Value:
    """Return the position of the largest entry, along ``axis``."""
    return ak.argmax(value, axis=axis) if is_jagged(value) else np.argmax(value, axis=axis)


def smallest(*values: Value) -> Value:
    """Return the minimum of one array, or the element-wise minimum of several."""
    return _reduced(np.min, np.minimum, values)


def largest(*values: Value) -> Value:
    """Return the maximum of one array, or the element-wise maximum of several."""
    return _reduced(np.max, np.maximum, values)


def _reduced(one: Callable[..., Value], pair: Callable[..., Value], values: Sequence[Value]) -> Value:
    if len(values) == 1:
        return one(values[0])
    result = values[0]
    for other in values[1:]:
        result = pair(result, other)
    return result
