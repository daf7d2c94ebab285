"""Measurements as tables: rates with their ratios, and figures with their spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

Rows = Sequence[Mapping[str, Any]]


def speed_table(rows: Rows) -> Table:
    """Return a table of ``{name, rate, unit, reference, ratio}`` rows."""
    table = _table(("what", "left"), ("rate", "right"), ("unit", "left"), ("ratio", "right"), ("to", "left"))
    for row in rows:
        ratio = row.get("ratio")
        words = "" if ratio is None else f"{ratio:.3g}"
        if row.get("spread") is not None:
            low, high = row["spread"]
            words += f" ({low:.3g} to {high:.3g})"
        table.add_row(row["name"], f"{row['rate']:,.0f}", row["unit"], words, row.get("reference") or "")
    return table


def accuracy_table(rows: Rows) -> Table:
    """Return a table of the entries of a comparison; ± is the standard deviation over seeds."""
    from jetlego.benchmark.accuracy_page import table_of

    heads, body = table_of(rows)
    table = _table((heads[0], "left"), *((head, "right") for head in heads[1:]))
    for cells in body:
        table.add_row(*cells)
    return table


def _table(*columns: tuple[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head, side in columns:
        table.add_column(head, justify=side)
    return table

