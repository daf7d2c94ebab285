"""Weaver's own helper functions, by the names its files call them (``_pad``, ``_hash``, ``_p4_from_ptetaphie`` ...).

Random ones are keyed by seed and row number, so a jet gets the same numbers whichever chunk it is read in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.expressions import arrays, keyed, vectors
from jetlego.data.expressions.functions import Function

Value = Any


@dataclass(frozen=True)
class Context:
    """What random helpers need to know: the seed, and each row's number in the whole data set (default 0, 1, ...)."""

    seed: int = 0
    rows: IntArray | None = None

    def uniforms(self, counts: IntArray, *, stream: int = 0) -> FloatArray:
        """Return ``counts[r]`` uniform numbers for each row, packed; another stream gives independent ones."""
        rows = np.arange(len(counts)) if self.rows is None else self.rows
        return keyed.uniforms(counts, rows, seed=self.seed + stream)


def hashed(*columns: Value) -> IntArray:
    """Return a fixed 64-bit hash of the row values, for splitting samples; equal numbers hash equally."""
    return keyed.hash_rows([np.asarray(column) for column in columns])


def pad(rows: Value, maxlen: int, value: float = 0, dtype: str = "float32") -> Value:
    """Cut or fill the rows to ``maxlen``; numpy arrays that have that length already stay as they are."""
    if isinstance(rows, np.ndarray) and rows.ndim >= 2 and rows.shape[1] == maxlen:
        return rows
    counts, content = _rows(rows, dtype)
    _check_padded(len(counts), maxlen)
    return _fill_rows(content, counts, int(maxlen), content.dtype.type(value))


def repeat_pad(value: Value, maxlen: int, dtype: str = "float32") -> Value:
    """Cut the rows to ``maxlen`` or repeat them cyclically up to it; empty rows become 0."""
    counts, content = _rows(value, dtype)
    _check_padded(len(counts), maxlen)
    return _repeat_rows(content, counts, int(maxlen))


def knn(support: Value, query: Value, k: int, n_jobs: int = 1) -> IntArray:
    """Return (n, k) indices of the nearest support points, ties to the lower; ``len(support)`` where they run out."""
    points, targets = np.asarray(support, np.float64), np.asarray(query, np.float64)
    arrays.check_size(points.size * len(targets))
    return _nearest(points, targets, int(k))


def batch_knn(
    supports: Value, queries: Value, k: int, maxlen_s: int, maxlen_q: int | None = None, n_jobs: int = 1
) -> IntArray:
    """Return (N, maxlen_q, k) int32 neighbour indices for each row, ``maxlen_s - 1`` where there is no query."""
    longest = int(maxlen_s if maxlen_q is None else maxlen_q)
    _check_padded(len(supports), longest * int(k))
    out = np.full((len(supports), longest, int(k)), int(maxlen_s) - 1, np.int32)
    for row, (support, query) in enumerate(zip(supports, queries, strict=True)):
        points, targets = np.asarray(support)[: int(maxlen_s)], np.asarray(query)[:longest]
        if len(targets):
            out[row, : len(targets)] = knn(points.reshape(len(points), -1), targets.reshape(len(targets), -1), k)
    return out


def permute_indices(context: Context, value: Value) -> Value:
    """Return a random permutation of each row."""
    counts = ak.to_numpy(ak.num(value))
    draws = context.uniforms(counts)
    return ak.argsort(ak.unflatten(draws, counts), axis=1, stable=True)


def permute_and_drop_indices(
    context: Context, value: Value, random_permute: bool = True, drop_rate_min: float = 0, drop_rate_max: float = 0,
    min_elements: int = 1,
) -> Value:  # fmt: skip
    """Return row indices, permuted if wanted, of which a random share is dropped."""
    index = permute_indices(context, value) if random_permute else ak.local_index(value, axis=1)
    if drop_rate_min <= 0:
        return index
    if not 0 < drop_rate_min <= drop_rate_max < 1:
        raise ValueError("drop rates must obey 0 < drop_rate_min <= drop_rate_max < 1")
    counts = ak.to_numpy(ak.num(value))
    draws = context.uniforms(np.ones(len(counts), np.int64), stream=1)
    rate = drop_rate_min + draws * (drop_rate_max - drop_rate_min)
    kept = np.maximum(min_elements, np.round(counts * (1 - rate))).astype(np.int64)
    return ak.from_regular(index)[ak.from_regular(ak.local_index(value, axis=1) < kept[:, np.newaxis])]


