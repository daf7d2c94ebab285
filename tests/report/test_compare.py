import re
from dataclasses import replace

import numpy as np
import pytest
from oracles.html_page import assert_self_contained
from oracles.toy_jets import toy_jets, toy_scores

from jetlego.errors import ConfigError
from jetlego.report.compare import render_comparison, write_comparison
from jetlego.report.contents import ReportContents


def run(title, *, seed=1, num_jets=200, **changes):
    jets = toy_jets(num_jets)
    rows = [{"epoch": e, "val_loss": seed / e, "val_auc": 1 - 0.5 / e} for e in (1, 2, 3)]
    values = {
        "title": title, "classes": jets.classes, "label": jets.label, "scores": toy_scores(jets.label, seed=seed),
        "jet": dict(jets.jet), "epochs": rows, "config": f"model:\n  brick: gru\n  hidden: {seed}\n",
        "model": {"parameters": 10 * seed}, "environment": {"torch": "2"},
    }  # fmt: skip
    return ReportContents(**{**values, **changes})


def test_comparison_tells_figures_differences_and_settings(tmp_path):
    path = write_comparison([run("first"), run("second", seed=2)], tmp_path / "compare.html")
    page = assert_self_contained(path.read_text(encoding="utf-8"))
    assert len(page.all("img")) == 7
    for word in ("2 runs compared", "minus first", "model.hidden", "Validation loss", "top against qcd"):
        assert word in page.text
    assert "model.brick" not in page.text


@pytest.mark.slow
def test_a_run_against_itself_differs_by_nothing():
    page = assert_self_contained(render_comparison([run("same"), run("same")]))
    assert "same (2)" in page.text
    assert re.search(r"same \(2\)" + r"\s*0" * 5 + r"\s", page.text)
    assert "The configurations are the same" in page.text


def test_runs_on_different_jets_have_no_paired_differences():
    moved = run("b")
    moved = replace(moved, jet={**moved.jet, "jet_pt": moved.jet["jet_pt"] + 1.0})
    assert "tested on different jets" in render_comparison([run("a"), moved])


def test_bare_runs_of_hostile_names_and_other_tasks():
    first = run("<b>bold</b>", epochs=[], jet={}, config="", environment={})
    other = run("plain", classes=("W", "qcd"), epochs=[], jet={})
    page = assert_self_contained(render_comparison([first, other]))
    assert "<b>bold</b>" in page.text
    assert "different tasks" in page.text
    assert "no log of epochs" in page.text


def test_one_class_in_all_runs():
    only = run("a")
    members = np.flatnonzero(only.label == 0)
    jet = {name: values[members] for name, values in only.jet.items()}
    only = replace(only, label=only.label[members], scores=only.scores[members], jet=jet, metrics=None)
    assert "no run has signal and background" in assert_self_contained(render_comparison([only, only])).text


def test_one_run_is_no_comparison():
    with pytest.raises(ConfigError, match="at least two"):
        render_comparison([run("alone")])
