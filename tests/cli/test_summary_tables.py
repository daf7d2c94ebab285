"""Counts of classes: a row of their own while there is room, a line when there are many."""

from io import StringIO

from rich.console import Console

from jetlego.cli.summary_tables import summary_tables
from jetlego.data.summary import Summary


def shown(classes: dict[str, int]) -> str:
    out = StringIO()
    console = Console(file=out, width=100)
    for table in summary_tables([], Summary(6, 9, 0, classes, 0, None, ())):
        console.print(table)
    return out.getvalue()


def test_many_classes_are_told_in_a_line() -> None:
    few, many = shown({"top": 4, "qcd": 2, "w": 0}), shown({f"class_{k}": k for k in range(190)})
    assert ["jets", "constituents", "empty", "jets", "top", "qcd"] in [line.split() for line in few.splitlines()]
    assert "classes:" not in few
    assert "189 classes: class_1 1, class_2 2," in many
    assert "class_189 189" in " ".join(many.split())
