"""``jetlego bench``: speed side by side with what users have today, in one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal


def bench(
    *files: str,
    speed: Literal["clustering", "recursion", "loader"] = "clustering",
    out: Path | None = None,
    jets: int = 2000,
) -> None:
    """Measure one room against its references, in turn and in one run, and print the rates and their ratios.

    Example: jetlego bench --speed clustering

    Parameters
    ----------
    files
        Jets to measure on; default: the embedded ones.
    speed
        Which room.
    out
        Also write the rows as JSON.
    jets
        At most this many jets.
    """
    from rich.console import Console

    from jetlego.atomic import write_atomic
    from jetlego.benchmark.speed import measure
    from jetlego.cli.bench_table import bench_table
    from jetlego.training.environment import environment

    rows = measure(speed, list(files), max_jets=jets)
    Console(highlight=False).print(bench_table(rows))
    if out is not None:
        write_atomic(out, json.dumps({"environment": environment(), "results": [dict(row) for row in rows]}, indent=1))
