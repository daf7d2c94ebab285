"""``jetlego bricks``: the vocabulary that configurations are written in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def bricks(
    name: str | None = None,
    /,
    *,
    import_: Annotated[tuple[str, ...], Parameter(name="--import")] = (),
    matrix: Annotated[bool, Parameter(negative="")] = False,
    cells: Path = Path("configs/io"),
) -> None:
    """List every brick by kind, or show one: its arguments, its studs, its equation and its paper.

    Examples: jetlego bricks mlp; jetlego bricks --matrix

    Parameters
    ----------
    name
        A brick; without it, all of them.
    import_
        Python packages whose bricks join the vocabulary.
    matrix
        Show which assembly leads from each kind of input to each kind of output instead; each is built, and run on
        four toy jets.
    cells
        With --matrix: the folder of these assemblies.
    """

    from jetlego.bricks.registry import bricks as vocabulary
    from jetlego.bricks.registry import find_brick, import_bricks
    from jetlego.cli.brick_pages import inventory, one_brick
    from jetlego.cli.console import results_console

    for package in import_:
        import_bricks(package)
    console = results_console()
    if matrix:
        from jetlego.cli.matrix_page import matrix_table

        console.print(matrix_table(cells))
        return
    if name is not None:
        console.print(one_brick(find_brick(name)))
        return
    for table in inventory(vocabulary().values()):
        console.print(table)
