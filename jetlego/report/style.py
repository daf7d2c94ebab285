"""One look for every figure: colours that all eyes tell apart, thin axes, text as paths, the same bytes every time.

Figures are made with matplotlib's objects and never through pyplot's global state, so nothing has to be closed and
nothing depends on a display.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Ten colours told apart with any colour vision: Petroff, arXiv:2107.02270, the set of ten."""

INK, FAINT, GRID = "#1f2933", "#7b8794", "#e4e7eb"
_LONGEST = 40
LINES = ("-", "--", "-.", ":")
"""Line styles go with the colours, so that a figure survives a grey print."""

WIDTH, HEIGHT, PAGE_WIDTH = 5.2, 3.9, 10.4
"""Size of an ordinary figure and width of the largest, in inches; the page shows 96 pixels an inch."""

_RC: dict[str, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "jetlego",
    "font.size": 11.0,
    "axes.labelsize": 11.5,
    "axes.titlesize": 11.5,
    "axes.linewidth": 0.8,
    "axes.titley": 1.02,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 5),
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.size": 5.0,
    "ytick.major.size": 5.0,
    "xtick.minor.size": 2.5,
    "ytick.minor.size": 2.5,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "legend.handlelength": 1.8,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    "image.cmap": "viridis",
}


@cache
def _fonts() -> dict[str, Any]:
    """Return the sans-serif that mplhep brings, or matplotlib's own where it does not."""
    import mplhep  # noqa: F401  (registers its fonts)
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    if "TeX Gyre Heros" not in known:
        return {"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans"}
    return {
        "font.family": ["TeX Gyre Heros", "DejaVu Sans"],
        "mathtext.fontset": "custom",
        "mathtext.rm": "TeX Gyre Heros",
        "mathtext.it": "TeX Gyre Heros:italic",
        "mathtext.bf": "TeX Gyre Heros:bold",
        "mathtext.cal": "TeX Gyre Heros",
        "mathtext.fallback": "stixsans",
    }


_inside: ContextVar[bool] = ContextVar("inside the house's style", default=False)


@contextmanager
def styled() -> Iterator[None]:
    """Draw, or save, in the house's style and in nobody else's settings; inside itself it does nothing."""
    import matplotlib
    from matplotlib import rc_context, rcParamsDefault

    if _inside.get():
        yield
        return
    token = _inside.set(True)
    settings: dict[Any, Any] = {k: v for k, v in rcParamsDefault.items() if k not in ("backend", "interactive")}
    try:
        with rc_context():
            matplotlib.rcParams.update(settings | _fonts() | _RC)
            yield
    finally:
        _inside.reset(token)


def new_figure(*, rows: int = 1, height: float = HEIGHT, **options: Any) -> tuple[Figure, Any]:
    """Return an ordinary figure and its axes, one or several above each other. Call it inside :func:`styled`.

    Its margins are fixed, so the frames of figures side by side are in line, and no layout has to be sought.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    figure.subplots_adjust(left=0.154, right=0.978, bottom=0.56 / height, top=1 - 0.14 / height, hspace=0.1)
    return figure, figure.subplots(rows, **options)


def class_color(k: int) -> str:
    """Return the colour of class k."""
    return PALETTE[k % len(PALETTE)]


def class_line(k: int) -> str:
    """Return the line style of class k."""
    return LINES[k % len(LINES)]


def looks(curves: Sized, numbers: Sequence[int]) -> Sequence[int]:
    """Return the number that chooses the colour of each curve: its class number if given, else its place."""
    return numbers or range(len(curves))


def plain(text: object) -> str:
    """Return a user's words as matplotlib text: a dollar sign is a dollar sign, not mathematics.

    A leading underscore would hide the words from legends, so a space goes before it.
    """
    words = "".join(c for c in str(text) if c.isprintable())
    words = words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
    return words.replace("\\", "").replace("$", r"\$").replace("_", " _", words.startswith("_"))


def legend(axes: Axes, **options: Any) -> None:
    """Draw a legend if there is something to tell."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**options)
