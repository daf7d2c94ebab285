"""Figures of merit as functions of how often each jet counts, which is the form a bootstrap needs.

All that does not depend on the counts (sorting above all) is done once, when a section is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.evaluation.ranking import Ranking
from jetlego.evaluation.roc import inverse
from jetlego.evaluation.scores import discriminant

Path = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """Figures that are computed together.

    Attributes
    ----------
    paths
        Where each stands in the dictionary of results, such as ``("background_rejection", "0.3")``.
    function
        From (B,) counts, or None for the sample itself, to one number for each path; NaN where there is none.
    """

    paths: tuple[Path, ...]
    function: Callable[[FloatArray | None], FloatArray]


def sections(
    truth: IntArray,
    log_p: FloatArray,
    weight: FloatArray,
    *,
    classes: Sequence[str],
    background: int,
    working_points: Sequence[float],
) -> list[Section]:
    """Return all figures of a classifier of (B,) ``truth`` with (B, K) log-probabilities and (B,) weights."""
    found = [_overall(truth, log_p, weight, classes)]
    several = len(classes) > 2
    if several:
        found.append(_macro_auc(truth, log_p, weight))
    for k, name in enumerate(classes):
        if k != background:
            place = ("per_class", name) if several else ()
            score = discriminant(log_p, k, [background])
            found.append(_pair(truth, score, weight, k, background, place, working_points))
    return found


def _overall(truth: IntArray, log_p: FloatArray, weight: FloatArray, classes: Sequence[str]) -> Section:
    """Return accuracy, loss, and the accuracy within each class."""
    k = len(classes)
    cell = truth * k + log_p.argmax(axis=1)
    loss = -np.take_along_axis(log_p, truth[:, None], axis=1)[:, 0]

    def function(counts: FloatArray | None) -> FloatArray:
        drawn = weight if counts is None else weight * counts
        taken = np.bincount(cell, weights=drawn, minlength=k * k).reshape(k, k)
        correct, members = np.diagonal(taken), taken.sum(axis=1)
        parts = np.array([correct.sum(), loss @ drawn, *correct])
        return _ratio(parts, np.array([members.sum(), members.sum(), *members]))

    paths: list[Path] = [("accuracy",), ("loss",), *[("per_class", name, "accuracy") for name in classes]]
    return Section(tuple(paths), function)


def _pair(
    truth: IntArray,
    score: FloatArray,
    weight: FloatArray,
    signal: int,
    background: int,
    place: Path,
    working_points: Sequence[float],
) -> Section:
    ranked = _ranked(truth, score, weight, signal, background)
    points = np.asarray(working_points, dtype=np.float64)

    def function(counts: FloatArray | None) -> FloatArray:
        sums = ranked.sums(counts)
        return np.append(ranked.area(sums), inverse(ranked.background_efficiency(sums, points)))

    rejections = [(*place, "background_rejection", f"{p:g}") for p in working_points]
    return Section(((*place, "auc"), *rejections), function)


def _macro_auc(truth: IntArray, log_p: FloatArray, weight: FloatArray) -> Section:
    """Mean over ordered pairs of classes (a, b) of the AUC of p_a between a and b.

    With every class scaled to total weight one, the mean over b is a single AUC of a against all the others.
    Hand and Till, Machine Learning 45 (2001) 171, eq. 7.
    """
    num_classes = log_p.shape[1]
    ranked = [Ranking.of(truth == a, log_p[:, a], np.ones(truth.size)) for a in range(num_classes)]

    def function(counts: FloatArray | None) -> FloatArray:
        drawn = weight if counts is None else weight * counts
        totals = np.bincount(truth, weights=drawn, minlength=num_classes)
        if not np.all(totals > 0):
            return np.full(1, np.nan)
        scaled = drawn / totals[truth]
        return np.array([np.mean([ranking.area(ranking.sums(scaled)) for ranking in ranked])])

    return Section((("auc",),), function)


def _ranked(truth: IntArray, score: FloatArray, weight: FloatArray, signal: int, background: int) -> Ranking:
    """Rank the jets of two classes; the others get no weight and no place."""
    members = np.flatnonzero((truth == signal) | (truth == background))
    inside = Ranking.of(truth[members] == signal, score[members], weight[members])
    return replace(inside, signal=members[inside.signal], background=members[inside.background])


def _ratio(part: FloatArray, total: FloatArray) -> FloatArray:
    known = total > 0
    return np.where(known, part / np.where(known, total, 1.0), np.nan)
