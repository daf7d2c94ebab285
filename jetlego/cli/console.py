"""Where tables are printed: as wide as the terminal, and wide enough for any table where there is none."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDTH_OF_A_FILE = 240


def results_console() -> Console:
    """Return a console on stdout without colors of its own invention."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
