"""ROC curves, and background rejection at fixed signal efficiency: the two numbers a tagger is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetlego.conventions import BoolArray, FloatArray
from jetlego.errors import ConfigError, DataError
from jetlego.evaluation.checks import (
    checked_binary,
    checked_column,
    checked_weight,
    effective_count,
    negative_fraction,
)
from jetlego.evaluation.intervals import binomial_upper_limit
from jetlego.evaluation.ranking import Ranking


@dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic, one point for each distinct score and one for "keep nothing".

    Attributes
    ----------
    false_positive_rate, true_positive_rate
        (G + 1,) float64: eps_B and eps_S of the cut ``score >= thresholds``, from (0, 0) to (1, 1).
    thresholds
        (G + 1,) float64, falling; the first is infinite.
    auc
        Area under the curve; equal scores count one half.
    negative_weight_fraction
        Part of the absolute weight that is negative; above zero the curve need not be monotone.
    """

    false_positive_rate: FloatArray
    true_positive_rate: FloatArray
    thresholds: FloatArray
    auc: float
    negative_weight_fraction: float = 0.0


@dataclass(frozen=True)
class WorkingPoint:
    """A cut on the score, and what it keeps.

    Attributes
    ----------
    threshold
        The highest cut that keeps at least the wanted signal; a jet is kept if ``score >= threshold``.
    signal_efficiency, background_efficiency
        What that cut keeps. With equal scores at the cut, eps_S can exceed the wanted one.
    background_rejection
        1 / eps_B, infinite if no background passes.
    rejection_lower_bound
        What the rejection exceeds at ``confidence``: finite even if no background passes.
    rejection_error
        Binomial standard error of 1 / eps_B, for a threshold known exactly; NaN if no background passes.
    """

    threshold: float
    signal_efficiency: float
    background_efficiency: float
    background_rejection: float
    rejection_lower_bound: float
    rejection_error: float


def roc(label: npt.ArrayLike, score: npt.ArrayLike, *, weight: npt.ArrayLike | None = None) -> Roc:
    """Return the ROC curve of a score.

    Parameters
    ----------
    label
        (B,) 1 or True for signal, 0 for background.
    score
        (B,) finite, higher for signal; any monotone function of it gives the same curve.
    weight
        (B,) jet weights. Negative ones are allowed and reported in the result.

    Raises
    ------
    DataError
        LABELS if signal or background is absent, NONFINITE for a score, WEIGHTS for NaN or for a class whose
        weights do not sum to a positive number.
    """
    truth, column, w = _checked(label, score, weight)
    ranking = Ranking.of(truth, column, w)
    order = np.argsort(-column, kind="stable")
    falling = column[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    signal, background = (np.cumsum(np.where(kind[order], w[order], 0.0))[last] for kind in (truth, ~truth))
    return Roc(
        false_positive_rate=np.append(0.0, background / background[-1]),
        true_positive_rate=np.append(0.0, signal / signal[-1]),
        thresholds=np.append(np.inf, falling[last]),
        auc=ranking.area(ranking.sums()),
        negative_weight_fraction=negative_fraction(w),
    )


def background_rejection(
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    signal_efficiency: float | npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
) -> float | FloatArray:
    """Return 1 / eps_B where the ROC reaches the given eps_S.

    Parameters
    ----------
    label, score, weight
        As for :func:`roc`.
    signal_efficiency
        One number in (0, 1], or an array of them.

    Returns
    -------
    float or ndarray
        Of the shape of ``signal_efficiency``; infinite where no background passes
        (:func:`working_point` has the statistical lower bound).

    Notes
    -----
    Where several eps_B belong to one eps_S, the tightest cut counts. Jets of equal score are shared out as if drawn
    at random, so eps_S is met exactly; without equal scores this is the plain cut.
    """
    wanted = _checked_efficiency(signal_efficiency)
    ranking = Ranking.of(*_checked(label, score, weight))
    rejection = inverse(ranking.background_efficiency(ranking.sums(), wanted.ravel())).reshape(wanted.shape)
    return float(rejection) if wanted.ndim == 0 else rejection


def working_point(
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    signal_efficiency: float,
    weight: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> WorkingPoint:
    """Return the cut that keeps at least ``signal_efficiency`` of the signal, with its statistical limits.

    Parameters are those of :func:`background_rejection`; ``confidence`` is the one-sided level of the lower bound
    (Clopper-Pearson; weighted jets by their effective number).
    """
    truth, column, w = _checked(label, score, weight)
    wanted = float(_checked_efficiency(signal_efficiency))
    threshold = Ranking.of(truth, column, w).threshold(wanted)
    passes = column >= threshold
    eps_s, eps_b = (float(w[kind & passes].sum() / w[kind].sum()) for kind in (truth, ~truth))
    tried = effective_count(w[~truth])
    error = np.sqrt((1.0 - eps_b) / (eps_b**3 * tried)) if 0.0 < eps_b <= 1.0 else np.nan
    limit = binomial_upper_limit(max(eps_b, 0.0) * tried, tried, confidence=confidence)
    return WorkingPoint(
        threshold=threshold,
        signal_efficiency=eps_s,
        background_efficiency=eps_b,
        background_rejection=float(inverse(np.asarray(eps_b))),
        rejection_lower_bound=1.0 / limit,
        rejection_error=float(error),
    )


def inverse(efficiency: FloatArray) -> FloatArray:
    """Return 1 / eps, infinite where nothing passes (or less than nothing, with negative weights); NaN stays."""
    with np.errstate(divide="ignore"):
        return 1.0 / np.where(efficiency <= 0.0, 0.0, efficiency)


def _checked(
    label: npt.ArrayLike, score: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Return truth, score and weight of a two-class figure, refused if a class is absent or weighs nothing."""
    truth = checked_binary(label)
    column = checked_column(score, truth.size, "score")
    w = checked_weight(weight, truth.size)
    for kind, members in (("signal", truth), ("background", ~truth)):
        if not members.any():
            raise DataError("LABELS", f"there is no {kind} among {truth.size} jets", "an ROC needs both kinds")
        if w[members].sum() <= 0:
            raise DataError("WEIGHTS", f"the weights of the {kind} sum to {w[members].sum():g}", "check their signs")
    return truth, column, w


def _checked_efficiency(signal_efficiency: float | npt.ArrayLike) -> FloatArray:
    wanted = np.asarray(signal_efficiency, dtype=np.float64)
    if not np.all((wanted > 0.0) & (wanted <= 1.0)):
        raise ConfigError("BAD-VALUE", f"signal efficiency {wanted} lies outside (0, 1]")
    return wanted
