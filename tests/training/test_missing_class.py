"""A class without jets: refused for training unless allowed, told for validation and test."""

import warnings

import pytest

from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.errors import ConfigError, JetlegoWarning
from jetlego.training.config import RunConfig
from jetlego.training.load_config import to_yaml
from jetlego.training.splits import splits_of

TOP, BOTH = ["sample://top/val"], ["sample://top/val", "sample://qcd/val"]


def run_config(small_config, **data):
    plain = small_config(epochs=1).resolved()
    return RunConfig.model_validate({**plain, "data": {**plain["data"], "max_jets": None, **data}})


@pytest.mark.parametrize("stream", [None, pytest.param({"block": 100, "pool": 300}, marks=pytest.mark.slow)])
def test_a_class_without_training_jets_is_refused_unless_allowed(small_config, stream):
    data = run_config(small_config, train=TOP, val=["sample://qcd/test"], stream=stream).data
    what = r"the training jets hold no jet of the class qcd \(found: top \d+\)"
    with pytest.raises(ConfigError, match=what) as caught:
        splits_of(data)
    assert caught.value.id == "LABELS"
    with pytest.warns(JetlegoWarning) as told:
        splits_of(data.model_copy(update={"allow_missing_class": True}))
    texts = " ".join(str(warning.message) for warning in told)
    for split, lacks in (("training", "qcd"), ("validation", "top"), ("test", "qcd")):
        assert f"the {split} jets hold no jet of the class {lacks}" in texts


def test_whole_splits_tell_nothing(small_config):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = splits_of(run_config(small_config, train=BOTH).data)
    assert set(splits.test.label) == {0, 1}


@pytest.mark.slow
def test_the_terminal_exits_with_2_and_trains_with_the_switch(tmp_path, small_config, capsys):
    path = tmp_path / "run.yaml"
    path.write_text(to_yaml(run_config(small_config, train=TOP, val=["sample://qcd/test"]).resolved()))
    words = ["train", str(path), "--out", str(tmp_path / "run")]
    assert run_safely(app, words) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("jetlego: error")]
    assert len(told) == 1
    assert "error[LABELS]" in told[0]
    assert "--allow-missing-class" in told[0]
    assert run_safely(app, [*words, "--allow-missing-class"]) == 0
    assert "allow_missing_class: true" in (tmp_path / "run" / "config.yaml").read_text()
