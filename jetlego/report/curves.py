"""The curves that a report draws, from scores: one ROC per signal class, all against one background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.conventions import BoolArray, FloatArray
from jetlego.evaluation.checks import checked_weight, effective_count
from jetlego.evaluation.roc import Roc, roc
from jetlego.evaluation.scores import discriminant, log_probabilities
from jetlego.report.contents import ReportContents


@dataclass(frozen=True)
class Pair:
    """Jets of a signal class and of the background, and the discriminant between the two.

    ``members`` (B,) bool picks them from the test jets; ``truth``, ``score`` and ``weight`` speak of those alone.
    """

    members: BoolArray
    truth: BoolArray
    score: FloatArray
    weight: FloatArray

    @property
    def complete(self) -> bool:
        """Whether both kinds are there, with positive weight."""
        return bool(self.weight[self.truth].sum() > 0 and self.weight[~self.truth].sum() > 0)

    @property
    def num_background(self) -> float:
        """Effective number of background jets."""
        return effective_count(self.weight[~self.truth])

    def roc(self) -> Roc:
        """Return the ROC curve of the pair."""
        return roc(self.truth, self.score, weight=self.weight)


def pair_of(contents: ReportContents, signal: int) -> Pair:
    """Return the test jets of class ``signal`` and of the background, with ln p_S - ln p_B."""
    b = contents.background
    log_p = log_probabilities(contents.scores, kind="scores", num_classes=len(contents.classes), signal=signal)
    members = (contents.label == signal) | (contents.label == b)
    weight = checked_weight(contents.weight, len(contents.label))
    return Pair(members, contents.label[members] == signal, discriminant(log_p[members], signal, [b]), weight[members])


def complete_pairs(contents: ReportContents) -> dict[str, Pair]:
    """Return {class: pair} for every class but the background that can be set against it."""
    s, b = contents.signal, contents.background
    others = [s, *(k for k in range(len(contents.classes)) if k not in (s, b))]
    pairs = {contents.classes[k]: pair_of(contents, k) for k in others}
    return {name: pair for name, pair in pairs.items() if pair.complete}


def discriminant_score(contents: ReportContents) -> FloatArray:
    """Return p_S / (p_S + p_B) (B,) of all test jets, in [0, 1]; for two classes the signal's score itself."""
    p = contents.scores
    total = p[:, contents.signal] + p[:, contents.background]
    return np.divide(p[:, contents.signal], total, out=np.full(len(p), 0.5), where=total > 0)
