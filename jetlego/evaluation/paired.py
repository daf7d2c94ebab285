"""Is one tagger better than another? Differences on the same jets, whose common fluctuations cancel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError, DataError
from jetlego.evaluation.bootstrap import REPLICAS, bootstrap_error
from jetlego.evaluation.checks import checked_classes, checked_weight
from jetlego.evaluation.figures import Path, sections
from jetlego.evaluation.scores import log_probabilities, roles


def paired_differences(
    label: npt.ArrayLike,
    outputs: Sequence[npt.ArrayLike],
    *,
    classes: Sequence[str],
    weight: npt.ArrayLike | None = None,
    signal: str | None = None,
    background: str | None = None,
    kind: str = "auto",
    signal_efficiencies: Sequence[float] = (0.3, 0.5),
    replicas: int = REPLICAS,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return how much every tagger after the first differs from the first, with paired bootstrap errors.

    Parameters
    ----------
    label
        (B,) class numbers of the jets that all taggers have judged, in one order.
    outputs
        One (B, K) array of logits or scores for each tagger, at least two.
    classes, weight, signal, background, kind, signal_efficiencies, replicas, seed
        As for :func:`jetlego.evaluation.metrics.evaluate`.

    Returns
    -------
    list of dict
        For each tagger but the first ``{"auc": d, "auc_error": e, "accuracy": ..., "loss": ...,
        "background_rejection.0.3": ...}``: differences "this one minus the first". Every replica draws the same jets
        for all taggers, so the error is that of the difference. What cannot be had is None.
    """
    if len(outputs) < 2:
        raise ConfigError("BAD-VALUE", f"{len(outputs)} tagger to compare", "give at least two")
    s, b = roles(classes, signal, background)
    truth = checked_classes(label, len(classes))
    w = checked_weight(weight, truth.size)
    figures, kept = [], []
    for output in outputs:
        log_p = log_probabilities(output, kind=kind, num_classes=len(classes), signal=s)
        if len(log_p) != truth.size:
            raise DataError("SHAPE", f"{len(log_p)} rows of output for {truth.size} labels")
        parts = sections(truth, log_p, w, classes=classes, background=b, working_points=signal_efficiencies)
        paths = [path for part in parts for path in part.paths]
        figures.append([part.function for part in parts])
        kept = [(i, _name(path, classes[s])) for i, path in enumerate(paths) if _name(path, classes[s])]
    chosen = [i for i, _ in kept]

    def differences(counts: FloatArray | None) -> FloatArray:
        values = np.array([np.concatenate([f(counts) for f in functions])[chosen] for functions in figures])
        with np.errstate(invalid="ignore"):
            return (values[1:] - values[0]).ravel()

    found = differences(None).reshape(len(outputs) - 1, -1)
    errors = bootstrap_error(differences, truth.size, replicas=replicas, seed=seed).reshape(found.shape)
    return [_row([name for _, name in kept], *pair) for pair in zip(found, errors, strict=True)]


def _name(path: Path, signal: str) -> str:
    """Return the name of an overall figure or of one of the signal class, empty for others."""
    if path[0] == "per_class":
        return ".".join(path[2:]) if path[1] == signal and path[2] == "background_rejection" else ""
    return ".".join(path)


def _row(names: list[str], values: FloatArray, errors: FloatArray) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value, error in zip(names, values, errors, strict=True):
        row[name] = float(value) if np.isfinite(value) else None
        row[f"{name}_error"] = float(error) if np.isfinite(value) and np.isfinite(error) else None
    return row
