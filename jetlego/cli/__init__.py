"""The ``jetlego`` command: one file a command, and nothing else in the package prints.

Commands are named here by the place of their code, and loaded when called, so that ``jetlego --help`` imports no torch.
"""

from __future__ import annotations

import os
import sys

from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely


def main() -> None:
    """Run the command line and leave with its exit code."""
    # Threads of OpenMP that wait by spinning take the cores from each other as soon as anything else runs: measured on
    # two shared cores, training a small network is up to four times faster when they sleep. The user's word wins.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(run_safely(app, sys.argv[1:]))
