"""Do scores mean probabilities? Reliability curve, expected calibration error, Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError, DataError
from jetlego.evaluation.checks import checked_binary, checked_classes, checked_column, checked_weight


@dataclass(frozen=True)
class Reliability:
    """How often jets of a given score are signal. Arrays have one entry for each of the n bins that hold jets.

    Attributes
    ----------
    mean_score, signal_fraction, fraction_error
        (n,) mean score, part that is signal, and the binomial standard error of that part.
    weight
        (n,) weight of the jets in the bin.
    expected_calibration_error
        Mean over jets of |signal_fraction - mean_score| of their bin (Naeini, Cooper, Hauskrecht, AAAI 2015).
    largest_calibration_error
        The largest such difference.
    brier
        Mean of (score - truth)^2 (Brier, Mon. Weather Rev. 78 (1950) 1).
    """

    mean_score: FloatArray
    signal_fraction: FloatArray
    fraction_error: FloatArray
    weight: FloatArray
    expected_calibration_error: float
    largest_calibration_error: float
    brier: float


def reliability(
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    bins: int = 15,
    equal_counts: bool = False,
    weight: npt.ArrayLike | None = None,
) -> Reliability:
    """Return the reliability curve of a signal score.

    Parameters
    ----------
    label
        (B,) 1 for signal, 0 for background.
    score
        (B,) in [0, 1].
    bins
        Number of bins in score, of equal width unless ``equal_counts``.
    weight
        (B,) jet weights.

    Raises
    ------
    DataError
        SCORES if a score lies outside [0, 1]; LABELS, NONFINITE, WEIGHTS as elsewhere, NO-JETS for no jets.
    """
    truth = checked_binary(label).astype(np.float64)
    p = checked_column(score, truth.size, "score")
    w = checked_weight(weight, truth.size)
    if not truth.size:
        raise DataError("NO-JETS", "a reliability curve of no jets")
    if p.min() < 0.0 or p.max() > 1.0:
        raise DataError("SCORES", f"scores span [{p.min():g}, {p.max():g}], not [0, 1]", "give softmax scores")
    place = np.searchsorted(_inner_edges(p, bins, equal_counts), p, side="right")
    total, of_score, of_truth, squares = (
        np.bincount(place, weights=column, minlength=bins).astype(np.float64) for column in (w, w * p, w * truth, w * w)
    )
    filled = total > 0
    mean, fraction = of_score[filled] / total[filled], of_truth[filled] / total[filled]
    gap = np.abs(fraction - mean)
    return Reliability(
        mean_score=mean,
        signal_fraction=fraction,
        fraction_error=np.sqrt((fraction * (1.0 - fraction)).clip(0.0) * squares[filled]) / total[filled],
        weight=total[filled],
        expected_calibration_error=float(gap @ total[filled] / total[filled].sum()),
        largest_calibration_error=float(gap.max()),
        brier=float(w @ np.square(p - truth) / w.sum()),
    )


def top_label_reliability(
    label: npt.ArrayLike, scores: npt.ArrayLike, *, bins: int = 15, weight: npt.ArrayLike | None = None
) -> Reliability:
    """Return the reliability of the chosen class: is it right as often as its score says?

    ``label`` (B,) class numbers, ``scores`` (B, K) rows that sum to one. Guo et al., arXiv:1706.04599, eq. (3).
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2:
        raise DataError("SHAPE", f"scores have shape {table.shape}", "give (B, K)")
    truth = checked_classes(label, table.shape[1])
    return reliability(table.argmax(axis=1) == truth, table.max(axis=1), bins=bins, weight=weight)


def _inner_edges(score: FloatArray, bins: int, equal_counts: bool) -> FloatArray:
    if bins < 1:
        raise ConfigError("BAD-VALUE", f"{bins} bins")
    inner = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    return np.quantile(score, inner) if equal_counts else inner
