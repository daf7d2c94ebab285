"""Jets that occur twice: a 64-bit key for each jet, equal for equal constituents in equal order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetlego.data.jets import Jets

Keys = npt.NDArray[np.uint64]


def jet_keys(jets: Jets) -> Keys:
    """Return (B,) uint64 that differ for different jets, up to chance: a mix of all bits of all momenta in order."""
    place = np.arange(len(jets.p4)) - np.repeat(jets.jet_ptr[:-1], jets.num_constituents)
    out = np.zeros(jets.num_jets, np.uint64)
    filled = jets.num_constituents > 0
    with np.errstate(over="ignore"):
        key = _mixed(place.astype(np.uint64) + np.uint64(1))
        for column in jets.p4.T:
            key = _mixed(key ^ np.ascontiguousarray(column).view(np.uint64))
        if filled.any():
            out[filled] = np.add.reduceat(key, jets.jet_ptr[:-1][filled])
    return out


def count_duplicates(keys: list[Keys]) -> int:
    """Return how many keys equal an earlier one."""
    together = np.concatenate(keys) if keys else np.empty(0, np.uint64)
    return len(together) - len(np.unique(together))


def _mixed(x: Keys) -> Keys:
    """Return SplitMix64 of each value (Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
