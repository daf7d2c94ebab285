"""A user's way through the command line, on embedded jets: train, look, evaluate, predict, compare."""

import json

import numpy as np
import pytest

from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.data.table import read_table
from jetlego.training.load_config import to_yaml


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, small_config):
    folder = tmp_path_factory.mktemp("journey")
    (folder / "small.yaml").write_text(to_yaml(small_config().resolved()))
    assert run_safely(app, ["train", str(folder / "small.yaml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture
def jetlego(capsys):
    def jetlego(*words):
        code = run_safely(app, [str(word) for word in words])
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return jetlego


def test_training_writes_a_page_and_its_plots(run_folder):
    page = (run_folder / "report.html").read_text()
    assert "<svg" in page or "data:image" in page
    assert any((run_folder / "plots").iterdir())


def test_evaluate_agrees_with_training(run_folder, jetlego, tmp_path):
    trained = json.loads((run_folder / "metrics.json").read_text())["test"]
    out = jetlego("evaluate", run_folder, "--out", tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["auc"] == pytest.approx(trained["auc"], abs=1e-6)
    assert f"{trained['auc']:.4f}" in out
    assert (
        "1800 jets"
        in jetlego("evaluate", run_folder, "sample://top/test", "sample://qcd/test", "--out", tmp_path / "files.json")
        or "600 jets" in out
    )


def test_predict_keeps_the_order_of_the_input(run_folder, jetlego, tmp_path):
    jetlego("predict", run_folder, "sample://qcd/val", "sample://top/val", "--out", tmp_path / "a.root")
    jetlego("predict", run_folder, "sample://top/val", "--out", tmp_path / "b.root")
    both, top = read_table(tmp_path / "a.root"), read_table(tmp_path / "b.root")
    assert len(both["score_top"]) == 2 * len(top["score_top"])
    np.testing.assert_allclose(both["score_top"][-len(top["score_top"]) :], top["score_top"], atol=2e-6)
    np.testing.assert_array_equal(both["jet_pt"][-len(top["jet_pt"]) :], top["jet_pt"])
    assert "event_index" in both


@pytest.mark.slow
def test_one_page_compares_runs(run_folder, jetlego, tmp_path):
    jetlego("report", run_folder, run_folder, "--out", tmp_path / "two.html")
    jetlego("report", run_folder, "--out", tmp_path / "one.html")
    assert (tmp_path / "two.html").stat().st_size > 10_000
    assert (tmp_path / "one.html").stat().st_size > 10_000


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused(run_folder, capsys):
    words = ["train", str(run_folder.parent / "small.yaml"), "--out", str(run_folder)]
    assert run_safely(app, words) == 2
    assert "RUN-EXISTS" in capsys.readouterr().err
    assert run_safely(app, [*words, "--resume"]) == 0


def test_data_show_counts_and_draws(jetlego, tmp_path):
    out = jetlego("data", "show", "sample://top/val", "sample://qcd/val", "--picture", tmp_path / "jets.png")
    assert "2000" in out.replace(",", "")
    assert "jet_pt" in out
    assert (tmp_path / "jets.png").read_bytes().startswith(b"\x89PNG")
