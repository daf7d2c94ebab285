import json
import warnings

import numpy as np
import pytest
import torch

from jetlego.errors import ConfigError, DataError, JetlegoWarning
from jetlego.training.checkpoint import CheckpointStore


def _save(store, step, *, best=False, value=None):
    weights = {"w": torch.full((3, 2), float(step if value is None else value))}
    return store.save(step=step, weights=weights, state={"position": step}, meta={"epoch": step}, best=best)


def test_what_is_saved_comes_back(tmp_path):
    store = CheckpointStore(tmp_path / "checkpoints")
    _save(store, 7)
    checkpoint = store.latest()
    assert torch.equal(checkpoint.weights()["w"], torch.full((3, 2), 7.0))
    assert checkpoint.state() == {"position": 7}
    assert checkpoint.meta["epoch"] == 7


def test_the_newest_two_and_the_best_are_kept(tmp_path):
    store = CheckpointStore(tmp_path, keep=2)
    for step in range(1, 7):
        _save(store, step, best=step == 2)
    assert sorted(p.name for p in tmp_path.glob("step-*")) == ["step-0000000002", "step-0000000005", "step-0000000006"]
    assert store.latest().meta["step"] == 6
    assert store.best().meta["step"] == 2


def test_no_checkpoint_is_no_error(tmp_path):
    assert CheckpointStore(tmp_path / "none").latest() is None


@pytest.mark.parametrize("name", ["model.safetensors", "state.pt", "meta.json"])
def test_every_truncation_and_bit_flip_is_found_and_the_older_one_used(tmp_path, name):
    store = CheckpointStore(tmp_path)
    _save(store, 1)
    victim = _save(store, 2) / name
    whole = victim.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 12):
        for damaged in (whole[:position], _flipped(whole, position, rng)):
            victim.write_bytes(damaged)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                step = store.latest().meta["step"]
            assert step == 1
            assert any(isinstance(w.message, JetlegoWarning) for w in told)
    victim.write_bytes(whole)
    assert store.latest().meta["step"] == 2


def _flipped(data, position, rng):
    out = bytearray(data)
    out[position] ^= 1 << int(rng.integers(8))
    return bytes(out)


def test_a_broken_pointer_alone_is_no_error(tmp_path):
    store = CheckpointStore(tmp_path)
    _save(store, 3)
    (tmp_path / "latest.json").write_text("{")
    assert store.latest().meta["step"] == 3


@pytest.mark.filterwarnings("ignore::jetlego.errors.JetlegoWarning")
def test_when_none_is_whole_it_is_said(tmp_path):
    store = CheckpointStore(tmp_path)
    (_save(store, 1) / "state.pt").write_bytes(b"")
    with pytest.raises(DataError, match="no whole checkpoint is left"):
        store.latest()


def test_a_newer_format_is_refused(tmp_path):
    store = CheckpointStore(tmp_path)
    path = _save(store, 1) / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    (tmp_path / "latest.json").unlink()
    with pytest.raises(ConfigError, match="format 99"):
        store.latest()


def test_a_pickle_that_would_run_code_never_does(tmp_path):
    class Canary:
        def __reduce__(self):
            return (open, (str(tmp_path / "canary"), "w"))

    store = CheckpointStore(tmp_path / "checkpoints")
    store.save(step=1, weights={"w": torch.zeros(1)}, state={"x": Canary()}, meta={}, best=False)
    with pytest.raises(DataError, match="holds more than plain data"):
        store.latest().state()
    assert not (tmp_path / "canary").exists()
