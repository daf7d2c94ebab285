"""Efficiency of the working point in bins of another quantity, such as jet pT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jetlego.evaluation.dependence import BinnedEfficiency
from jetlego.report.style import class_color, legend, new_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKERS = "osD^vP"


def plot_efficiency(bins: Mapping[str, tuple[int, BinnedEfficiency]], *, axis: str, title: str = "") -> Figure:
    """Return efficiencies with 68 % Wilson intervals on a logarithmic axis.

    ``bins`` is {class name: (class number, its efficiencies)}; the number chooses the colour.
    """
    with styled():
        figure, axes = new_figure(height=4.4)
        for name, (k, found) in bins.items():
            middle, half = 0.5 * (found.edges[1:] + found.edges[:-1]), 0.5 * np.diff(found.edges)
            shown = np.isfinite(found.efficiency) & (found.efficiency > 0)
            y = found.efficiency[shown]
            error = np.array([y - found.low[shown], found.high[shown] - y]).clip(0.0)
            axes.errorbar(
                middle[shown], y, xerr=half[shown], yerr=error, ls="none", marker=_MARKERS[k % len(_MARKERS)], ms=4.5,
                color=class_color(k), elinewidth=1.3, label=plain(name),
            )  # fmt: skip
        axes.set(yscale="log", xlabel=axis, ylabel="efficiency of the cut", title=title)
        bottom = axes.get_ylim()[0]
        axes.set_ylim(bottom=bottom, top=8.0)
        axes.axhline(1.0, color="#e4e7eb", lw=1.0, zorder=0)
        legend(axes, loc="upper center", ncols=3)
    return figure
