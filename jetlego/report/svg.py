"""Figures as files and as data URIs, the same bytes for the same figure."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from jetlego.atomic import write_atomic
from jetlego.errors import ConfigError
from jetlego.report.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# No dates and no program versions: equal figures are equal files.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
_DPI = 160


def figure_bytes(figure: Figure, *, kind: str = "svg") -> bytes:
    """Return a figure as SVG (text as paths), PNG or PDF."""
    if kind not in _METADATA:
        raise ConfigError("BAD-VALUE", f"no picture format '{kind}'", f"valid: {', '.join(_METADATA)}")
    buffer = io.BytesIO()
    with styled(), warnings.catch_warnings():
        # A class may be named in a script that no font here has: it is drawn as boxes, and the page spells it out.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(buffer, format=kind, dpi=_DPI, metadata=_METADATA[kind])
    return buffer.getvalue()


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure to ``*.svg``, ``*.png`` or ``*.pdf``, whole or not at all."""
    path = Path(path)
    write_atomic(path, figure_bytes(figure, kind=path.suffix.lstrip(".").lower()))
    return path


def data_uri(figure: Figure) -> str:
    """Return a figure as ``data:image/svg+xml;base64,...`` for the ``src`` of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(figure_bytes(figure)).decode()
