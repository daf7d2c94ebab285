"""Numbers that follow from a key alone: hashes of rows, and uniform draws by (seed, row, position).

SplitMix64 of Steele, Lea, Flood, OOPSLA 2014, used as a counter-based generator: no state, hence the same numbers for a
jet in any chunk, worker or resumed run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jetlego.conventions import FloatArray, IntArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MANTISSA = 1.0 / 9007199254740992.0  # 2^-53


def mix(x: np.ndarray) -> np.ndarray:
    """Return the SplitMix64 finaliser of uint64 numbers."""
    with np.errstate(over="ignore"):
        x = x + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def uniforms(counts: IntArray, rows: IntArray, *, seed: int) -> FloatArray:
    """Return uniform numbers in [0, 1), packed: ``counts[r]`` of them for the row of number ``rows[r]``."""
    owner = np.repeat(np.asarray(rows).astype(np.uint64), counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    positions = (np.arange(len(owner)) - starts).astype(np.uint64)
    return to_unit(mix(mix(mix(np.full(1, seed, np.uint64)) ^ owner) ^ positions))


def to_unit(bits: np.ndarray) -> FloatArray:
    """Return the upper 53 bits as numbers in [0, 1)."""
    return (bits >> np.uint64(11)).astype(np.float64) * _MANTISSA


def hash_rows(columns: Sequence[np.ndarray]) -> IntArray:
    """Return a 64-bit hash for each row of equally long numeric columns; integers hash like the same float."""
    state = mix(np.full(len(columns[0]), len(columns), np.uint64))
    for column in columns:
        bits = (np.asarray(column).astype(np.float64) + 0.0).view(np.uint64)  # + 0.0 turns -0 into 0
        state = mix(state ^ bits)
    return state.view(np.int64)
