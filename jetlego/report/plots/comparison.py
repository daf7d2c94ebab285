"""Architectures side by side: how well each tags, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jetlego.report.style import GRID, PAGE_WIDTH, class_color, legend, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW, _MARGIN, _LETTER = 0.3, 1.05, 0.092
"""Inches of a row, of the axes' words and the legends above and below, and of a letter of a name."""


def plot_comparison(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Return a figure of three panels with one line an entry, the best AUC on top.

    Parameters
    ----------
    rows
        As of :func:`jetlego.benchmark.accuracy.compare`: ``name, auc, background_rejection_*`` with their
        ``*_spread`` over seeds, which are drawn as bars, and ``train_rate, rate`` in jets per second of processor time.
    """
    from matplotlib.figure import Figure

    ordered = sorted(rows, key=lambda row: row["auc"])
    height = _ROW * len(ordered) + _MARGIN
    with styled():
        figure = Figure(figsize=(PAGE_WIDTH, height))
        panels = figure.subplots(1, 3, sharey=True)
        longest = max(len(plain(row["name"])) for row in ordered)
        left = min(0.5, max(0.28, _LETTER * longest / PAGE_WIDTH))
        figure.subplots_adjust(left=left, right=0.985, bottom=0.55 / height, top=1 - 0.45 / height, wspace=0.06)
        _dots(panels[0], ordered, {"auc": "AUC"})
        points = {key: f"at {float(key.rpartition('_')[2]):.0%} signal" for key in rejections_of(rows)}
        _dots(panels[1], ordered, points)
        _dots(panels[2], ordered, {"train_rate": "training", "rate": "prediction"})
        panels[0].set_yticks(range(len(ordered)), [plain(row["name"]) for row in ordered])
        panels[0].set_xlabel("area under the curve")
        panels[1].set_xlabel(r"background rejection $1/\varepsilon_B$")
        panels[2].set_xlabel("jets per CPU second")
        for panel in panels[:2]:
            panel.locator_params(axis="x", nbins=4)  # more labels run into each other
        if any(row.get(key) for row in rows for key in ("train_rate", "rate")):  # a boosted tree alone has no rates
            _decades(panels[2])
        for panel in panels:
            panel.grid(axis="y", color=GRID)
            panel.set_ylim(-0.6, len(ordered) - 0.4)
            panel.tick_params(axis="y", which="both", length=0)
        for panel in panels[1:]:
            legend(panel, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, handletextpad=0.1, columnspacing=1.0)
    return figure


def _decades(axes: Any) -> None:
    """Scale by logarithm over whole decades: labels within a decade run into each other."""
    from matplotlib.ticker import NullFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def rejections_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys of the background rejections of a comparison, those of spreads and of flat pT left out."""
    return [k for k in rows[0] if k.startswith("background_rejection_") and not k.endswith(("_spread", "_flat_pt"))]


def _dots(axes: Any, rows: Sequence[Mapping[str, Any]], figures: Mapping[str, str]) -> None:
    """Draw each figure of each row as a dot with its spread; what is unknown is left out."""
    for k, (key, label) in enumerate(figures.items()):
        known = [i for i, row in enumerate(rows) if row.get(key) is not None]
        value, spread = [rows[i][key] for i in known], [rows[i].get(f"{key}_spread") or 0.0 for i in known]
        lifted = [i + 0.24 * (k - 0.5) * (len(figures) - 1) for i in known]
        axes.errorbar(value, lifted, xerr=spread, fmt="os^D"[k % 4], color=class_color(k), ms=5, lw=1.4, label=label)
