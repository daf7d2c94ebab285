"""Histograms as outlines with error bands, and the input distributions made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.report.grid import Margins, free_corner, grid_shape, inch_grid, panel_width, top_legend
from jetlego.report.labels import axis_label
from jetlego.report.style import class_color, class_line, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BANDS = 4
"""More error bands than this hide each other."""

_BINS = 40
_MARGINS = Margins(top=0.15, across=0.52, below=0.62, bottom=0.55)
_ONE_LINE, _TWO_LINES = replace(_MARGINS, top=0.45), replace(_MARGINS, top=0.65)
_ABREAST = 6


def outline(
    axes: Axes,
    values: FloatArray,
    edges: FloatArray,
    *,
    weight: FloatArray | None = None,
    color: str,
    line: str = "-",
    name: str | None = None,
    filled: bool = False,
    band: bool = True,
) -> None:
    """Draw the normalised histogram of ``values``, with its statistical error as a ``band``.

    It is normalised to all values, those outside the edges too. Nothing is drawn for no values.
    """
    if not values.size:
        return
    import mplhep

    content, _ = np.histogram(values, edges, weights=weight)
    squares, _ = np.histogram(values, edges, weights=None if weight is None else np.square(weight))
    total = values.size if weight is None else weight.sum()
    scale = 1.0 / total if total > 0 else 0.0
    height, error = content * scale, np.sqrt(squares) * scale
    if filled:
        axes.stairs(height, edges, fill=True, color=color, alpha=0.18, lw=0)
    if band:
        low = np.where(height - error > 0, height - error, np.where(height > 0, height * 0.05, np.nan))
        axes.stairs(height + error, edges, baseline=low, fill=True, color=color, alpha=0.25, lw=0)
    width = 1.7 if band else 1.2
    mplhep.histplot(height, bins=edges, ax=axes, color=color, ls=line, lw=width, label=name, yerr=False, edges=False)


def shared_edges(values: FloatArray, *, bins: int = _BINS) -> FloatArray:
    """Return bin edges for a column: the middle 99 % of it; whole numbers get bins of whole width."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.linspace(0.0, 1.0, bins + 1)
    low, high = np.quantile(finite, [0.005, 0.995])
    if np.array_equal(finite, np.round(finite)):
        step = max(1.0, np.ceil((high - low + 1) / bins))
        return np.arange(np.floor(low) - 0.5, np.floor(low) + 0.5 + step * np.ceil((high - low + 1) / step), step)
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return np.linspace(low, high, bins + 1)


def round_edges(values: FloatArray, *, bins: int) -> FloatArray:
    """Return about ``bins`` bins over the middle 99.6 % of a column, as wide as 1, 2 or 5 times a power of ten."""
    low, high = (float(q) for q in np.quantile(values, [0.002, 0.998]))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / bins
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * next(s for s in (1.0, 2.0, 5.0, 10.0) if s * power >= raw * 0.75)
    return step * np.arange(np.floor(low / step), np.ceil(high / step) + 1)


def plot_columns(
    columns: Mapping[str, FloatArray],
    label: IntArray | None,
    *,
    classes: Sequence[str],
    weight: FloatArray | None = None,
) -> Figure:
    """Return a panel of distributions for each column (n,), class by class, each of area one.

    ``label`` (n,) tells the class of each row; None draws all rows as one.
    """
    kinds = kinds_of(classes, label)
    across = grid_shape(len(columns), widest=4 if len(columns) == 4 else 3)[1]
    margins = _MARGINS
    if len(columns) % across == 0 and len(kinds) > 1:
        margins = _ONE_LINE if len(kinds) <= _ABREAST else _TWO_LINES
    width = panel_width(across, margins, largest=3.4)
    with styled():
        figure, grid = inch_grid(len(columns), across, panel=(width, 2.0), margins=margins)
        for axes, (name, values) in zip(grid, columns.items(), strict=True):
            draw_column(axes, name, values, label, kinds=kinds, weight=weight)
        for axes in grid[::across]:
            axes.set_ylabel("fraction per bin")
        _add_legend(figure, grid, across)
    return figure


def kinds_of(classes: Sequence[str], label: IntArray | None) -> list[tuple[str, int]]:
    """Return name and number of what is drawn apart: the classes, or everything together without labels."""
    return [(plain(name), k) for k, name in enumerate(classes)] if label is not None else [("all jets", 0)]


def draw_column(
    axes: Axes,
    name: str,
    values: FloatArray,
    label: IntArray | None,
    *,
    kinds: Sequence[tuple[str, int]],
    weight: FloatArray | None = None,
) -> None:
    """Draw the distributions of one column (n,), a line for each of the ``kinds`` of :func:`kinds_of`."""
    edges = shared_edges(values)
    for shown, k in kinds:
        members = np.isfinite(values) if label is None else (label == k) & np.isfinite(values)
        w = None if weight is None else weight[members]
        style: dict[str, Any] = {"color": class_color(k), "line": class_line(k)}
        style |= {"filled": len(kinds) <= 3, "band": len(kinds) <= MOST_BANDS}
        outline(axes, values[members], edges, weight=w, name=shown, **style)
    axes.set(xlim=(edges[0], edges[-1]), xlabel=axis_label(name), ylim=(0, None))
    axes.tick_params(which="both", right=False, top=False)
    axes.tick_params(axis="y", labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(figure: Figure, grid: list[Axes], across: int) -> None:
    """Draw the legend into the first blank place, or above all if there is none."""
    handles, names = grid[0].get_legend_handles_labels()
    corner = free_corner(figure, len(grid), across)
    if corner is not None:
        corner.legend(handles, names, loc="center", fontsize=11, ncols=1 if len(names) <= 6 else 2)
    elif len(names) > 1:
        top_legend(figure, handles, names, columns=min(len(names), _ABREAST))
