"""The primary Lund plane: at which angle and with which transverse momentum a jet's hard branch radiates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.physics.lund import IMAGE_BINS, IMAGE_X, IMAGE_Y
from jetlego.report.grid import Margins, abreast, axis_names, color_bar, inch_grid, panel_width
from jetlego.report.style import plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGINS = Margins(right=1.15)


def lund_density(
    delta: FloatArray, kt: FloatArray, *, num_jets: int, bins: int = IMAGE_BINS
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the density rho (bins, bins) of primary declusterings in (ln 1/Delta, ln kt), and both edges.

    Parameters
    ----------
    delta, kt
        (n,) opening angle and relative transverse momentum in GeV of the primary declusterings of all jets.
    num_jets
        Number of jets they come from; rho is the mean number of declusterings per jet and unit area
        (Dreyer, Salam, Soyez, arXiv:1807.04758, eq. 2.2).
    """
    x_edges, y_edges = np.linspace(*IMAGE_X, bins + 1), np.linspace(*IMAGE_Y, bins + 1)
    seen = (delta > 0) & (kt > 0)
    count, _, _ = np.histogram2d(-np.log(delta[seen]), np.log(kt[seen]), bins=(x_edges, y_edges))
    pixel = (x_edges[1] - x_edges[0]) * (y_edges[1] - y_edges[0])
    return count / (max(num_jets, 1) * pixel), x_edges, y_edges


def plot_lund_planes(planes: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]]) -> Figure:
    """Return the planes of ``{class: (density, x edges, y edges)}`` side by side on one scale."""
    columns = abreast(len(planes))
    size = panel_width(columns, _MARGINS, largest=3.7)
    top = max(float(density.max()) for density, _, _ in planes.values()) or 1.0
    with styled():
        figure, grid = inch_grid(len(planes), columns, panel=(size, size), margins=_MARGINS, shared=True)
        for axes, (name, (density, x_edges, y_edges)) in zip(grid, planes.items(), strict=True):
            shown = np.ma.masked_equal(density.T, 0.0)
            mesh = axes.pcolormesh(x_edges, y_edges, shown, vmin=0.0, vmax=top, cmap="viridis", rasterized=True)
            axes.set_title(plain(name))
        axis_names(figure, r"$\ln\,(1/\Delta)$", r"$\ln\,(k_t/\mathrm{GeV})$", _MARGINS)
        color_bar(figure, mesh, r"declusterings per jet and unit area, $\rho$", _MARGINS)
    return figure
