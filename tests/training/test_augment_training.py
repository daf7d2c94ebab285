"""Augmented training jets: the same in memory and in a stream, anew each epoch, and validation jets left alone."""

import numpy as np
import pytest

from jetlego.data.augment import Augmentation, augmented
from jetlego.errors import ConfigError
from jetlego.training.batches import Place
from jetlego.training.config import RunConfig
from jetlego.training.load_config import parse_config
from jetlego.training.splits import splits_of
from jetlego.training.train import _batches, train

CHANGE = {"rotate": True, "drop": 0.1, "smear_pt": 0.1}


def with_data(config, **data):
    plain = config.resolved()
    return RunConfig.model_validate({**plain, "data": {**plain["data"], "augment": CHANGE, **data}})


def momenta(batches, place):
    """Return the summed (px, py, pz, E) of each jet of an epoch, sorted."""
    found = [
        batch.p4[batch.jet_ptr[k] : batch.jet_ptr[k + 1]].double().sum(0).numpy()
        for batch in batches.shuffled(place)
        for k in range(batch.num_jets)
    ]
    return np.array(sorted(map(tuple, found)))


@pytest.mark.slow
def test_memory_and_stream_see_the_same_jets_of_an_epoch(small_config):
    names = {"train": "val", "val": "test", "test": "train"}
    small = {use: [f"sample://{c}/{name}" for c in ("top", "qcd")] for use, name in names.items()} | {"max_jets": None}
    in_memory = with_data(small_config(), **small)
    streamed = with_data(small_config(), **small, stream={"block": 500, "pool": 3_000})
    splits = [splits_of(config.data) for config in (in_memory, streamed)]
    count = splits[0].train.num_jets
    both = [_batches(config, split)[1] for config, split in zip((in_memory, streamed), splits, strict=True)]
    first, second = ([momenta(one, Place(1, epoch, 0, count)) for one in both] for epoch in (0, 1))
    assert len(first[0]) == count
    np.testing.assert_array_equal(*first)
    np.testing.assert_array_equal(*second)
    assert np.isin(first[0][:, 0], second[0][:, 0]).mean() < 0.01
    changed = augmented(splits[0].train, Augmentation(**CHANGE), seed=1, epoch=1)
    energy = np.add.reduceat(changed.p4[:, 3], changed.jet_ptr[:-1])
    np.testing.assert_allclose(np.sort(energy), np.sort(second[0][:, 3]), rtol=1e-5)
    both[1].close()


def test_a_run_with_changed_jets_learns_and_keeps_its_validation_jets(tmp_path, small_config):
    plain, changed = small_config(epochs=2), with_data(small_config(epochs=2))
    splits = [splits_of(config.data) for config in (plain, changed)]
    stores = [_batches(config, split)[2].store for config, split in zip((plain, changed), splits, strict=True)]
    np.testing.assert_array_equal(stores[0].p4, stores[1].p4)
    runs = [train(config, tmp_path / name) for config, name in ((plain, "plain"), (changed, "changed"))]
    losses = [run.history()[-1]["train_loss"] for run in runs]
    assert losses[0] != losses[1]
    assert runs[1].metrics()["test"]["auc"] > 0.7


def test_weaver_inputs_cannot_be_changed_afterwards(small_config):
    settings = with_data(small_config()).resolved()
    settings["data"]["weaver"] = "kin.yaml"
    with pytest.raises(ConfigError, match="augment"):
        parse_config(settings)
    settings["data"] |= {"weaver": None, "augment": {"rotat": True}}
    with pytest.raises(ConfigError, match="rotate"):
        parse_config(settings)
