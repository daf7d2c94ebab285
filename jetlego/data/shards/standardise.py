"""Figures of standardisation over all inputs of all shards, exact and in bounded memory.

Median and quartiles come from two passes of counting: float32 numbers are ordered as their bits are, so counts of the
upper 16 bits say in which cell an order statistic lies, and counts of the lower 16 bits within that cell say which
number it is. Mean and deviation are merged shard by shard in their order, so that no number of workers changes a bit.

References
----------
Munro, Paterson, Theor. Comput. Sci. 12 (1980) 315 (selection in passes); Chan, Golub, LeVeque, COMPSTAT 1982 (merging
of variances).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from jetlego.clustering.jit import compiler
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.scaling import SCALERS, Scaler, warn_constant

Blocks = Callable[[], Iterable[FloatArray]]
"""Gives (n, F) float32 blocks anew at each call."""

_QUARTILES = (0.25, 0.5, 0.75)
_CELLS = 1 << 16

kernel = compiler(Path(__file__).parent)


def fit_blocks(blocks: Blocks, names: Sequence[str], kind: str) -> Scaler:
    """Return the scaler of all rows, as ``SCALERS[kind].fit`` of one table would be.

    Parameters
    ----------
    blocks
        The rows, a block at a time; NaN and infinite values do not take part.
    names
        The F features.
    kind
        ``"robust"`` or ``"standard"``.
    """
    center, scale = (_robust if kind == "robust" else _standard)(blocks, len(names))
    warn_constant(scale, names)
    return SCALERS[kind](center, np.where(scale > 0, scale, 1.0), tuple(names))


def _standard(blocks: Blocks, width: int) -> tuple[FloatArray, FloatArray]:
    count, mean, spread = np.zeros(width), np.zeros(width), np.zeros(width)
    for block in blocks():
        rows = np.where(np.isfinite(block), block, np.nan).astype(np.float64)
        new = np.isfinite(rows).sum(axis=0)
        of_block = np.nansum(rows, axis=0) / np.maximum(new, 1)
        total, delta = np.maximum(count + new, 1), of_block - mean
        spread += np.nansum((rows - of_block) ** 2, axis=0) + delta**2 * count * new / total
        mean += np.where(new > 0, delta * new / total, 0)
        count += new
    deviation = np.sqrt(spread / np.maximum(count, 1))
    rounding = 4 * np.finfo(np.float64).eps * np.abs(mean)  # the mean of equal numbers may miss them by this
    return mean, np.where(deviation > rounding, deviation, 0)


def _robust(blocks: Blocks, width: int) -> tuple[FloatArray, FloatArray]:
    upper = np.zeros((width, _CELLS), np.int64)
    for block in blocks():
        count_upper(np.ascontiguousarray(block, np.float32).view(np.uint32), upper)
    total = upper.sum(axis=1)
    position = np.array(_QUARTILES)[:, None] * np.maximum(total - 1, 0)  # as numpy counts, by linear interpolation
    low, high = np.floor(position).astype(np.int64), np.ceil(position).astype(np.int64)
    values = _order_statistics(blocks, upper, np.concatenate([low, high]).T)
    below, above = values[:, :3].T, values[:, 3:].T
    quartiles = below + (above - below) * (position - low)
    empty = total == 0
    return np.where(empty, 0.0, quartiles[1]), np.where(empty, 0.0, quartiles[2] - quartiles[0])


def _order_statistics(blocks: Blocks, upper: IntArray, ranks: IntArray) -> FloatArray:
    """Return (F, K) float64: the numbers of the given (F, K) ranks of each feature."""
    width, number = ranks.shape
    running = upper.cumsum(axis=1)
    cell = np.stack([np.searchsorted(running[f], ranks[f], side="right") for f in range(width)])
    cell = np.minimum(cell, _CELLS - 1)
    rest = ranks - np.take_along_axis(running - upper, cell, axis=1)
    lower = np.zeros((width, number, _CELLS), np.int64)
    for block in blocks():
        count_lower(np.ascontiguousarray(block, np.float32).view(np.uint32), cell, lower)
    within = (lower.cumsum(axis=2) <= rest[:, :, None]).sum(axis=2)
    return _number(cell.astype(np.uint32) << np.uint32(16) | np.minimum(within, _CELLS - 1).astype(np.uint32))


def _number(key: np.ndarray) -> FloatArray:
    """Return the float32 numbers of ordered keys, as float64: what `_key` undoes."""
    sign = np.uint32(1 << 31)
    return np.where(key & sign, key ^ sign, ~key).astype(np.uint32).view(np.float32).astype(np.float64)


def standardised(table: FloatArray, scaler: Scaler) -> FloatArray:
    """Return what ``scaler.apply`` gives of a (P, F) float32 table, in one pass."""
    out = np.empty(table.shape, np.float32)
    fill = scaler.center if scaler.fill is None else scaler.fill
    scale_rows(np.ascontiguousarray(table), scaler.center, scaler.scale, fill, out)
    return out


@kernel
def scale_rows(table, center, scale, fill, out):
    """Write ``(x - center) / scale`` of each row, ``fill`` in place of what is not finite."""
    for row in range(table.shape[0]):
        for f in range(table.shape[1]):
            x = np.float64(table[row, f])
            out[row, f] = ((x if np.isfinite(x) else fill[f]) - center[f]) / scale[f]


@kernel
def _key(bits):
    """Return a number's place in the order of all float32 numbers: negative ones have their bits turned round."""
    return bits ^ np.uint32(0xFFFFFFFF) if bits >> np.uint32(31) else bits ^ np.uint32(1 << 31)


@kernel
def _finite(bits):
    return (bits >> np.uint32(23)) & np.uint32(0xFF) != np.uint32(0xFF)


@kernel
def count_upper(bits, counts):
    """Count the upper halves of the keys of finite numbers, (n, F) uint32, into (F, 65536)."""
    for row in range(bits.shape[0]):
        for f in range(bits.shape[1]):
            if _finite(bits[row, f]):
                counts[f, _key(bits[row, f]) >> np.uint32(16)] += 1


@kernel
def count_lower(bits, cell, counts):
    """Count the lower halves of the keys that lie in ``cell`` (F, K), into (F, K, 65536)."""
    for row in range(bits.shape[0]):
        for f in range(bits.shape[1]):
            if _finite(bits[row, f]):
                key = _key(bits[row, f])
                for k in range(cell.shape[1]):
                    if key >> np.uint32(16) == cell[f, k]:
                        counts[f, k, key & np.uint32(0xFFFF)] += 1
