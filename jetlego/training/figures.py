"""Figures of merit of a run's scores: as the jets come, and with every class weighted flat in pT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.evaluation.flatten import flat_weights
from jetlego.evaluation.metrics import evaluate

if TYPE_CHECKING:
    from jetlego.training.run import Run

_BINS, _TAIL, _FEWEST = 20, 0.01, 100
"""Bins of the flat spectrum, the share cut off at either end of each class, and the fewest jets worth a figure."""


def score_metrics(run: Run, jets: Jets, scores: npt.ArrayLike) -> dict[str, Any]:
    """Return the metrics of ``scores`` (B, K) on labelled ``jets``, with bootstrap errors.

    ``flat_pt`` holds the same figures with every class weighted flat over the pT range (GeV, ``pt_range``) that the
    classes share: what is left once their spectra tell nothing. It is absent where they share fewer than 100 jets.
    """
    metrics = _evaluated(run, jets.label, scores, jets.weight)
    if "jet_pt" in jets.jet and jets.label is not None:
        flat = _flat_pt(run, jets, np.asarray(scores))
        if flat is not None:
            metrics["flat_pt"] = flat
    return metrics


def _flat_pt(run: Run, jets: Jets, scores: FloatArray) -> dict[str, Any] | None:
    pt, label = np.asarray(jets.jet["jet_pt"], np.float64), np.asarray(jets.label)
    span = shared_range(pt, label)
    if span is None:
        return None
    weight = flat_weights(pt, label, bins=_BINS, span=span, weight=jets.weight)
    kept = np.flatnonzero(weight > 0)
    if len(kept) < _FEWEST or len(np.unique(label[kept])) < len(run.classes):
        return None
    figures = _evaluated(run, label[kept], scores[kept], weight[kept])
    wanted = ("auc", "background_rejection", "accuracy", "num_jets")
    chosen = {name: value for name, value in figures.items() if name.removesuffix("_error") in wanted}
    return {"pt_range": [round(edge, 3) for edge in span], **chosen}


def shared_range(values: FloatArray, label: IntArray) -> tuple[float, float] | None:
    """Return the range in which every class has jets, without each one's extreme 1 %; None if there is none."""
    edges = [np.quantile(values[label == k], [_TAIL, 1 - _TAIL]) for k in np.unique(label) if k >= 0]
    low, high = float(max(e[0] for e in edges)), float(min(e[1] for e in edges))
    return (low, high) if low < high else None


def _evaluated(run: Run, label: Any, scores: npt.ArrayLike, weight: Any) -> dict[str, Any]:
    settings = run.config.evaluation
    return evaluate(
        label,
        scores,
        classes=run.classes,
        signal=run.classes[run.config.data.signal_index],
        weight=weight,
        kind="scores",
        signal_efficiencies=settings.signal_efficiencies,
        replicas=settings.bootstrap,
    )
