"""``jetlego bricks``: the vocabulary that configurations are written in."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def bricks(name: str | None = None, /, *, import_: Annotated[tuple[str, ...], Parameter(name="--import")] = ()) -> None:
    """List every brick by kind, or show one: its arguments, its studs, its equation and its paper.

    Example: jetlego bricks mlp

    Parameters
    ----------
    name
        A brick; without it, all of them.
    import_
        Python packages whose bricks join the vocabulary.
    """

    from jetlego.bricks.registry import bricks as vocabulary
    from jetlego.bricks.registry import find_brick, import_bricks
    from jetlego.cli.brick_pages import inventory, one_brick
    from jetlego.cli.console import results_console

    for package in import_:
        import_bricks(package)
    console = results_console()
    if name is not None:
        console.print(one_brick(find_brick(name)))
        return
    for table in inventory(vocabulary().values()):
        console.print(table)
