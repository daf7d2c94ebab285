"""The table of inputs and outputs: one assembly in each cell."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from jetlego.benchmark.cells import KINDS, each_cell


def matrix_table(folder: Path) -> Table:
    """Return a table of kinds: the name of each cell, its parameters, and its loss on four toy jets before training."""
    found: dict[tuple[str, str], list[str]] = {}
    for cell, net, loss in each_cell(folder):
        size = sum(p.numel() for p in net.parameters())
        found.setdefault((cell.takes, cell.gives), []).append(f"{cell.name}  {size:,}  {loss.item():.2f}")
    table = Table(title="name, parameters, loss before training", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("from \\ to", style="bold")
    outputs = [kind for kind in KINDS if any(gives == kind for _, gives in found)]
    for kind in outputs:
        table.add_column(kind, no_wrap=True)
    for takes in KINDS:
        if any(kind == takes for kind, _ in found):
            table.add_row(takes, *("\n".join(found.get((takes, gives), ["-"])) for gives in outputs))
    return table
