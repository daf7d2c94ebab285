"""Bootstrap over jets: how far a figure of merit would move with another sample of the same size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jetlego.conventions import FloatArray

REPLICAS = 100
"""Replicas per error: the error itself is then known to 1/sqrt(2 * 100) = 7 %."""


def bootstrap_error(
    statistic: Callable[[FloatArray], FloatArray], num_jets: int, *, replicas: int = REPLICAS, seed: int = 0
) -> FloatArray:
    """Return the standard deviation (S,) of a vector of figures over bootstrap replicas.

    Parameters
    ----------
    statistic
        Takes ``counts`` (B,) float64, how often a replica drew each jet, and gives (S,) figures. NaN in a replica
        (a class was not drawn) leaves that replica out; an infinite figure makes the error infinite.
    num_jets
        B; every replica draws B jets with replacement.
    replicas, seed
        The same seed gives the same error, bit for bit.

    References
    ----------
    Efron, Annals of Statistics 7 (1979) 1.
    """
    rng = np.random.default_rng(seed)
    figures = np.array([statistic(_draw(rng, num_jets)) for _ in range(replicas)])
    return np.array([_spread(column) for column in figures.T])


def _draw(rng: np.random.Generator, num_jets: int) -> FloatArray:
    return np.bincount(rng.integers(num_jets, size=num_jets), minlength=num_jets).astype(np.float64)


def _spread(figures: FloatArray) -> float:
    """Return the sample standard deviation of the replicas that have a figure; NaN if fewer than two do."""
    known = figures[~np.isnan(figures)]
    if known.size < 2:
        return float("nan")
    return float(known.std(ddof=1)) if np.isfinite(known).all() else float("inf")
