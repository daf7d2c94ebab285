"""The order of a shuffled epoch as a keyed bijection: position alone, without any state, gives the sample.

A balanced Feistel network over the smallest even number of bits that holds ``num_samples``, with cycle walking to stay
inside the range. Hence any number of workers or ranks, and a run resumed at any position, see the same sequence.

References
----------
Luby, Rackoff, SIAM J. Comput. 17 (1988) 373 (Feistel permutations); Black, Rogaway, CT-RSA 2002 (cycle walking);
Steele, Lea, Flood, OOPSLA 2014 (the SplitMix64 mixing function).
"""

from __future__ import annotations

import numpy as np

from jetlego.conventions import IntArray

_ROUNDS = 6
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _round_keys(seed: int, epoch: int) -> np.ndarray:
    key = _mix(np.array([seed], dtype=np.uint64) + _GOLDEN)
    key = _mix(key ^ (np.array([epoch], dtype=np.uint64) * _GOLDEN + _GOLDEN))
    return _mix(key + np.arange(1, _ROUNDS + 1, dtype=np.uint64) * _GOLDEN)


def _feistel(x: np.ndarray, keys: np.ndarray, half_bits: int) -> np.ndarray:
    shift, mask = np.uint64(half_bits), np.uint64((1 << half_bits) - 1)
    left, right = x >> shift, x & mask
    for key in keys:
        left, right = right, left ^ (_mix(right + key) & mask)
    return (left << shift) | right


def shuffled(positions: IntArray, *, num_samples: int, seed: int, epoch: int) -> IntArray:
    """Return the sample at each global position of an epoch.

    Parameters
    ----------
    positions
        (n,) integers in [0, num_samples).
    num_samples
        Size of the data set; the map is a bijection on ``range(num_samples)``.
    seed, epoch
        The key, both >= 0.

    Returns
    -------
    (n,) int64, the same for the same key on any platform.
    """
    half_bits = max(1, (max(num_samples - 1, 1).bit_length() + 1) // 2)
    out = np.asarray(positions).astype(np.uint64)
    if out.size and int(out.max()) >= num_samples:
        raise IndexError(f"position {int(out.max())} is outside an epoch of {num_samples} samples")
    with np.errstate(over="ignore"):
        keys = _round_keys(seed, epoch)
        out = _feistel(out, keys, half_bits)
        outside = np.flatnonzero(out >= num_samples)
        while outside.size:
            out[outside] = _feistel(out[outside], keys, half_bits)
            outside = outside[out[outside] >= num_samples]
    return out.astype(np.int64)
