"""The ``jetlego`` command: one file a command, and nothing else in the package prints.

Commands are named here by the place of their code, and loaded when called, so that ``jetlego --help`` imports no torch.
"""

from __future__ import annotations

import sys

from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run_safely(app, sys.argv[1:]))
