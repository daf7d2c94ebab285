"""What each class is taken for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from jetlego.report.grid import Margins, inch_grid
from jetlego.report.style import HEIGHT, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_confusion(matrix: npt.ArrayLike, *, classes: Sequence[str]) -> Figure:
    """Return the (K, K) confusion matrix, rows true, columns taken for; each row in per cent of its class."""
    content = np.asarray(matrix, dtype=np.float64)
    totals = content.sum(axis=1, keepdims=True)
    part = np.divide(content, totals, out=np.zeros_like(content), where=totals > 0)
    names = [plain(name) for name in classes]
    longest = max(len(name) for name in names)
    margins = Margins(left=max(1.1, 0.55 + 0.085 * longest), right=0.5, bottom=0.7, top=0.15)
    if len(names) > 4:
        margins = replace(margins, bottom=0.55 + 0.06 * longest)
    size = max(HEIGHT - 0.85, 0.46 * len(names))
    with styled():
        figure, (axes,) = inch_grid(1, 1, panel=(size, size), margins=margins)
        axes.imshow(part, cmap="Blues", vmin=0, vmax=1.15)
        for row, column in np.ndindex(part.shape):
            value = 100.0 * part[row, column]
            shown = f"{value:.1f}" + (" %" if len(names) <= 4 else "")
            color = "white" if value > 60 else "#1f2933"
            axes.text(column, row, shown, ha="center", va="center", color=color, fontsize=11 if len(names) <= 6 else 9)
        turned: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if len(names) > 4 else {}
        axes.set_xticks(range(len(names)), names, **turned)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(which="both", length=0)
        axes.minorticks_off()
        axes.spines[:].set_visible(False)
        axes.set(xlabel="predicted class", ylabel="true class")
    return figure
