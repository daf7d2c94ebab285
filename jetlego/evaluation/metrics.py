"""All figures of merit of a classifier as one plain dictionary, each with its error.

The form is fixed, so that runs can be compared by a script::

    {"num_jets": 20000, "classes": ["top", "qcd"], "signal": "top", "background": "qcd",
     "auc": 0.98, "auc_error": 0.001, "accuracy": ..., "accuracy_error": ..., "loss": ..., "loss_error": ...,
     "background_rejection": {"0.3": 800.0, "0.5": 210.0}, "background_rejection_error": {...},
     "background_rejection_binomial_error": {...}, "background_rejection_lower_bound": {...},
     "confusion_matrix": [[...], [...]], "per_class": {...}, "null_reasons": {"auc": "no jet of class top"}}

A figure that cannot be had is None, with its reason in ``null_reasons``; no NaN or infinity appears.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import DataError
from jetlego.evaluation.bootstrap import REPLICAS, bootstrap_error
from jetlego.evaluation.checks import checked_classes, checked_weight, negative_fraction
from jetlego.evaluation.figures import Path, Section, sections
from jetlego.evaluation.roc import working_point
from jetlego.evaluation.scores import discriminant, log_probabilities, roles

CONFIDENCE = 0.95
"""One-sided level of ``background_rejection_lower_bound``."""


def evaluate(
    label: npt.ArrayLike,
    output: npt.ArrayLike,
    *,
    classes: Sequence[str],
    weight: npt.ArrayLike | None = None,
    signal: str | None = None,
    background: str | None = None,
    kind: str = "auto",
    signal_efficiencies: Sequence[float] = (0.3, 0.5),
    replicas: int = REPLICAS,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the figures of merit of a classifier, in the form shown at the top of this module.

    Parameters
    ----------
    label
        (B,) integers, position of the true class in ``classes``.
    output
        (B, K) logits or scores; for two classes also (B,), the logit or score of the signal.
    classes
        K names.
    weight
        (B,) jet weights; negative ones are allowed and their part is reported.
    signal, background
        Class names. By default the background is the first class called ``qcd``, ``background`` or the like (else
        the last), and the signal the first of the others.
    kind
        ``"logits"``, ``"scores"`` or ``"auto"`` (:func:`jetlego.evaluation.scores.log_probabilities`).
    signal_efficiencies
        Working points eps_S at which 1 / eps_B is given; keys are written as ``"0.3"``.
    replicas, seed
        Of the bootstrap over jets; 0 replicas: errors are None.

    Returns
    -------
    dict
        JSON-able. For K > 2, ``auc`` is the macro average over ordered pairs of classes (Hand and Till 2001), the
        top-level rejection is that of ``signal`` against ``background`` on p_S / (p_S + p_B), and ``per_class`` sets
        every other class against ``background`` in the same way. ``loss`` is the mean cross entropy in nats.
        ``per_class.<name>.accuracy`` is the part of that class recognised as such; ``confusion_matrix[t][p]`` the
        weight of jets of class t taken for class p.

    Raises
    ------
    DataError
        LABELS (unlabelled or unknown class), SHAPE, NONFINITE or WEIGHTS.
    """
    s, b = roles(classes, signal, background)
    truth = checked_classes(label, len(classes))
    w = checked_weight(weight, truth.size)
    log_p = log_probabilities(output, kind=kind, num_classes=len(classes), signal=s)
    if len(log_p) != truth.size:
        raise DataError("SHAPE", f"{len(log_p)} rows of output for {truth.size} labels")
    # Jets side by side in score are side by side in memory: replicas run three times faster, and the errors do not
    # depend on the order of the input.
    order = np.argsort(discriminant(log_p, s, [b]), kind="stable")
    truth, w, log_p = truth[order], w[order], log_p[order]
    absent = _absent(truth, w, classes)
    parts = sections(truth, log_p, w, classes=classes, background=b, working_points=signal_efficiencies)
    result: dict[str, Any] = {
        "num_jets": int(truth.size),
        "classes": list(classes),
        "signal": classes[s],
        "background": classes[b],
        "num_jets_per_class": {name: int(np.count_nonzero(truth == k)) for k, name in enumerate(classes)},
        "negative_weight_fraction": negative_fraction(w),
    }
    _add_figures(result, parts, absent, num_jets=truth.size, replicas=replicas, seed=seed)
    for k, name in enumerate(classes):
        if k != b and not (k in absent or b in absent):
            place = result["per_class"][name] if len(classes) > 2 else result
            _add_limits(place, truth, discriminant(log_p, k, [b]), w, k, b)
    if len(classes) > 2:
        _lift(result, classes[s])
    result["confusion_matrix"] = _confusion(truth, log_p, w).tolist()
    return result


