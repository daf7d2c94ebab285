"""``jetlego data check`` on embedded jets with one thing broken in each file: what it says, and how it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.data.convert import save_jets
from jetlego.data.jets import Jets
from jetlego.data.read import read_jets


@pytest.fixture
def look(capsys):
    def run(*words):
        code = run_safely(app, ["data", "check", *map(str, words)])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def good():
    return read_jets(["sample://top/val", "sample://qcd/val"]).select(np.r_[0:40, 1000:1040])


def test_nothing_is_wrong_with_good_jets(look, good, tmp_path) -> None:
    save_jets(good, tmp_path / "good.parquet")
    code, out, err = look(tmp_path / "good.parquet")
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == ["80 jets, 0 empty, 0 duplicates", "labels: QCD 40, Tbqq 40"]


def test_every_fault_is_told_with_its_file(look, good, tmp_path) -> None:
    momenta = good.p4.copy()
    momenta[[5, 6, 900], 2] = np.nan
    impact = good.constituents["part_d0val"].copy()
    impact[7] = np.inf
    broken = replace(good, p4=momenta, constituents={**good.constituents, "part_d0val": impact})
    in_mev = replace(good, p4=good.p4 * 1e3, jet={**good.jet, "jet_pt": good.jet["jet_pt"] * 1e3})
    twice = Jets.concatenate([good.select(np.arange(40, 70)), good.select(np.arange(40, 52))])
    no_label = replace(good, label=np.where(np.arange(80) < 3, -1, good.label))
    for name, jets in (("nan", broken), ("mev", in_mev), ("twice", twice)):
        save_jets(jets, tmp_path / f"{name}.root")
    with pytest.warns(match="3 of 80 jets are unlabelled"):
        save_jets(no_label, tmp_path / "label.h5")
    whole = (tmp_path / "nan.root").read_bytes()
    (tmp_path / "cut.root").write_bytes(whole[: len(whole) - 1000])
    code, out, err = look(*(tmp_path / name for name in ("nan.root", "mev.root", "twice.root", "label.h5", "cut.root")))
    assert code == 3
    assert [line for line in err.splitlines() if "error[" in line] == [
        f"jetlego: error[BAD-FILE]: 2 of 5 files cannot be used, first {tmp_path / 'label.h5'}"
    ]
    for line in (
        "not finite: momentum 3 times", "not finite: part_d0val 1 times",
        f"{tmp_path / 'mev.root'}: median jet pT is ", "momentum_unit",
        f"LABELS: {tmp_path / 'label.h5'}: 3 jets belong to none of the classes",
        f"BAD-FILE: {tmp_path / 'cut.root'} is cut short: it has {len(whole) - 1000} bytes of {len(whole)}",
    ):  # fmt: skip
        assert line in out, out
    # of "twice" all 42 were met before, of "label" all but the two whose momenta are NaN in "nan"
    assert "282 jets, 0 empty, 120 duplicates" in out
