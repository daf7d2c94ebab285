"""Figures that do not profit from different jet spectra: every class weighted flat in pT, and RecNN's convention."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jetlego.conventions import BoolArray, FloatArray
from jetlego.errors import ConfigError
from jetlego.evaluation.checks import checked_column, checked_weight
from jetlego.evaluation.roc import inverse, roc

RECNN_EFFICIENCIES = np.linspace(0.05, 1.0, 476)
"""Signal efficiencies at which RecNN's figures are read (arXiv:1702.00748, its notebooks)."""


def flat_weights(
    variable: npt.ArrayLike,
    label: npt.ArrayLike,
    *,
    bins: int = 50,
    span: tuple[float, float] | None = None,
    weight: npt.ArrayLike | None = None,
) -> FloatArray:
    """Return (B,) weights that make the spectrum of every class flat; each class's weights average one.

    Parameters
    ----------
    variable
        (B,) such as jet pT in GeV.
    label
        (B,) class numbers.
    bins, span
        Bins of equal width between the limits, which by default are those of each class's own jets.
    weight
        (B,) weights that the result replaces the spectrum of; it multiplies them.

    Notes
    -----
    Jets outside ``span`` get weight zero, and so do those of bins without positive weight.
    """
    label = np.asarray(label)
    values = checked_column(variable, label.size, "variable")
    w = checked_weight(weight, label.size)
    if bins < 1:
        raise ConfigError("BAD-VALUE", f"{bins} bins")
    result = np.zeros(label.size)
    for kind in np.unique(label):
        members = np.flatnonzero(label == kind)
        result[members] = _flattened(values[members], w[members], bins, span)
    return result


def _flattened(values: FloatArray, weight: FloatArray, bins: int, span: tuple[float, float] | None) -> FloatArray:
    low, high = span if span is not None else (float(values.min()), float(values.max()))
    if high <= low:
        return weight / weight.mean()
    place = np.minimum(((values - low) / (high - low) * bins).astype(np.int64), bins - 1)
    inside = (values >= low) & (values <= high)
    content = np.bincount(place[inside], weights=weight[inside], minlength=bins)
    flat = np.zeros(values.size)
    filled = inside & (content[place.clip(0)] > 0)
    flat[filled] = weight[filled] / content[place[filled]]
    return flat / flat.mean() if flat.any() else flat


def recnn_rejection_curve(
    label: npt.ArrayLike, score: npt.ArrayLike, *, weight: npt.ArrayLike | None = None
) -> FloatArray:
    """Return 1 / eps_B (476,) at :data:`RECNN_EFFICIENCIES`, as RecNN's published figures were read.

    1 / eps_B is interpolated in a straight line between the points of the weighted ROC (not eps_B, as
    :func:`jetlego.evaluation.roc.background_rejection` does within ties). Points with eps_B = 0 have no finite value
    and are left out, so the curve is finite.
    """
    curve = roc(label, score, weight=weight)
    finite = curve.false_positive_rate > 0
    rejection = inverse(curve.false_positive_rate[finite])
    return np.interp(RECNN_EFFICIENCIES, curve.true_positive_rate[finite], rejection)


def recnn_figures(
    label: npt.ArrayLike, score: npt.ArrayLike, pt: npt.ArrayLike, *, bins: int = 50
) -> tuple[float, float]:
    """Return (AUC, 1 / eps_B at eps_S = 0.5) with both classes weighted flat in jet pT, RecNN's two figures.

    To compare with the tables of arXiv:1702.00748; ``label`` is 1 for signal, ``pt`` (B,) in GeV.
    """
    weight = flat_weights(pt, label, bins=bins)
    middle = int(np.flatnonzero(np.isclose(RECNN_EFFICIENCIES, 0.5))[0])
    rejection = recnn_rejection_curve(label, score, weight=weight)[middle]
    return roc(label, score, weight=weight).auc, float(rejection)


def core_seeds(figures: npt.ArrayLike) -> BoolArray:
    """Return which of (R,) figures of repeated trainings count in RecNN's mean and spread.

    Left out are those farther than three standard deviations from the mean of the core, which lies between the
    percentiles 1/6 and 5/6: a training that fell apart does not move the result (arXiv:1702.00748, its notebooks).
    """
    values = np.asarray(figures, dtype=np.float64)
    low, high = np.quantile(values, [1.0 / 6.0, 5.0 / 6.0])
    core = values[(values >= low) & (values <= high)]
    return np.abs(values - core.mean()) <= 3.0 * core.std()
