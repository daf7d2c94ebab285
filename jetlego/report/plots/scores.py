"""Distribution of a score, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.report.plots.histogram import MOST_BANDS, outline
from jetlego.report.style import class_color, class_line, legend, new_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_scores(
    label: IntArray, score: FloatArray, *, classes: Sequence[str], signal: str, weight: FloatArray | None = None
) -> Figure:
    """Return the distributions of a (B,) score in [0, 1] for each class of (B,) ``label``, each of area one."""
    edges = np.linspace(0.0, 1.0, 41)
    with styled():
        figure, axes = new_figure()
        for k, name in enumerate(classes):
            members = label == k
            w = None if weight is None else weight[members]
            style: dict[str, Any] = {"color": class_color(k), "line": class_line(k), "band": len(classes) <= MOST_BANDS}
            outline(axes, score[members], edges, weight=w, name=plain(name), **style)
        axes.set(xlim=(0, 1), yscale="log", xlabel=f"score of {plain(signal)}", ylabel="fraction of jets / 0.025")
        top = axes.get_ylim()[1]
        axes.set_ylim(top=top * (4 if len(classes) <= 4 else 30))
        legend(axes, loc="upper center", ncols=min(len(classes), 3))
    return figure
