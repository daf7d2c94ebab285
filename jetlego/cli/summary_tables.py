"""What ``jetlego data show`` and ``jetlego data check`` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from jetlego.data.check import CheckReport
from jetlego.data.summary import FileInfo, Summary

_MOST_HEADS = 10
"""Classes that are told in a row of their own; more of them would leave no room for their names."""


def summary_tables(files: Sequence[FileInfo], summary: Summary) -> Iterator[Table | Text]:
    """Yield the tables of files, of counts, and of the range of every column."""
    table = _table("file", "layout", "in", "tree", "entries>", "bytes>")
    for file in files:
        entries = "" if file.num_entries is None else f"{file.num_entries:,}"
        table.add_row(
            Text(str(file.path)), file.schema, file.container, Text(file.tree), entries, f"{file.num_bytes:,}"
        )
    yield table
    found = {name: f"{count:,}" for name, count in summary.classes.items() if count}
    shown = found if len(found) <= _MOST_HEADS else {}
    counts = _table("jets>", "constituents>", "empty jets>", *(f"{name}>" for name in shown))
    totals = (summary.num_jets, summary.num_constituents, summary.num_empty)
    counts.add_row(*(f"{total:,}" for total in totals), *shown.values())
    yield counts
    if found and not shown:
        yield Text(f"{len(found)} classes: " + ", ".join(f"{name} {count}" for name, count in found.items()))
    ranges = _table("column", "of each", "least>", "median>", "largest>", "not finite>")
    for column in summary.ranges:
        numbers = (f"{value:.6g}" for value in (column.minimum, column.median, column.maximum))
        ranges.add_row(Text(column.name), column.level, *numbers, str(column.num_nonfinite or ""))
    yield ranges


def check_lines(report: CheckReport) -> Iterator[str]:
    """Yield one line for each file and for each thing found."""
    for file in report.files:
        verdict = "fault" if file.faults else "ok"
        yield f"{verdict:<6} {file.path}  {file.schema or 'unknown layout'}, {file.num_jets:,} jets"
        yield from (f"       {fault}" for fault in file.faults)
        yield from (f"       note: {note}" for note in file.notes)
        if file.sha256:
            yield f"       sha256 {file.sha256}"
    yield f"{report.num_jets:,} jets, {report.num_empty:,} empty, {report.num_duplicates:,} duplicates"
    if report.labels:
        yield "labels: " + ", ".join(f"{name} {count:,}" for name, count in report.labels.items())
    yield from (f"not finite: {name} {count:,} times" for name, count in report.nonfinite.items())
    yield from (f"odd: {name} {count:,} constituents" for name, count in report.oddities.items())
    if report.num_negative_weights:
        yield f"{report.num_negative_weights:,} jets of negative weight"


def _table(*heads: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head.rstrip(">"), justify="right" if head.endswith(">") else "left", overflow="fold")
    return table
