"""``jetlego data prepare`` on embedded jets, and every command that takes the folder for a file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jetlego import Shards
from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.data.read import read_jets


@pytest.fixture
def jetlego(capsys):
    def run(*words, code=0):
        assert run_safely(app, [str(word) for word in words]) == code
        return capsys.readouterr()

    return run


def test_prepare_and_use_the_folder(jetlego, tmp_path) -> None:
    options = tmp_path / "options.yaml"
    options.write_text("histories: [cambridge_aachen]\nmax_constituents: 40\nstandardise: standard\n")
    folder = tmp_path / "shards"
    words = ["data", "prepare", "sample://top/val", "sample://qcd/val", "--out", folder, "--config", options,
             "--classes.top", "label_Tbqq", "--classes.qcd", "label_QCD", "--columns", "jet_tau1", "--columns",
             "part_d0val", "--features", "kin", "--features", "part_d0val", "--jets-per-shard", "700"]  # fmt: skip
    assert jetlego(*words).out.startswith(f"2000 jets in 4 shards of {folder}, ")
    shards = Shards(folder)
    assert shards.classes == ("top", "qcd")
    assert shards.histories == ("cambridge_aachen",)
    assert shards.inputs[-1] == "part_d0val"
    assert shards.standardisation.kind == "standard"
    assert shards.read().num_constituents.max() == 40
    assert "2,000" in jetlego("data", "show", folder).out
    assert "prepared" in jetlego("data", "check", folder).out
    jetlego("data", "convert", folder, "--out", tmp_path / "back.root")
    back = read_jets(tmp_path / "back.root", classes={"top": "label_top", "qcd": "label_qcd"})
    assert np.array_equal(back.p4, shards.read().p4)
    before = json.loads((folder / "manifest.json").read_text())
    told = jetlego(*words, "--momenta", "float32", code=2).err
    assert told.startswith("jetlego: error[RESUME-MISMATCH]: ")
    assert "momenta 'exact' -> 'float32'" in told
    assert "--overwrite" in told
    assert json.loads((folder / "manifest.json").read_text()) == before


def test_faults_are_one_line_and_an_exit_code(jetlego, tmp_path) -> None:
    out = ["--out", tmp_path / "x"]
    for words, code, id in (
        (["data", "prepare", *out], 2, "USAGE"),
        (["data", "prepare", "nowhere.root", *out], 3, "NO-FILES"),
        (["data", "prepare", "sample://top/val", "--history", "ktt", *out], 2, "BAD-VALUE"),
        (["data", "prepare", "sample://top/val", "--workers", "0", *out], 2, "BAD-VALUE"),
        (["data", "prepare", "sample://top/val", "--out", "/proc/none"], 4, "NOT-WRITABLE"),
    ):
        told = jetlego(*words, code=code).err.strip().splitlines()
        assert len(told) == 1
        assert told[0].startswith(f"jetlego: error[{id}]: ")
    assert not (tmp_path / "x").exists()
    assert "--jets-per-shard" in jetlego("data", "prepare", "--help").out
