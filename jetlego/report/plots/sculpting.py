"""The background's mass spectrum before and after a cut on the score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.evaluation.sculpting import Sculpting
from jetlego.report.style import FAINT, PALETTE, legend, new_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_sculpting(
    cuts: Mapping[str, Sculpting], *, axis: str = "jet mass [GeV]", background: str = "background"
) -> Figure:
    """Return the spectra of ``{name: Sculpting}``, all of one background, and their ratio to the spectrum before."""
    first = next(iter(cuts.values()))
    with styled():
        figure, (axes, below) = new_figure(height=4.4, rows=2, sharex=True, height_ratios=[2.6, 1])
        style = {"fill": True, "color": FAINT, "alpha": 0.3, "lw": 0}
        axes.stairs(first.before, first.edges, label=f"all {plain(background)}", **style)
        for k, (name, cut) in enumerate(cuts.items()):
            color = PALETTE[k % len(PALETTE)]
            axes.stairs(cut.after, cut.edges, color=color, lw=1.7, label=f"{name}   1/JSD = {_number(cut.inverse_jsd)}")
            _band(axes, cut.edges, cut.after, cut.after_error, color)
            filled = cut.before > 0
            safe = np.where(filled, cut.before, 1.0)
            ratio, error = (np.where(filled, column / safe, np.nan) for column in (cut.after, cut.after_error))
            below.stairs(ratio, cut.edges, color=color, lw=1.4, baseline=None)
            _band(below, cut.edges, ratio, error, color)
        below.axhline(1.0, color=FAINT, lw=1.0, ls=(0, (2, 3)))
        below.set(xlabel=axis, ylabel="after / before", xlim=(first.edges[0], first.edges[-1]), ylim=(0, None))
        # Room for a line of legend above the highest bin of each spectrum.
        top = max(float(np.max([cut.before, cut.after + cut.after_error])) for cut in cuts.values()) or 1.0
        axes.set_ylim(0, top * (1.15 + 0.12 * len(cuts)))
        axes.set_ylabel(f"fraction of jets / {np.diff(first.edges)[0]:.3g} GeV")
        legend(axes, loc="upper right")
        figure.align_ylabels()
    return figure


def _band(axes: Axes, edges: FloatArray, height: FloatArray, error: FloatArray, color: str) -> None:
    axes.stairs(height + error, edges, baseline=(height - error).clip(0), fill=True, color=color, alpha=0.22, lw=0)


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "undefined"
