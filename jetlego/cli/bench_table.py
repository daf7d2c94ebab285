"""Rates and ratios of one measurement, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table


def bench_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of ``{name, rate, unit, reference, ratio}`` rows."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("what", style="cyan")
    table.add_column("rate", justify="right")
    table.add_column("unit")
    table.add_column("ratio", justify="right", style="bold")
    table.add_column("to")
    for row in rows:
        ratio = row.get("ratio")
        table.add_row(row["name"], f"{row['rate']:,.0f}", row["unit"], "" if ratio is None else f"{ratio:.2f}", row.get("reference") or "")
    return table
