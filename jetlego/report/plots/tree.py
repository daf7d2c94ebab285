"""A clustering tree, drawn from its root: every merge a fork, every branch as thick as the momentum it carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.physics.kinematics import pt
from jetlego.report.grid import Margins, color_bar, grid_shape, inch_grid, panel_width
from jetlego.report.style import FAINT, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

_MARGINS = Margins(right=1.1, bottom=0.35, across=0.75, below=0.72)
_COLORS = "viridis_r"
_STEPS = np.linspace(0.0, 1.0, 16)
_EASE = _STEPS**2 * (3.0 - 2.0 * _STEPS)


def tree_layout(parents: IntArray, node_pt: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return (n,) horizontal places and (n,) depths of the 2L - 1 nodes of one tree; the root has depth 0.

    Parameters
    ----------
    parents
        (L - 1, 2) node numbers that merge, in the order of the merges; merge s makes node L + s.
    node_pt
        (2L - 1,) transverse momenta: the harder branch of a fork goes left.

    Notes
    -----
    Leaves stand one unit apart; a node stands over the middle of its two branches.
    """
    leaves = len(parents) + 1
    place, depth = np.zeros(2 * leaves - 1), np.zeros(2 * leaves - 1, dtype=np.int64)
    for step in range(leaves - 2, -1, -1):
        depth[parents[step]] = depth[leaves + step] + 1
    for rank, leaf in enumerate(_leaves_left_to_right(parents, node_pt)):
        place[leaf] = rank
    for step in range(leaves - 1):
        place[leaves + step] = place[parents[step]].mean()
    return place, depth


def _leaves_left_to_right(parents: IntArray, node_pt: FloatArray) -> list[int]:
    """Return leaf numbers in the order of a walk that takes the harder branch first."""
    leaves, order = len(parents) + 1, []
    waiting = [2 * leaves - 2]
    while waiting:
        node = waiting.pop()
        if node < leaves:
            order.append(node)
        else:
            harder, softer = sorted(parents[node - leaves], key=lambda n: -node_pt[n])
            waiting += [int(softer), int(harder)]
    return order


def plot_trees(trees: Mapping[str, tuple[IntArray, FloatArray]]) -> Figure:
    """Return drawings side by side of ``{title: (parents (L - 1, 2), node_p4 (2L - 1, 4) in GeV)}``."""
    from matplotlib.cm import ScalarMappable

    columns = grid_shape(len(trees), widest=2)[1]
    width = panel_width(columns, _MARGINS, largest=6.0)
    with styled():
        figure, grid = inch_grid(len(trees), columns, panel=(width, 2.9), margins=_MARGINS)
        for axes, (title, (parents, node_p4)) in zip(grid, trees.items(), strict=True):
            _draw(axes, parents, pt(node_p4))
            axes.set_title(plain(title))
        color_bar(figure, ScalarMappable(norm=_norm(), cmap=_COLORS), "fraction of jet $p_T$", _MARGINS)
    return figure


def _draw(axes: Axes, parents: IntArray, node_pt: FloatArray) -> None:
    from matplotlib.collections import LineCollection

    place, depth = tree_layout(parents, node_pt)
    leaves = len(parents) + 1
    share = node_pt / max(float(node_pt[-1]), 1e-300)
    made = np.repeat(np.arange(leaves, 2 * leaves - 1), 2)
    branches = np.asarray(parents).reshape(-1)
    branches, made = branches[(order := np.argsort(share[branches], kind="stable"))], made[order]
    x = place[made][:, None] + (place[branches] - place[made])[:, None] * _EASE
    y = depth[made][:, None] + (depth[branches] - depth[made])[:, None] * _STEPS
    lines = LineCollection(
        list(np.stack([x, y], axis=-1)), linewidths=0.7 + 6.0 * np.sqrt(share[branches]), capstyle="round",
        cmap=_COLORS, norm=_norm(),
    )  # fmt: skip
    lines.set_array(share[branches])
    axes.add_collection(lines)
    tips = np.arange(leaves)
    axes.scatter(
        place[tips], depth[tips], s=5 + 90 * share[tips], c=share[tips], cmap=_COLORS, norm=_norm(), ec="white", lw=0.4,
        zorder=3,
    )  # fmt: skip
    axes.set(xlim=(-1.0, leaves), ylim=(depth.max() + 0.8, -0.8))
    axes.set_ylabel("depth")
    axes.set_xlabel(f"{leaves} constituents, the harder branch left", fontsize=9.5, color=FAINT)
    axes.tick_params(which="both", bottom=False, top=False, right=False, labelbottom=False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    _whole_numbers(axes)


def _whole_numbers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator, NullLocator

    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_locator(NullLocator())


def _norm() -> LogNorm:
    from matplotlib.colors import LogNorm

    return LogNorm(1e-3, 1.0, clip=True)

