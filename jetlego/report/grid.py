"""Figures of several panels, laid out in inches: every margin is known, so no layout has to be sought by drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jetlego.report.style import PAGE_WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FONT = 11


@dataclass(frozen=True)
class Margins:
    """Room in inches around and between panels; ``across`` and ``below`` are the gaps between neighbours."""

    left: float = 0.75
    right: float = 0.2
    bottom: float = 0.6
    top: float = 0.38
    across: float = 0.18
    below: float = 0.5


def grid_shape(count: int, *, widest: int) -> tuple[int, int]:
    """Return (rows, columns) for ``count`` panels, at most ``widest`` abreast."""
    columns = max(min(count, widest), 1)
    return max(-(-count // columns), 1), columns


def abreast(count: int) -> int:
    """Return how many of ``count`` square panels stand side by side: four, or five if that saves a row."""
    return grid_shape(count, widest=4 if count <= 8 else 5)[1]


def panel_width(columns: int, margins: Margins, *, largest: float) -> float:
    """Return how wide a panel can be, in inches, if ``columns`` of them share the page, and at most ``largest``."""
    free = PAGE_WIDTH - margins.left - margins.right - margins.across * (columns - 1)
    return min(largest, free / columns)


def inch_grid(
    count: int, columns: int, *, panel: tuple[float, float], margins: Margins, shared: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure of ``count`` panels (width, height in inches), row by row, ``columns`` abreast.

    ``shared`` panels have common axes, numbered at the left and at the bottom only.
    """
    from matplotlib.figure import Figure

    rows = -(-count // columns)
    width = margins.left + columns * panel[0] + (columns - 1) * margins.across + margins.right
    height = margins.bottom + rows * panel[1] + (rows - 1) * margins.below + margins.top
    figure = Figure(figsize=(width, height))
    made: list[Axes] = []
    for i in range(count):
        row, column = divmod(i, columns)
        x = margins.left + column * (panel[0] + margins.across)
        y = height - margins.top - panel[1] - row * (panel[1] + margins.below)
        first: dict[str, Any] = {"sharex": made[0], "sharey": made[0]} if shared and made else {}
        axes = figure.add_axes((x / width, y / height, panel[0] / width, panel[1] / height), **first)
        if shared:
            axes.tick_params(labelleft=column == 0, labelbottom=i + columns >= count)
        made.append(axes)
    return figure, made


def color_bar(figure: Figure, mappable: Any, label: str, margins: Margins) -> None:
    """Draw a colour bar into the right margin, as high as the panels."""
    width, height = figure.get_size_inches()
    x, y = width - margins.right + 0.15, margins.bottom
    box = (x / width, y / height, 0.16 / width, (height - margins.bottom - margins.top) / height)
    bar = figure.colorbar(mappable, cax=figure.add_axes(box))
    bar.set_label(label, fontsize=_FONT - 0.5)
    bar.outline.set_linewidth(0.6)


def axis_names(figure: Figure, x: str, y: str, margins: Margins) -> None:
    """Write one name for all horizontal and one for all vertical axes."""
    width, height = figure.get_size_inches()
    middle_x = (margins.left + width - margins.right) / 2 / width
    middle_y = (margins.bottom + height - margins.top) / 2 / height
    figure.text(middle_x, 0.12 / height, x, ha="center", va="bottom", fontsize=_FONT)
    figure.text(0.12 / width, middle_y, y, ha="left", va="center", rotation=90, fontsize=_FONT)


def top_legend(figure: Figure, handles: Any, names: Any, *, columns: int) -> None:
    """Draw a legend along the upper edge, over all panels."""
    height = figure.get_size_inches()[1]
    figure.legend(
        handles, names, loc="upper center", bbox_to_anchor=(0.5, 1.0 - 0.02 / height), ncols=columns,
        columnspacing=1.4, borderaxespad=0.1,
    )  # fmt: skip


def free_corner(figure: Figure, count: int, columns: int) -> Axes | None:
    """Return invisible axes over the first blank place of the last row, or None if it is full."""
    if count % columns == 0:
        return None
    last, first = figure.axes[count - 1].get_position(), figure.axes[0].get_position()
    step = figure.axes[1].get_position().x0 - first.x0 if count > 1 else 0.0
    axes = figure.add_axes((last.x0 + step, last.y0, last.width, last.height))
    axes.set_axis_off()
    return axes