def argsort_rows(value: Value) -> Value:
    """Return the indices that sort each row upwards, stable."""
    return ak.argsort(value, axis=-1, stable=True)


def gather(value: Value, index: Value) -> Value:
    """Return ``value[index]``."""
    return value[index]


def _rows(value: Value, dtype: str) -> tuple[IntArray, np.ndarray]:
    """Return row lengths and content; a flat array is rows of one."""
    if value.ndim == 1:
        return np.ones(len(value), np.int64), np.asarray(value).astype(dtype)
    return ak.to_numpy(ak.num(value)).astype(np.int64), ak.to_numpy(ak.flatten(value)).astype(dtype)


def _check_padded(rows: int, length: int) -> None:
    if int(length) > arrays.MAX_PAD:
        raise arrays.TooLarge(f"rows of {length} are too long (limit {arrays.MAX_PAD})")
    arrays.check_size(rows * int(length))


def _fill_rows(content: np.ndarray, counts: IntArray, maxlen: int, fill: Any) -> np.ndarray:
    out = np.full((len(counts), maxlen), fill, content.dtype)
    filled = np.arange(maxlen) < counts[:, np.newaxis]
    out[filled] = content[_positions(counts, maxlen)[filled]]
    return out


def _repeat_rows(content: np.ndarray, counts: IntArray, maxlen: int) -> np.ndarray:
    out = np.zeros((len(counts), maxlen), content.dtype)
    some = counts > 0
    starts = (np.cumsum(counts) - counts)[some]
    out[some] = content[starts[:, np.newaxis] + np.arange(maxlen) % counts[some, np.newaxis]]
    return out


def _positions(counts: IntArray, maxlen: int) -> IntArray:
    return (np.cumsum(counts) - counts)[:, np.newaxis] + np.arange(maxlen)


def _nearest(points: FloatArray, targets: FloatArray, k: int) -> IntArray:
    distance = np.square(points[np.newaxis] - targets[:, np.newaxis]).sum(axis=-1)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    missing = np.full((len(targets), max(0, k - len(points))), len(points))
    return np.concatenate([order, missing], axis=1)


def _keywords(*names: str) -> frozenset[str]:
    return frozenset(names)


HELPERS: dict[str, Function] = {
    "_hash": Function(hashed, 16),
    "_concat": Function(arrays.concatenated, 2, _keywords("axis")),
    "_stack": Function(lambda values, axis=1: arrays.stacked(values, axis), 2, _keywords("axis")),
    "_pad": Function(pad, 3, _keywords("value", "dtype"), minimum=2),
    "_repeat_pad": Function(repeat_pad, 2, _keywords("dtype"), minimum=2),
    "_clip": Function(arrays.clipped, 3, minimum=3),
    "_knn": Function(knn, 4, _keywords("n_jobs"), minimum=3),
    "_batch_knn": Function(batch_knn, 6, _keywords("maxlen_q", "n_jobs"), minimum=4),
    "_batch_permute_indices": Function(permute_indices, 1, needs_context=True),
    "_batch_argsort": Function(argsort_rows, 1),
    "_batch_gather": Function(gather, 2, minimum=2),
    "_batch_permute_and_drop_indices": Function(
        permute_and_drop_indices, 5, _keywords("random_permute", "drop_rate_min", "drop_rate_max", "min_elements"),
        needs_context=True,
    ),
    "_p4_from_pxpypze": Function(vectors.from_pxpypze, 4, minimum=4),
    "_p4_from_ptetaphie": Function(vectors.from_ptetaphie, 4, minimum=4),
    "_p4_from_ptetaphim": Function(vectors.from_ptetaphim, 4, minimum=4),
}  # fmt: skip
"""Every helper an expression may call; their names hide branches of the same name."""
