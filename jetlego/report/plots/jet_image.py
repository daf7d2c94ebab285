"""Average jet images: where in eta and phi the transverse momentum of a class of jets goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.physics.kinematics import delta_phi, eta, jet_p4, phi, pt, sum_by_jet
from jetlego.report.grid import Margins, abreast, axis_names, color_bar, inch_grid, panel_width
from jetlego.report.style import plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DECADES = 4.0
_MARGINS = Margins(right=1.15)


def average_image(
    p4: FloatArray, jet_ptr: IntArray, *, bins: int = 40, half_width: float = 1.0, rotate: bool = True
) -> FloatArray:
    """Return the mean over jets of pT / jet pT in (bins, bins) pixels of (eta, phi) about the jet axis.

    Parameters
    ----------
    p4, jet_ptr
        (P, 4) constituents in GeV and (B + 1,) offsets.
    bins, half_width
        The image spans ``[-half_width, half_width]`` in both; constituents outside are left out.
    rotate
        Turn each jet so that its pT-weighted principal axis stands upright with the heavier end up, which shows the
        prongs that an average over directions would smear (de Oliveira et al., arXiv:1511.05190, sec. 3).
    """
    x, y, share = relative_constituents(p4, jet_ptr)
    if rotate:
        x, y = upright(x, y, share, jet_ptr)
    edges = np.linspace(-half_width, half_width, bins + 1)
    image, _, _ = np.histogram2d(x, y, bins=(edges, edges), weights=share)
    return image / max(len(jet_ptr) - 1, 1)


def relative_constituents(p4: FloatArray, jet_ptr: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each constituent's eta and phi from its jet's axis, and its part of the jet's scalar pT, all (P,)."""
    jets = jet_p4(p4, jet_ptr)
    counts = np.diff(jet_ptr)
    x = eta(p4) - np.repeat(eta(jets), counts)
    y = delta_phi(phi(p4), np.repeat(phi(jets), counts))
    total = sum_by_jet(pt(p4), jet_ptr)
    return x, y, pt(p4) / np.repeat(np.where(total > 0, total, 1.0), counts)


def upright(x: FloatArray, y: FloatArray, weight: FloatArray, jet_ptr: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return positions turned about each jet's centre: widest spread along the second axis, heavier end up.

    The heavier right half is then mirrored to the right, so the third prong has a side of its own.
    """
    counts = np.diff(jet_ptr)
    middle = [np.repeat(sum_by_jet(weight * axis, jet_ptr), counts) for axis in (x, y)]
    x, y = x - middle[0], y - middle[1]
    xx, xy, yy = (sum_by_jet(weight * product, jet_ptr) for product in (x * x, x * y, y * y))
    angle = 0.5 * np.arctan2(2.0 * xy, xx - yy)
    cos, sin = np.repeat(np.cos(angle), counts), np.repeat(np.sin(angle), counts)
    along, across = cos * x + sin * y, cos * y - sin * x
    return _heavier_positive(across, weight, jet_ptr), _heavier_positive(along, weight, jet_ptr)


def _heavier_positive(place: FloatArray, weight: FloatArray, jet_ptr: IntArray) -> FloatArray:
    positive = sum_by_jet(weight * np.sign(place), jet_ptr) >= 0
    return np.where(np.repeat(positive, np.diff(jet_ptr)), place, -place)


def draw_images(grid: Sequence[Axes], images: Mapping[str, FloatArray], *, half_width: float) -> Any:
    """Draw an image into each of the axes on one logarithmic scale; return what a colour bar describes."""
    from matplotlib.colors import LogNorm

    top = max(float(image.max()) for image in images.values()) or 1.0
    lowest = top * 10**-_DECADES
    norm = LogNorm(lowest, top, clip=True)
    edges = np.linspace(-half_width, half_width, len(next(iter(images.values()))) + 1)
    for axes, (name, image) in zip(grid, images.items(), strict=True):
        seen = np.ma.masked_less(image.T, lowest)
        mesh = axes.pcolormesh(edges, edges, seen, norm=norm, cmap="magma_r", rasterized=True)
        axes.set_title(plain(name))
    return mesh


def plot_images(images: Mapping[str, FloatArray], *, half_width: float = 1.0, rotated: bool = True) -> Figure:
    """Return average images of ``{class: (bins, bins)}`` side by side on one logarithmic scale."""
    columns = abreast(len(images))
    size = panel_width(columns, _MARGINS, largest=3.7)
    turned, straight = ("across the principal axis [rad]", "along it [rad]"), (r"$\Delta\eta$", r"$\Delta\phi$ [rad]")
    names = turned if rotated else straight
    with styled():
        figure, grid = inch_grid(len(images), columns, panel=(size, size), margins=_MARGINS, shared=True)
        mesh = draw_images(grid, images, half_width=half_width)
        axis_names(figure, *names, _MARGINS)
        color_bar(figure, mesh, "mean fraction of jet $p_T$ per pixel", _MARGINS)
    return figure
