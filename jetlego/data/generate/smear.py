"""Random numbers that a positive measurement may give."""

from __future__ import annotations

import numpy as np

from jetlego.conventions import FloatArray


def log_normal(mean: FloatArray, sigma: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return positive numbers of that mean and standard deviation (any shape)."""
    width2 = np.log1p((sigma / mean) ** 2)
    return mean * np.exp(np.sqrt(width2) * rng.standard_normal(mean.shape) - 0.5 * width2)
