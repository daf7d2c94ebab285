"""``jetlego data schemas``: the layouts that are read."""

from __future__ import annotations


def schemas() -> None:
    """List the layouts that jetlego reads; any other needs only a schema file of its own.

    Example: jetlego data schemas
    """
    from rich.table import Table
    from rich.text import Text

    from jetlego.cli.console import results_console
    from jetlego.data.schemas.load import list_schemas

    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("schema", "what", "source"):
        table.add_column(head)
    for row in list_schemas():
        table.add_row(*(Text(word) for word in row))
    results_console().print(table)
