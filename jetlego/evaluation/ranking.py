"""Signal and background sorted once by score, so that AUC and rejection under any weights cost one running sum.

Bootstrap replicas differ by how often each jet is drawn, never by the order of the scores: the sort and the places of
the background among the signal are shared by all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.conventions import BoolArray, FloatArray, IntArray

# A sum of weights reaches its target up to rounding; relative to the total.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Sums:
    """Running sum of signal weight by falling score, (S + 1,) from zero, and background weights, (N,)."""

    kept: FloatArray
    background: FloatArray


@dataclass(frozen=True)
class Ranking:
    """Two kinds of jets, each by falling score. S and N count signal and background jets.

    Attributes
    ----------
    signal, background
        (S,) and (N,) int64, jet numbers by falling score.
    signal_weight, background_weight
        (S,) and (N,) float64, in the same order.
    minus_score
        (S,) float64, the negated score of the signal jets, rising.
    above, at_least
        (N,) int64: how many signal jets score higher than this background jet, and how many at least as high.
        They differ for equal scores only.
    has_ties
        Whether some signal jet and some background jet have the same score.
    has_negative
        Whether some signal weight is negative.
    """

    signal: IntArray
    background: IntArray
    signal_weight: FloatArray
    background_weight: FloatArray
    minus_score: FloatArray
    above: IntArray
    at_least: IntArray
    has_ties: bool
    has_negative: bool

    @classmethod
    def of(cls, truth: BoolArray, score: FloatArray, weight: FloatArray) -> Ranking:
        """Sort jets by (B,) score; ``truth`` is True for signal."""
        signal, background = _falling(np.flatnonzero(truth), score), _falling(np.flatnonzero(~truth), score)
        rising, others = -score[signal], -score[background]
        above, at_least = (np.searchsorted(rising, others, side=side) for side in ("left", "right"))
        w = weight[signal]
        ties, negative = not np.array_equal(above, at_least), bool(np.any(w < 0))
        return cls(signal, background, w, weight[background], rising, above, at_least, ties, negative)

    def sums(self, counts: FloatArray | None = None) -> Sums:
        """Return the weights that AUC and rejection are made of.

        ``counts`` (B,) multiplies each jet's weight: how often a bootstrap replica drew it.
        """
        s, b = self.signal_weight, self.background_weight
        if counts is not None:
            s, b = s * counts[self.signal], b * counts[self.background]
        return Sums(np.concatenate([np.zeros(1), np.cumsum(s)]), b)

    def area(self, sums: Sums) -> float:
        """Return the area under the ROC, equal scores counting one half; NaN without both kinds."""
        kept, background = sums.kept, sums.background
        total = kept[-1] * background.sum()
        if not (kept[-1] > 0 and total > 0):
            return float("nan")
        higher = background @ kept[self.above]
        if self.has_ties:
            higher = 0.5 * (higher + background @ kept[self.at_least])
        return float(higher / total)

    def background_efficiency(self, sums: Sums, signal_efficiency: FloatArray) -> FloatArray:
        """Return eps_B where the ROC first reaches each of (W,) eps_S; NaN without both kinds.

        Within a group of equal scores the ROC is straight: a part of the group is kept at random.
        """
        total = sums.background.sum()
        if not (sums.kept[-1] > 0 and total > 0):
            return np.full(signal_efficiency.shape, np.nan)
        passing = np.array([self._passing(sums, eps) for eps in signal_efficiency])
        return passing / total

    def threshold(self, signal_efficiency: float) -> float:
        """Return the highest cut ``score >= threshold`` that keeps at least ``signal_efficiency`` of the signal."""
        return -float(self.minus_score[self._first_reaching(self.sums().kept, signal_efficiency)])

    def _passing(self, sums: Sums, signal_efficiency: float) -> float:
        """Return the background weight that passes where the signal reaches eps_S."""
        kept, background = sums.kept, sums.background
        cut = self.minus_score[self._first_reaching(kept, signal_efficiency)]
        first, last = (np.searchsorted(self.minus_score, cut, side=side) for side in ("left", "right"))
        # Background jets with at most ``first`` signal jets at or above them score higher than the group.
        higher = np.searchsorted(self.at_least, first, side="right")
        tied = higher + np.searchsorted(self.above[higher:], last, side="left")
        passing = float(background[:higher].sum())
        if tied == higher:
            return passing
        step = kept[last] - kept[first]
        part = (signal_efficiency * kept[-1] - kept[first]) / step if step > 0 else 1.0
        return passing + min(max(part, 0.0), 1.0) * float(background[higher:tied].sum())

    def _first_reaching(self, kept: FloatArray, signal_efficiency: float) -> int:
        """Return the signal jet with which the running sum ``kept`` first reaches the wanted part of its total.

        Negative weights make the sum fall in places: then its running maximum counts.
        """
        target = (signal_efficiency - _ROUNDING) * kept[-1]
        rising = np.maximum.accumulate(kept) if self.has_negative else kept
        return int(np.searchsorted(rising, target).clip(1, kept.size - 1)) - 1


def _falling(jets: IntArray, score: FloatArray) -> IntArray:
    return jets[np.argsort(-score[jets], kind="stable")]
