"""A comparison as a table of words, for the terminal and for a page, and as files beside its runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jetlego.atomic import write_atomic, written_aside
from jetlego.report.plots.comparison import plot_comparison, rejections_of
from jetlego.report.style import styled
from jetlego.training.environment import environment

Rows = Sequence[Mapping[str, Any]]


def table_of(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Return the heads and the cells of a comparison; ± is the standard deviation over seeds, rates are of CPU time."""
    rejections = rejections_of(rows)
    columns = [("val AUC", "val_auc", 4), ("AUC", "auc", 4), ("accuracy", "accuracy", 4)]
    columns += [(f"1/eps_B at {float(key.rpartition('_')[2]):.0%}", key, 0) for key in rejections]
    if any("auc_flat_pt" in row for row in rows):
        columns += [("AUC, pT flat", "auc_flat_pt", 4)]
        columns += [("1/eps_B at 50%, pT flat", "background_rejection_0.5_flat_pt", 0)]
    heads = ["entry", *(head for head, *_ in columns), "seeds", "parameters", "kFLOP/jet", "train CPU s",
             "train jets/CPU s", "predict jets/CPU s"]  # fmt: skip
    figures = [[_spread(row, key, digits) for _, key, digits in columns] for row in rows]
    return heads, [[row["name"], *cells, *_cost(row)] for row, cells in zip(rows, figures, strict=True)]


def _cost(row: Mapping[str, Any]) -> list[str]:
    counts = [("seeds", 1.0), ("parameters", 1.0), ("flops_per_jet", 1e-3), ("train_seconds", 1.0),
              ("train_rate", 1.0), ("rate", 1.0)]  # fmt: skip
    return ["-" if row.get(key) is None else f"{row[key] * unit:,.0f}" for key, unit in counts]


def _spread(row: Mapping[str, Any], key: str, digits: int) -> str:
    if row.get(key) is None:
        return "-"
    spread = row.get(f"{key}_spread")
    return f"{row[key]:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")


def markdown(rows: Rows) -> str:
    """Return the table as Markdown."""
    heads, body = table_of(rows)
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *body]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def write_results(folder: Path, rows: Rows, *, title: str) -> None:
    """Write ``results.json``, ``table.md`` and ``comparison.png`` into a folder, each whole or as it was."""
    document = {"environment": environment(), "title": title, "results": list(rows)}
    write_atomic(folder / "results.json", json.dumps(document, indent=1))
    write_atomic(folder / "table.md", markdown(rows))
    with written_aside(folder / "comparison.png") as path, styled():  # fonts are looked up when it is drawn
        plot_comparison(rows).savefig(path, dpi=150, format="png")
