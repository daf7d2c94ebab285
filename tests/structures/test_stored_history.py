"""Trees of jets that came with their history are those of clustering them, without clustering them."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.prepared import prepared

from jetlego.data.read import read_jets
from jetlego.structures import tree_store
from jetlego.structures.store import TreeSpec, prepare


def test_a_stored_history_gives_the_same_store(tmp_path, monkeypatch) -> None:
    jets = read_jets(prepared(tmp_path / "shards"), where="jet_pt > 800")
    trees = {"tree": TreeSpec(algorithm="kt", features="lund_kinematics", targets=["ln_z"])}
    clustered = prepare(tree_store_without_history(jets), trees=trees).trees["tree"]

    def refuse(*args, **options):
        raise AssertionError("clustered again")

    monkeypatch.setattr(tree_store, "cluster", refuse)
    stored = prepare(jets, trees=trees).trees["tree"]
    assert np.array_equal(stored.features, clustered.features)
    assert np.array_equal(stored.forest.children, clustered.forest.children)
    assert np.array_equal(stored.targets, clustered.targets, equal_nan=True)
    for other in (TreeSpec(algorithm="anti_kt"), TreeSpec(radius=0.4), TreeSpec(seed=1)):
        with pytest.raises(AssertionError, match="clustered again"):
            other.history(jets)


def tree_store_without_history(jets):
    return jets.__class__(**{**vars(jets), "merges": {}})
