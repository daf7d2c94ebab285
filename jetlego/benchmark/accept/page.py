"""The acceptance table as a page of the documentation, written from the results file alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from jetlego.benchmark.accept.registry import Task, tasks
from jetlego.benchmark.accept.results import AcceptResult

_HEAD = """# Acceptance: every brick and loss learns something whose answer is known

`jetlego accept NAME` trains a task of at most five minutes on two cores, on data made by seeded generators, and prints
the figure reached beside the published or exact one; it exits with 1 if the gate is missed. `jetlego accept --all` runs
what has no row yet and writes this page from `{store}`; `jetlego accept NAME --record` runs a task again and
renews its rows. Seconds are wall time and, behind the stroke, processor time on a shared machine. A plus sign behind a
commit says that the code was changed since.
"""
_COLUMNS = ("task", "figure", "reached", "gate", "published or exact", "seconds", "seed", "commit", "")


def acceptance_page(results: Iterable[AcceptResult], *, store: str) -> str:
    """Return the page as Markdown: the table, what falls short by name, what has not run, and where figures are from.

    Parameters
    ----------
    results
        Rows, judged by today's gates.
    store
        Name of the results file, for the text.
    """
    rows = sorted(results, key=lambda r: (r.task, r.seed))
    known = tasks()
    parts = [_HEAD.format(store=store), _verdict(rows, known.values()), *_table(rows), "", "## Tasks and sources", ""]
    return "\n".join([*parts, *(_source(item) for item in known.values()), ""])


def number(value: float | None) -> str:
    """Return a figure for a table: four significant digits, ``-`` for none, ``diverged`` for NaN."""
    if value is None:
        return "-"
    return "diverged" if math.isnan(value) else f"{value:.4g}"


def _verdict(rows: Sequence[AcceptResult], known: Iterable[Task]) -> str:
    short = [f"`{r.task}` {r.figure} {number(r.value)} (gate {r.gate}, seed {r.seed})" for r in rows if not r.passed]
    waiting = [f"`{item.name}`" for item in known if item.name not in {r.task for r in rows}]
    passed = len({r.task for r in rows} - {r.task for r in rows if not r.passed})
    lines = [f"{passed} of {passed + len({r.task for r in rows if not r.passed})} tasks pass."]
    lines.append(f"**Short of the gate:** {'; '.join(short)}." if short else "None falls short of its gate.")
    if waiting:
        lines.append(f"Not run yet: {', '.join(waiting)}.")
    return "\n\n".join([*lines, ""])


def _table(rows: Sequence[AcceptResult]) -> list[str]:
    lines = [_row(_COLUMNS), "|---|---|--:|---|--:|--:|--:|---|---|"]
    for r in rows:
        seconds = f"{r.seconds:.0f} / {r.cpu_seconds:.0f}"
        verdict = "PASS" if r.passed else "**FAIL**"
        cells = (f"`{r.task}`", r.figure, number(r.value), r.gate, number(r.reference), seconds, str(r.seed))
        lines.append(_row((*cells, r.commit, verdict)))
    return lines


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _source(item: Task) -> str:
    proves = ", ".join(f"`{brick}`" for brick in item.bricks)
    return f"- `{item.name}` (proves {proves}): {item.summary} Published: {item.source.rstrip('.')}."
