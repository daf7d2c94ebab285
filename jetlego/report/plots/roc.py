"""Signal efficiency against background efficiency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.evaluation.roc import Roc
from jetlego.report.style import FAINT, class_color, class_line, legend, looks, new_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS = 300


def plot_roc(curves: Mapping[str, Roc], *, background: str = "", numbers: Sequence[int] = ()) -> Figure:
    """Return the ROC curves of ``{name: Roc}`` with their areas; the dashed diagonal is a coin.

    ``numbers`` are the class numbers that choose the colours; without them the curves are counted.
    """
    with styled():
        figure, axes = new_figure()
        for k, (name, curve) in zip(looks(curves, numbers), curves.items(), strict=True):
            x, y = curve.false_positive_rate, curve.true_positive_rate
            keep = thinned(x, y)
            label = f"{plain(name)}   AUC = {curve.auc:.4f}"
            axes.plot(x[keep], y[keep], color=class_color(k), ls=class_line(k), label=label)
        axes.plot([0, 1], [0, 1], color=FAINT, lw=1.0, ls=(0, (2, 3)))
        axes.set(xlim=(0, 1), ylim=(0, 1), ylabel=r"signal efficiency $\varepsilon_S$")
        axes.set_xlabel(rf"background efficiency $\varepsilon_B$ {of(background)}")
        legend(axes, loc="lower right")
    return figure


def of(background: str) -> str:
    """Return ``(qcd)`` after an axis name that speaks of the background, nothing without one."""
    return f"({plain(background)})" if background else ""


def thinned(x: FloatArray, y: FloatArray) -> IntArray:
    """Return the points to draw: evenly spaced along the curve, both ends, at most a few hundred."""
    if x.size <= _POINTS:
        return np.arange(x.size)
    length = np.concatenate([np.zeros(1), np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    places = np.searchsorted(length, np.linspace(0.0, length[-1], _POINTS))
    return np.unique(np.concatenate([[0], places.clip(max=x.size - 1), [x.size - 1]]))
