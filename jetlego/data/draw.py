"""Jets accepted at random: which of them take part in an epoch, as a pure function of (seed, epoch, jet)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.weights import accepted
from jetlego.errors import DataError

MAX_REPEATS = 10
"""How often a jet may be drawn at most when few are accepted."""

_SIGMAS = 4.0
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Draw:
    """A random selection that differs from epoch to epoch.

    In each of several rounds a jet is taken if a random number in (0, 1), keyed by seed, epoch, jet and round, lies
    below its weight; so it may come several times. There are as many rounds, up to 10, as make up for the jets that
    are not taken, which is how weaver samples by weights, but for the rounds of all jets instead of those of a chunk.

    Parameters
    ----------
    weight
        (B,) float32 probability of each jet; 1 and more take it always, 0 and less never.

    Raises
    ------
    DataError
        ``WEIGHTS`` if a weight is NaN, or no jet would ever be taken.
    """

    weight: FloatArray

    def __post_init__(self) -> None:
        if np.isnan(self.weight).any():
            raise DataError("WEIGHTS", f"{int(np.isnan(self.weight).sum())} sampling weights are NaN")
        if not self._kept > 0:
            raise DataError("WEIGHTS", f"no sampling weight of {len(self.weight)} jets is positive")

    @cached_property
    def _kept(self) -> float:
        return float(np.clip(self.weight, 0, 1).sum(dtype=np.float64))

    @cached_property
    def rounds(self) -> int:
        """Rounds of an epoch."""
        return max(1, min(MAX_REPEATS, int(len(self.weight) / max(1.0, self._kept))))

    @property
    def expected(self) -> float:
        """Mean number of jets of an epoch."""
        return self.rounds * self._kept

    @cached_property
    def fewest(self) -> int:
        """Number of jets that every epoch has, but for a chance of 1 in 30,000: four standard deviations below."""
        probability = np.clip(self.weight, 0, 1).astype(np.float64)
        spread = math.sqrt(self.rounds * float((probability * (1 - probability)).sum()))
        return max(1, math.floor(self.expected - _SIGMAS * spread + 1e-9))

    def rows(self, start: int, stop: int, *, seed: int, epoch: int) -> IntArray:
        """Return those of the jets ``start:stop`` that take part in an epoch, ascending, each as often as it does."""
        rows, weight = np.arange(start, stop), self.weight[start:stop]
        rounds = [rows[accepted(weight, rows, seed=seed, epoch=epoch, copy=k)] for k in range(1, self.rounds + 1)]
        return np.sort(np.concatenate(rounds))

    def counts(self, ptr: IntArray, *, seed: int, epoch: int) -> IntArray:
        """Return (n,) how many jets each block ``ptr[k]:ptr[k + 1]`` contributes to an epoch."""
        before = np.zeros(len(ptr), np.int64)
        for start in range(0, len(self.weight), _CHUNK):  # memory stays small beside the weights themselves
            rows = self.rows(start, min(start + _CHUNK, len(self.weight)), seed=seed, epoch=epoch)
            before += np.searchsorted(rows, ptr, side="left")
        return np.diff(before)
