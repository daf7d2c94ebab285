"""How far a tagger's score moves when jets are disturbed: by collinear splittings, soft emission, or any function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.data.jets import Jets
from jetlego.data.stress import add_soft, split_collinear
from jetlego.errors import DataError
from jetlego.evaluation.roc import roc

Disturbance = Callable[[Jets], Jets]

STRESS_TESTS: Mapping[str, Disturbance] = {
    "hardest splits": split_collinear,
    "ten at random split": partial(split_collinear, count=10, choice="random"),
    "ten hardest split": partial(split_collinear, count=10),
    "ten soft particles": add_soft,
    "200 soft particles": partial(add_soft, count=200),
}
"""Those of arXiv:1702.00748, and ten soft particles beside its 200."""


@dataclass(frozen=True)
class ScoreShift:
    """What a disturbance does to the scores of a set of jets.

    Attributes
    ----------
    name
        The disturbance.
    median, tail
        Of the absolute change of the score: what half of the jets exceed, and what 5 % of them exceed.
    auc
        Area under the ROC curve of the disturbed jets.
    auc_change
        The same minus that of the jets as they are.
    """

    name: str
    median: float
    tail: float
    auc: float
    auc_change: float


def score_shifts(
    score: Callable[[Jets], FloatArray], jets: Jets, *, signal: int = 0, tests: Mapping[str, Disturbance] = STRESS_TESTS
) -> list[ScoreShift]:
    """Return how far each disturbance moves a tagger's score.

    Parameters
    ----------
    score
        Gives the (B,) score of jets, or (B, K) scores of classes, such as the ``predict`` of a run.
    jets
        Labelled jets.
    signal
        Class whose score is looked at; all others are background.
    tests
        {name: function from jets to jets, which keeps their number and order}.

    Raises
    ------
    DataError
        If the jets have no label, or a disturbance changes their number.
    """
    if jets.label is None:
        raise DataError("NO-LABEL", "the jets have no label", "read them with classes=")
    is_signal = jets.label == signal
    before = _of_signal(score(jets), signal)
    auc = roc(is_signal, before).auc
    shifts = []
    for name, disturb in tests.items():
        after = _of_signal(score(disturb(jets)), signal)
        if after.shape != before.shape:
            raise DataError("BAD-SHAPE", f"'{name}' makes {len(after)} jets of {len(before)}")
        moved = np.abs(after - before)
        new = roc(is_signal, after).auc
        shifts.append(ScoreShift(name, float(np.median(moved)), float(np.quantile(moved, 0.95)), new, new - auc))
    return shifts


def _of_signal(scores: FloatArray, signal: int) -> FloatArray:
    return scores[:, signal] if scores.ndim == 2 else scores
