"""A first look at a file of jets: ``jetlego data show --picture``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jetlego.atomic import write_atomic
from jetlego.conventions import FloatArray
from jetlego.data.jets import Jets
from jetlego.errors import DataError
from jetlego.physics.kinematics import jet_p4, mass, pt
from jetlego.report import samples
from jetlego.report.cards import card, section
from jetlego.report.format import cell
from jetlego.report.grid import Margins, inch_grid, panel_width, top_legend
from jetlego.report.jet_section import jet_cards
from jetlego.report.page import render
from jetlego.report.plots.histogram import draw_column, kinds_of, plot_columns
from jetlego.report.plots.jet_image import draw_images
from jetlego.report.style import styled
from jetlego.report.svg import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HALF_WIDTH, _IMAGE, _MOST_IMAGES = 0.9, 2.6, 5
_WANTED = ("jet_pt", "jet_eta", "jet_mass", "jet_sdmass")


def draw_jets(jets: Jets, path: str | Path) -> Path:
    """Draw what jets look like, class by class; return ``path``.

    Parameters
    ----------
    jets
        Any jets; unlabelled ones are drawn together.
    path
        ``*.png``, ``*.svg`` or ``*.pdf`` for one figure of distributions and average images; ``*.html`` for a page that
        also has Lund planes, clustering trees and jet displays.

    Raises
    ------
    DataError
        NO-JETS if there is no jet with constituents.
    ConfigError
        BAD-VALUE for another ending.
    """
    path = Path(path)
    if jets.num_jets == 0 or len(jets.p4) == 0:
        raise DataError("NO-JETS", f"nothing to draw into {path}: {jets.num_jets} jets, no constituents")
    if path.suffix.lower() in (".html", ".htm"):
        write_atomic(path, _page(jets, path.stem))
        return path
    return save_figure(plot_jets(jets), path)


def plot_jets(jets: Jets) -> Figure:
    """Return one figure: distributions of jet columns above, the average image of each class below."""
    columns, label = jet_columns(jets), _label(jets)
    by_class = dict(list(samples.by_class(jets).items())[:_MOST_IMAGES])
    averages = samples.images(by_class, half_width=_HALF_WIDTH)
    margins = Margins(top=0.5, across=0.52, bottom=4.15, right=0.2)
    width = panel_width(len(columns), margins, largest=2.3)
    kinds = kinds_of(jets.classes, label)
    with styled():
        figure, grid = inch_grid(len(columns), len(columns), panel=(width, 2.0), margins=margins)
        for axes, (name, values) in zip(grid, columns.items(), strict=True):
            draw_column(axes, name, values, label, kinds=kinds)
        grid[0].set_ylabel("fraction per bin")
        if label is not None:
            top_legend(figure, *grid[0].get_legend_handles_labels(), columns=min(len(kinds), 6))
        below = _row_below(figure, len(averages), margins)
        mesh = draw_images(below, averages, half_width=_HALF_WIDTH)
        below[0].set_ylabel("along the principal axis [rad]")
        bar = figure.colorbar(mesh, ax=below, pad=0.012, fraction=0.03)
        bar.set_label("mean fraction of jet $p_T$")
    return figure


def _row_below(figure: Figure, count: int, margins: Margins) -> list[Axes]:
    """Return a row of square panels in the bottom margin."""
    width, height = figure.get_size_inches()
    bar = 0.9
    step = min(_IMAGE + 0.15, (width - margins.left - margins.right - bar) / count)
    left = (width - count * step - bar) / 2
    places = [(left + i * step, 0.6) for i in range(count)]
    size = step - 0.15
    made = [figure.add_axes((x / width, y / height, size / width, size / height)) for x, y in places]
    for axes in made:
        axes.set_xlabel("across [rad]")
        axes.tick_params(labelleft=axes is made[0])
    return made


def plot_jet_columns(jets: Jets) -> Figure:
    """Return the distributions of jet columns, class by class."""
    return plot_columns(jet_columns(jets), _label(jets), classes=jets.classes)


def jet_columns(jets: Jets) -> dict[str, FloatArray]:
    """Return (B,) columns worth drawing: those of the file, and what the constituents sum to where it has none."""
    total = jet_p4(jets.p4, jets.jet_ptr)
    columns: dict[str, FloatArray] = {}
    for name in (name for name in _WANTED if name in jets.jet):
        columns[name] = np.asarray(jets.jet[name], np.float64)
    columns.setdefault("jet_pt", pt(total))
    columns.setdefault("jet_mass", mass(total))
    columns["jet_nparticles"] = jets.num_constituents.astype(np.float64)
    return columns


def _label(jets: Jets) -> np.ndarray | None:
    """Return the labels, or None if no jet has one."""
    return jets.label if jets.label is not None and np.any(jets.label >= 0) else None


def _page(jets: Jets, title: str) -> str:
    label = _label(jets)
    counts = [("jets", cell(jets.num_jets)), ("constituents", cell(len(jets.p4)))]
    if label is not None:
        counts += [(name, cell(int(np.count_nonzero(label == k)))) for k, name in enumerate(jets.classes)]
    with styled():
        caption = "Each class has area one, and 99 % of all jets are shown."
        columns = card("Jets", plot_jet_columns(jets), caption, wide=True)
        parts = [section("jets", "Jets", columns, *jet_cards(jets))]
    return render("data.html", title=title, subtitle=" · ".join(jets.classes), counts=counts, sections=parts)
