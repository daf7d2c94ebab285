"""One jet as its detector saw it: constituents in eta and phi, as large as their pT, coloured by kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.physics.kinematics import jet_p4, mass, pt
from jetlego.report.grid import Margins, abreast, axis_names, inch_grid, panel_width, top_legend
from jetlego.report.plots.jet_image import relative_constituents
from jetlego.report.style import FAINT, INK, PALETTE, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {
    "part_isChargedHadron": ("charged hadron", PALETTE[0], "o"),
    "part_isNeutralHadron": ("neutral hadron", PALETTE[3], "s"),
    "part_isPhoton": ("photon", PALETTE[1], "D"),
    "part_isElectron": ("electron", PALETTE[4], "^"),
    "part_isMuon": ("muon", PALETTE[2], "v"),
}
"""JetClass's particle flags, with name, colour and marker."""

_MARGINS = Margins(top=0.85, below=0.68)
_ROOMY = 2.2
_LARGEST = 1400.0


def plot_displays(jets: Mapping[str, tuple[FloatArray, Mapping[str, Any]]], *, radius: float = 0.8) -> Figure:
    """Return displays side by side of ``{title: (p4 (n, 4) in GeV, constituent columns {name: (n,)})}``.

    Columns of :data:`KINDS` choose colour and marker; without them all constituents look alike. The dashed circle has
    the jet's radius.
    """
    columns = abreast(len(jets))
    size = panel_width(columns, _MARGINS, largest=4.0)
    with styled():
        figure, grid = inch_grid(len(jets), columns, panel=(size, size), margins=_MARGINS, shared=True)
        for axes, (title, (p4, constituents)) in zip(grid, jets.items(), strict=True):
            _draw(axes, p4, constituents, radius)
            total = jet_p4(p4, np.array([0, len(p4)]))
            axes.set_title(plain(title), pad=18)
            facts = rf"$p_T$ = {pt(total)[0]:.0f} GeV, m = {mass(total)[0]:.0f} GeV, n = {len(p4)}"
            points = 9 if size > _ROOMY else 7
            place: dict[str, Any] = {"ha": "center", "va": "bottom", "transform": axes.transAxes}
            axes.text(0.5, 1.02, facts, fontsize=points, color=FAINT, **place)
        axis_names(figure, r"$\Delta\eta$", r"$\Delta\phi$ [rad]", _MARGINS)
        _kind_legend(figure, [constituents for _, constituents in jets.values()])
    return figure


def _draw(axes: Axes, p4: FloatArray, constituents: Mapping[str, Any], radius: float) -> None:
    from matplotlib.patches import Circle

    x, y, share = relative_constituents(p4, np.array([0, len(p4)]))
    size = 8.0 + _LARGEST * share
    left = np.ones(len(p4), dtype=bool)
    for flag, (_, color, marker) in KINDS.items():
        members = np.asarray(constituents.get(flag, np.zeros(len(p4)))) > 0.5
        left &= ~members
        _scatter(axes, x, y, size, members, color, marker)
    _scatter(axes, x, y, size, left, FAINT, "o")
    axes.add_patch(Circle((0, 0), radius, fill=False, ls=(0, (4, 3)), lw=0.9, ec=FAINT))
    axes.plot(0, 0, "+", color=INK, ms=7, mew=0.9)
    limit = 1.12 * radius
    ticks = np.linspace(-radius, radius, 5)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=ticks, yticks=ticks)


def _scatter(
    axes: Axes, x: FloatArray, y: FloatArray, size: FloatArray, members: np.ndarray, color: str, marker: str
) -> None:
    if members.any():
        look: dict[str, Any] = {"c": color, "marker": marker, "alpha": 0.72, "lw": 0.5, "ec": "white"}
        axes.scatter(x[members], y[members], s=size[members], **look)


def _kind_legend(figure: Figure, tables: list[Mapping[str, Any]]) -> None:
    """Draw a legend of the kinds that occur, with markers of one size."""
    from matplotlib.lines import Line2D

    present = [row for flag, row in KINDS.items() if any(np.any(np.asarray(t.get(flag, [0])) > 0.5) for t in tables)]
    handles = [Line2D([], [], ls="none", marker=m, color=c, ms=6, label=name) for name, c, m in present]
    if handles:
        top_legend(figure, handles, [h.get_label() for h in handles], columns=len(handles))


def jet_rows(jet_ptr: IntArray, b: int) -> slice:
    """Return the packed rows of jet b."""
    return slice(int(jet_ptr[b]), int(jet_ptr[b + 1]))
