"""Every notebook runs from top to bottom and prints what is stored in it."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))

SLOW = {"first_jets", "infrared_collinear", "three_vehicles"}
"""They train for minutes, or draw for ten seconds."""


def _marked(path):
    return pytest.param(path, marks=[pytest.mark.slow] if path.stem in SLOW else [])


def _printed(notebook):
    """Return what each cell of code prints, whichever pieces it came in."""
    return [
        "".join(part["text"] for part in cell.outputs if part.output_type == "stream" and part.name == "stdout")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", [_marked(path) for path in NOTEBOOKS], ids=lambda path: path.stem)
def test_a_notebook_prints_what_is_stored_in_it(path):
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(fresh, timeout=300, kernel_name="python3").execute()
    assert _printed(fresh) == _printed(stored)
    assert any(_printed(stored))
