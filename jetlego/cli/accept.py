"""``jetlego accept``: bricks and losses learn something whose answer is known, and are held to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from jetlego.benchmark.accept import AcceptResult

_TABLE = Path("docs/acceptance.md")


def accept(
    *names: str,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    record: Annotated[bool, Parameter(negative="")] = False,
    seeds: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (1,),
    json: Path | None = None,
    table: Path = _TABLE,
) -> None:
    """Train bricks on their learning tasks; print the figure reached beside the published one; exit 1 if one is short.

    Example: jetlego accept gru optnet --seeds 1 2

    Parameters
    ----------
    names
        Tasks, or the bricks and losses that they prove.
    all_
        Run every task that has no row in the table yet, then write the table.
    list_
        Show the tasks, their gates and expected minutes, and run nothing.
    record
        Renew the named tasks' rows in the table.
    seeds
        Each task runs once a seed.
    json
        Also write the results as JSON.
    table
        Markdown page of --all and --record; the results lie beside it as JSON lines.
    """
    from jetlego.benchmark.accept import run
    from jetlego.cli.accept_table import accept_table, list_table, write_json
    from jetlego.cli.console import results_console
    from jetlego.errors import ConfigError

    if list_:
        results_console().print(list_table(names))
        return
    if bool(names) == all_:
        raise ConfigError("USAGE", "jetlego accept needs names, or --all, not both", "--list shows the tasks")
    store = table.with_suffix(".jsonl") if all_ or record else None
    results = list(_watched(run(names, seeds=seeds, out=store, resume=True, again=record and not all_), store, table))
    results_console().print(accept_table(results))
    if json is not None:
        write_json(json, results)
    if not all(result.passed for result in results):
        raise SystemExit(1)


def _watched(results: Iterator[AcceptResult], store: Path | None, table: Path) -> Iterator[AcceptResult]:
    """Yield the results with a bar on the terminal; keep the page in step with the file of results."""
    from jetlego.cli.accept_progress import AcceptProgress
    from jetlego.cli.accept_table import write_page

    with AcceptProgress() as progress:
        for result in results:
            progress.result(result)
            if store is not None:
                write_page(store, table)
            yield result
