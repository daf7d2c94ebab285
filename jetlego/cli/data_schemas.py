"""``jetlego data schemas``: the layouts that are read."""

from __future__ import annotations


def schemas(name: str | None = None, /) -> None:
    """List the layouts that jetlego reads, or print one; any other needs only a schema file of its own.

    Example: jetlego data schemas pfnano > my_layout.yaml

    Parameters
    ----------
    name
        A schema of the list, printed as it is written, to start from.
    """
    from rich.table import Table
    from rich.text import Text

    from jetlego.cli.console import results_console
    from jetlego.data.schemas.load import list_schemas, schema_text

    if name is not None:
        results_console().print(Text(schema_text(name).rstrip()), soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("schema", "what", "source"):
        table.add_column(head)
    for row in list_schemas():
        table.add_row(*(Text(word) for word in row))
    results_console().print(table)
