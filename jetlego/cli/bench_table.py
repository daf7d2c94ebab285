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
        table.add_row(row["name"], f"{row['rate']:,.0f}", row["unit"], words, row.get("reference") or "")
    return table


def accuracy_table(rows: Rows) -> Table:
    """Return a table of the entries of a comparison; ± is the standard deviation over seeds."""
    first = rows[0]
    rejections = [k for k in first if k.startswith("background_rejection_") and not k.endswith(("_spread", "_flat_pt"))]
    heads = [f"1/eps_B at {float(key.rpartition('_')[2]):.0%}" for key in rejections]
    flat = {"auc_flat_pt": 4, "background_rejection_0.5_flat_pt": 0}
    flat = flat if any("auc_flat_pt" in row for row in rows) else {}
    table = _table(
        ("entry", "left"),
        *((head, "right") for head in ("val AUC", "AUC", "accuracy", *heads)),
        *((head, "right") for head in ("AUC, pT flat", "1/eps_B at 50%, pT flat")[: len(flat)]),
        ("parameters", "right"),
        ("train s", "right"),
        ("jets/s", "right"),
    )
    for row in rows:
        figures = [_spread(row, key, 4) for key in ("val_auc", "auc", "accuracy")]
        figures += [_spread(row, key, 0) for key in rejections]
        figures += [_spread(row, key, digits) for key, digits in flat.items()]
        parameters = "" if row["parameters"] is None else f"{row['parameters']:,}"
        rate = "" if row["rate"] is None else f"{row['rate']:,.0f}"
        table.add_row(row["name"], *figures, parameters, f"{row['train_seconds']:.0f}", rate)
    return table


def _table(*columns: tuple[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head, side in columns:
        table.add_column(head, justify=side, no_wrap=True)
    return table


def _spread(row: Mapping[str, Any], key: str, digits: int) -> str:
    if row.get(key) is None:
        return "-"
    spread = row.get(f"{key}_spread")
    return f"{row[key]:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")