def _absent(truth: IntArray, weight: FloatArray, classes: Sequence[str]) -> dict[int, str]:
    """Return why a class cannot be measured, for each class that cannot."""
    reasons = {}
    for k, name in enumerate(classes):
        members = truth == k
        if not members.any():
            reasons[k] = f"no jet of class '{name}'"
        elif weight[members].sum() <= 0:
            reasons[k] = f"the weights of class '{name}' sum to {weight[members].sum():g}"
    return reasons


def _add_figures(
    result: dict[str, Any], parts: list[Section], absent: dict[int, str], *, num_jets: int, replicas: int, seed: int
) -> None:
    """Add every figure, its bootstrap error, and the reason where there is none."""

    def everything(counts: FloatArray | None) -> FloatArray:
        return np.concatenate([part.function(counts) for part in parts])

    values = everything(None)
    errors = np.full(values.shape, np.nan)
    if replicas > 1 and num_jets:
        errors = bootstrap_error(everything, num_jets, replicas=replicas, seed=seed)
    result["null_reasons"] = {}
    missing = "; ".join(absent.values()) or "there are no jets"
    paths = [path for part in parts for path in part.paths]
    for path, value, error in zip(paths, values, errors, strict=True):
        known = math.isfinite(value)
        _put(result, path, value)
        _put(result, _error_path(path), error if known else math.nan)
        if not known:
            result["null_reasons"][".".join(path)] = "no background jet passes" if math.isinf(value) else missing
        elif math.isinf(error):
            result["null_reasons"][".".join(_error_path(path))] = "in some replicas no background jet passes"


def _error_path(path: Path) -> Path:
    """Return where an error stands: ``auc_error``; ``background_rejection_error.0.3``."""
    named = max(i for i, name in enumerate(path) if name[0].isalpha())
    return (*path[:named], f"{path[named]}_error", *path[named + 1 :])


def _put(result: dict[str, Any], path: Path, value: float) -> None:
    for name in path[:-1]:
        result = result.setdefault(name, {})
    result[path[-1]] = float(value) if math.isfinite(value) else None


def _add_limits(
    place: dict[str, Any], truth: IntArray, score: FloatArray, weight: FloatArray, signal: int, background: int
) -> None:
    """Add the binomial error and the lower bound of each rejection of a pair of classes."""
    pair = (truth == signal) | (truth == background)
    place["background_rejection_binomial_error"] = {}
    place["background_rejection_lower_bound"] = {}
    for key in place["background_rejection"]:
        cut = working_point(
            truth[pair] == signal, score[pair], signal_efficiency=float(key), weight=weight[pair], confidence=CONFIDENCE
        )
        _put(place, ("background_rejection_binomial_error", key), cut.rejection_error)
        _put(place, ("background_rejection_lower_bound", key), cut.rejection_lower_bound)


def _lift(result: dict[str, Any], signal: str) -> None:
    """Copy the rejections of the signal class to the top level, where a script looks for them."""
    chosen = result["per_class"][signal]
    result |= copy.deepcopy({key: value for key, value in chosen.items() if key.startswith("background")})
    inside = f"per_class.{signal}."
    reasons = result["null_reasons"]
    reasons |= {k.removeprefix(inside): v for k, v in reasons.items() if k.startswith(f"{inside}background")}


def _confusion(truth: IntArray, log_p: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the (K, K) weight of jets of class t (row) taken for class p (column)."""
    k = log_p.shape[1]
    taken = log_p.argmax(axis=1)
    cells = np.bincount(truth * k + taken, weights=weight, minlength=k * k)
    return cells.astype(np.float64).reshape(k, k)
