"""The vocabulary as tables, and one brick as a page."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jetlego.bricks.registry import Entry
from jetlego.bricks.studs import Stud


def inventory(entries: Iterable[Entry]) -> Iterator[Table]:
    """Yield one table a group: name, studs, what it does."""
    for (kind, group), members in groupby(entries, key=lambda entry: (entry.kind, entry.group)):
        table = Table(
            title=f"{kind}s: {group}", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0)
        )
        table.add_column("name", style="cyan", no_wrap=True)
        table.add_column("takes -> gives", no_wrap=True)
        table.add_column("what")
        for entry in members:
            table.add_row(entry.name, Text(f"{_studs(entry.takes)} -> {_studs(entry.gives)}"), Text(entry.summary))
        yield table


def one_brick(entry: Entry) -> RenderableType:
    """Return the page of a brick: signature, studs, paper and its whole docstring."""
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_row("takes", Text(_studs(entry.takes)))
    facts.add_row("gives", Text(_studs(entry.gives)))
    facts.add_row("views", Text(", ".join(sorted(entry.views))))
    if entry.paper:
        facts.add_row("paper", Text(entry.paper))
    arguments = Table(box=None, padding=(0, 2, 0, 0))
    arguments.add_column("argument", style="cyan")
    arguments.add_column("type")
    arguments.add_column("default")
    for argument in entry.signature.parameters.values():
        default = "from its neighbours" if argument.default is argument.empty else repr(argument.default)
        arguments.add_row(argument.name, Text(_type(argument.annotation)), Text(default))
    text = inspect.cleandoc(entry.make.__doc__ or "")
    return Group(Text(entry.name, style="bold cyan"), Text(text), Text(), Padding(facts, (0, 0, 1, 0)), arguments)


def _studs(studs: Mapping[str, Stud]) -> str:
    return ", ".join(f"{name}: {stud}" for name, stud in studs.items())


def _type(annotation: object) -> str:
    return "any" if annotation is inspect.Parameter.empty else str(getattr(annotation, "__name__", annotation))
