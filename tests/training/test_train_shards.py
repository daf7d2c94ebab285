"""Training on prepared shards is training on their files, to the last bit, and clusters nothing."""

from __future__ import annotations

import pytest
import torch
from oracles.prepared import FILES, prepared

from jetlego.structures import tree_store
from jetlego.training.train import train


@pytest.mark.slow
def test_shards_train_the_same_network_as_files(tmp_path, small_config, monkeypatch) -> None:
    folder = prepared(tmp_path / "shards")
    base = small_config(epochs=1)

    def run(paths):
        data = base.data.model_copy(update={"train": paths})
        return train(base.model_copy(update={"data": data}), tmp_path / str(len(paths)))

    by_files = run(FILES)
    monkeypatch.setattr(tree_store, "cluster", None)
    by_shards = run([str(folder)])
    for one, other in zip(by_files.model.parameters(), by_shards.model.parameters(), strict=True):
        assert torch.equal(one, other)
    one, other = by_files.metrics()["test"], by_shards.metrics()["test"]
    assert [one[key] for key in ("auc", "accuracy", "loss")] == [other[key] for key in ("auc", "accuracy", "loss")]
