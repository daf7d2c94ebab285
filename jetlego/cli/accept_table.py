"""Acceptance results as a table, a page and a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from jetlego.atomic import write_atomic
from jetlego.benchmark.accept import AcceptResult, find_tasks, tasks
from jetlego.benchmark.accept.page import acceptance_page, number
from jetlego.benchmark.accept.results import read_rows
from jetlego.benchmark.accept.runner import read_back
from jetlego.training.environment import environment


def accept_table(results: Sequence[AcceptResult]) -> Table:
    """Return one row a figure: reached, gate, published with its source, seconds, verdict."""
    heads = ("task", "figure", "reached", "gate", "published", "seconds", "seed", "", "source of the published figure")
    grid, known = _grid(*heads), tasks()
    for r in results:
        verdict = "[green]PASS[/green]" if r.passed else "[bold red]FAIL[/bold red]"
        figures = number(r.value), r.gate, number(r.reference), f"{r.seconds:.0f}", str(r.seed)
        grid.add_row(r.task, r.figure, *figures, verdict, known[r.task].source)
    return grid


def list_table(names: Sequence[str]) -> Table:
    """Return what there is to run: each task with the bricks it proves, its gates and its expected minutes."""
    found = {item.name: item for name in names for item in find_tasks(name)} if names else dict(tasks())
    grid = _grid("task", "proves", "minutes", "gates", "what is learnt")
    for item in found.values():
        gates = ", ".join(f"{figure} {gate}" for figure, gate in item.gates.items())
        grid.add_row(item.name, ", ".join(item.bricks), f"{item.minutes:g}", gates, item.summary)
    return grid


def write_page(store: Path, page: Path) -> None:
    """Write the Markdown page of all results kept in ``store``, judged by today's gates."""
    known = tasks()
    kept = [(key[0], rows) for key, rows in read_rows(store).items() if key[0] in known]
    results = [result for name, rows in kept for result in read_back(known[name], rows)]
    write_atomic(page, acceptance_page(results, store=store.name))


def write_json(path: Path, results: Sequence[AcceptResult]) -> None:
    """Write the environment and the results; a figure that diverged is null."""
    rows = [{**asdict(r), "value": r.value if r.value == r.value else None} for r in results]
    write_atomic(path, json.dumps({"environment": environment(), "results": rows}, indent=1))


def _grid(*heads: str) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0))
    for head in heads:
        grid.add_column(head)
    return grid
