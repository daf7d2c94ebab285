from dataclasses import replace

import numpy as np
import pytest
from oracles.html_page import assert_self_contained
from oracles.toy_jets import toy_jets

from jetlego.errors import ConfigError, DataError
from jetlego.physics.kinematics import jet_p4, pt
from jetlego.report.data_plots import draw_jets, jet_columns


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_one_figure_into_a_file(tmp_path, kind):
    path = draw_jets(toy_jets(100), tmp_path / f"jets.{kind}")
    start = {"png": b"\x89PNG", "pdf": b"%PDF"}[kind]
    assert path.read_bytes().startswith(start)
    assert path.stat().st_size > 10_000


def test_page_of_jets(tmp_path):
    jets = replace(toy_jets(100, classes=("a<b", "c")), label=np.full(100, -1))
    page = assert_self_contained(draw_jets(jets, tmp_path / "jets.html").read_text(encoding="utf-8"))
    assert len(page.all("img")) == 6
    assert "a<b" in page.text


def test_jets_without_labels_are_drawn_together(tmp_path):
    jets = replace(toy_jets(100), label=None, classes=())
    assert draw_jets(jets, tmp_path / "jets.svg").read_bytes().startswith(b"<?xml")


def test_missing_columns_come_from_the_constituents():
    jets = replace(toy_jets(20), jet={})
    columns = jet_columns(jets)
    np.testing.assert_allclose(columns["jet_pt"], pt(jet_p4(jets.p4, jets.jet_ptr)))
    assert list(columns) == ["jet_pt", "jet_mass", "jet_nparticles"]


def test_nothing_to_draw_and_no_such_format(tmp_path):
    with pytest.raises(DataError, match="nothing to draw"):
        draw_jets(toy_jets(10).select(np.arange(0)), tmp_path / "jets.png")
    with pytest.raises(ConfigError, match="valid: svg, png, pdf"):
        draw_jets(toy_jets(10), tmp_path / "jets.bmp")
    assert list(tmp_path.iterdir()) == []
