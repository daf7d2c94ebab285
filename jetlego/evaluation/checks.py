"""What every figure of merit demands of its input, said once: labels, scores and weights as float64 arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.errors import DataError


def checked_binary(label: npt.ArrayLike) -> BoolArray:
    """Return truth as (B,) bool, True = signal; anything but 0 and 1 is refused."""
    truth = np.asarray(label)
    if truth.ndim != 1:
        raise DataError("LABELS", f"labels have shape {truth.shape}", "give one 0 or 1 per jet, shape (B,)")
    wrong = int(np.count_nonzero((truth != 0) & (truth != 1)))
    if wrong:
        raise DataError("LABELS", f"{wrong} of {truth.size} labels are neither 0 nor 1", "signal is 1")
    return truth.astype(bool)


def checked_classes(label: npt.ArrayLike, num_classes: int) -> IntArray:
    """Return truth as (B,) int64 class numbers below ``num_classes``; unlabelled jets (-1) are refused."""
    truth = np.asarray(label)
    if truth.ndim != 1 or not (np.issubdtype(truth.dtype, np.integer) or truth.dtype == bool):
        raise DataError("LABELS", f"labels have shape {truth.shape} and type {truth.dtype}", "give (B,) integers")
    low, high = int(np.count_nonzero(truth < 0)), int(np.count_nonzero(truth >= num_classes))
    if low or high:
        what = f"{low} jets without a label and {high} of a class beyond the {num_classes} known"
        raise DataError("LABELS", f"{what}, among {truth.size}")
    return truth.astype(np.int64)


def checked_column(values: npt.ArrayLike, num_jets: int, name: str) -> FloatArray:
    """Return a (B,) float64 column of finite numbers."""
    column = np.asarray(values, dtype=np.float64)
    if column.shape != (num_jets,):
        raise DataError("SHAPE", f"{name} has shape {column.shape} for {num_jets} jets")
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        raise DataError("NONFINITE", f"{name} of jet {bad[0]} is {column[bad[0]]} ({bad.size} such jets)")
    return column


def checked_weight(weight: npt.ArrayLike | None, num_jets: int) -> FloatArray:
    """Return (B,) float64 weights, ones if there are none; negative ones are allowed, a sum of zero is not."""
    if weight is None:
        return np.ones(num_jets)
    column = np.asarray(weight, dtype=np.float64)
    if column.shape != (num_jets,):
        raise DataError("WEIGHTS", f"weights have shape {column.shape} for {num_jets} jets")
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        raise DataError("WEIGHTS", f"weight of jet {bad[0]} is {column[bad[0]]} ({bad.size} such jets)")
    if num_jets and column.sum() <= 0:
        raise DataError("WEIGHTS", f"the {num_jets} weights sum to {column.sum():g}", "the sum must be positive")
    return column


def negative_fraction(weight: FloatArray) -> float:
    """Return the part of the absolute weight that is negative, 0 for ordinary weights."""
    total = float(np.abs(weight).sum())
    return abs(float(weight[weight < 0].sum())) / total if total else 0.0


def effective_count(weight: FloatArray) -> float:
    """Return the number of unweighted jets of equal statistical power, (sum w)^2 / sum w^2 (Kish)."""
    squares = float(np.square(weight).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0
