"""Reliability: of the jets with this score, how many are signal?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jetlego.evaluation.calibration import Reliability
from jetlego.report.style import FAINT, class_color, legend, new_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKERS = "osD^vP"


def plot_calibration(
    curves: Mapping[str, Reliability], *, axis: str = "score", fraction: str = "signal fraction"
) -> Figure:
    """Return reliability curves of ``{name: Reliability}`` with binomial errors; the diagonal is perfect."""
    with styled():
        figure, axes = new_figure()
        axes.plot([0, 1], [0, 1], color=FAINT, lw=1.0, ls=(0, (2, 3)), label="perfect")
        for k, (name, curve) in enumerate(curves.items()):
            label = f"{plain(name)}   ECE = {curve.expected_calibration_error:.4f}"
            axes.errorbar(
                curve.mean_score, curve.signal_fraction, yerr=curve.fraction_error, color=class_color(k), lw=1.3,
                marker=_MARKERS[k % len(_MARKERS)], ms=4.5, elinewidth=1.2, label=label,
            )  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), xlabel=f"mean {plain(axis)}", ylabel=plain(fraction))
        legend(axes, loc="lower right")
    return figure
