"""Background rejection against signal efficiency, the physicist's ROC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.evaluation.roc import Roc
from jetlego.report.plots.roc import of
from jetlego.report.style import FAINT, GRID, class_color, class_line, legend, looks, new_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EFFICIENCIES = np.round(np.linspace(0.01, 1.0, 199), 3)
# Below this many background jets the curve says nothing.
_FEWEST = 3


def sampled(curve: Roc, num_background: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return eps_S, eps_B and the relative binomial error of eps_B, where at least three background jets pass.

    eps_B is that of the first cut that keeps eps_S; ``num_background`` is the effective number of background jets.
    """
    first = np.searchsorted(np.maximum.accumulate(curve.true_positive_rate), _EFFICIENCIES - 1e-12)
    eps_b = curve.false_positive_rate[first.clip(max=curve.false_positive_rate.size - 1)]
    shown = eps_b * num_background >= _FEWEST
    eps_s, eps_b = _EFFICIENCIES[shown], eps_b[shown]
    return eps_s, eps_b, np.sqrt((1.0 - eps_b).clip(0.0) / (eps_b * num_background))


def plot_rejection(
    curves: Mapping[str, Roc],
    *,
    num_background: Mapping[str, float],
    working_points: tuple[float, ...] = (0.3, 0.5),
    background: str = "",
    numbers: Sequence[int] = (),
) -> Figure:
    """Return 1 / eps_B over eps_S with one-sigma bands.

    Parameters
    ----------
    curves
        {name: Roc}.
    num_background
        {name: effective number of background jets}; the band is the binomial error of so many jets, and the curve
        ends where fewer than three of them pass.
    working_points
        Signal efficiencies to mark.
    background
        Name of the background class.
    numbers
        Class numbers that choose the colours; without them the curves are counted.
    """
    with styled():
        figure, axes = new_figure()
        for k, (name, curve) in zip(looks(curves, numbers), curves.items(), strict=True):
            eps_s, eps_b, error = sampled(curve, num_background[name])
            y, color = 1.0 / eps_b, class_color(k)
            axes.fill_between(eps_s, y / (1 + error), y * (1 + error), color=color, alpha=0.22, lw=0)
            axes.plot(eps_s, y, color=color, ls=class_line(k), label=plain(name))
            marked = np.isin(eps_s, np.round(working_points, 3))
            axes.plot(eps_s[marked], y[marked], "o", color=color, ms=5, mec="white", mew=0.8)
        axes.plot(_EFFICIENCIES, 1 / _EFFICIENCIES, color=FAINT, lw=1.0, ls=(0, (2, 3)), label="random choice")
        for point in working_points:
            axes.axvline(point, color=GRID, lw=1.0, zorder=0)
        axes.set(xlim=(0, 1), yscale="log", xlabel=r"signal efficiency $\varepsilon_S$")
        axes.set_ylabel(rf"background rejection $1/\varepsilon_B$ {of(background)}")
        axes.set_ylim(bottom=1.0)
        legend(axes, loc="upper right")
    return figure
