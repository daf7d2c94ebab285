import numpy as np
import pytest
import uproot
from oracles.shared_folder import shared

from jetlego.benchmark import loader
from jetlego.benchmark.loader_memory import measure_memory
from jetlego.data.weaver import load_weaver_config, weaver_tensors
from jetlego.errors import ConfigError, EnvironmentFault, JetlegoWarning


def test_rows_name_what_was_measured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JETLEGO_WEAVER_PYTHON", raising=False)
    rows = loader.measure_files([str(shared("golden/jetclass_mini.root"))], rounds=1, memory=False)
    assert [set(row) for row in rows] == [{"name", "rate", "unit", "reference", "ratio", "spread"}] * 4
    assert {row["unit"] for row in rows} == {"jets/s"}
    assert rows[0]["reference"] is None
    for row in rows[1:]:
        assert row["reference"] == loader.DECODING
        assert row["ratio"] == row["rate"] / rows[0]["rate"] == row["spread"][0] == row["spread"][1]


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_number_of_files():
    files = sorted(shared("data/jets").glob("[HZ]*.root"))
    few, many = measure_memory(shared("data/weaver/JetClass_full.yaml"), files, batch=512, repeats=(2, 8))
    assert (few["unit"], few["reference"], many["reference"]) == ("MB", None, few["name"])
    assert f"{8 * len(files)} files" in many["name"]
    assert many["rate"] < 1.15 * few["rate"] + 40  # MB; half a megabyte for each open file


def test_a_peer_without_weaver_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    peer = tmp_path / "python"
    peer.write_text("#!/bin/sh\necho no weaver here >&2\nexit 1\n")
    peer.chmod(0o755)
    with pytest.raises(EnvironmentFault, match="no weaver here"):
        loader.measure_files([str(shared("golden/jetclass_mini.root"))], peer=peer, rounds=1)


def test_settings_without_jets_are_told_and_left_out():
    with pytest.warns(JetlegoWarning, match="no jet of these files with fetch_step 1.0"):
        assert loader._peer_rows({"1.0": 0.0, "0.1": 30.0, "0.01": 10.0}) == {
            loader.WEAVER_BEST: 30.0, loader.WEAVER_DEFAULT: 10.0}  # fmt: skip
    with pytest.warns(JetlegoWarning, match="0.01"):
        left = loader._peer_rows({"1.0": 20.0, "0.1": 30.0, "0.01": 0.0})
    rounds = [{loader.DECODING: 50.0, "jetlego, x": 60.0, **left}, {loader.DECODING: 50.0, "jetlego, x": 60.0, **left,
              loader.WEAVER_DEFAULT: 5.0}]  # fmt: skip
    assert [(row["name"], row["reference"]) for row in loader._rows(rounds)] == [
        (loader.DECODING, None), (loader.WEAVER_BEST, None), ("jetlego, x", loader.DECODING),
        ("jetlego, x", loader.WEAVER_BEST)]  # fmt: skip
    with pytest.raises(EnvironmentFault, match=r"1.0, 0.1, 0.01"):
        loader._peer_rows({"1.0": 0.0, "0.1": 0.0, "0.01": 0.0})


@pytest.mark.slow
def test_a_process_counts_its_own_memory_alone():
    ballast = np.ones(40_000_000)  # 320 MB, which a child would be told of as its own peak before it began
    rows = measure_memory(shared("data/weaver/JetClass_full.yaml"), [shared("golden/jetclass_mini.root")], batch=64,
                          repeats=(1, 2))  # fmt: skip
    assert len(ballast) == 40_000_000
    assert rows[0]["rate"] > 1
    assert rows[1]["ratio"] == rows[1]["rate"] / rows[0]["rate"]


def test_other_formats_are_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(ConfigError, match="ROOT"):
        loader.measure_files([str(tmp_path / "x.npz")])


def test_own_config_gives_what_stored_axes_give():
    config, path = load_weaver_config(loader._CONFIG), shared("golden/jetclass_mini.root")
    made = weaver_tensors(config, path)["input/pf_points"]
    stored = weaver_tensors(shared("data/weaver/JetClass_full.yaml"), path)["input/pf_points"]
    np.testing.assert_allclose(made, stored, atol=3e-3)
    assert uproot.open(path)["tree"].num_entries == len(made)
