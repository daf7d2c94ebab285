import numpy as np
import pytest
import torch
from oracles.random_trees import MIXED, random_jets

from jetlego.errors import ConfigError, DataError
from jetlego.structures.forest import grow_trees
from jetlego.structures.node_features import node_features
from jetlego.structures.store import TreeSpec, prepare

SPECS = {"kt": TreeSpec(), "chain": TreeSpec(algorithm="anti_kt", features="recnn", scaler="standard")}


@pytest.fixture(scope="module")
def jets():
    return random_jets(1, MIXED * 3)


@pytest.fixture(scope="module")
def store(jets):
    features = np.arange(3 * len(jets.p4), dtype=np.float32).reshape(-1, 3)
    return prepare(jets, trees=SPECS, constituent_features=features, keep_p4=True)


def test_batch_holds_the_jets_asked_for(jets, store):
    index = np.array([14, 3, 1, 14, 0])
    batch, chosen = store.batch(index), jets.select(index)
    assert batch.num_jets == 5
    assert batch.max_constituents == chosen.num_constituents.max()
    assert batch.num_constituents == len(chosen.p4)
    assert np.array_equal(batch.jet_ptr, chosen.jet_ptr)
    assert np.array_equal(batch.jet_of_constituent, np.repeat(np.arange(5), chosen.num_constituents))
    assert np.allclose(batch.p4, chosen.p4, rtol=1e-6)
    assert np.array_equal(batch.label, chosen.label)
    assert np.array_equal(batch.weight, chosen.weight)
    assert np.array_equal(batch.index, index)
    rows = np.concatenate([np.arange(jets.jet_ptr[j], jets.jet_ptr[j + 1]) for j in index])
    assert np.array_equal(batch.constituents[:, 0], 3 * rows)


@pytest.mark.parametrize("name", SPECS)
def test_node_features_stand_in_the_rows_of_the_plan(jets, store, name):
    index = np.array([4, 14, 0, 25])
    spec, tree = SPECS[name], store.batch(index).tree(name)
    history = spec.cluster(jets.select(index).p4, jets.select(index).jet_ptr)
    forest = grow_trees(history)
    raw = node_features(history, forest, spec.features, missing=np.nan)
    expected = store.scalers[name].apply(raw)[tree.plan.node_of_row]
    assert np.allclose(tree.features, expected, rtol=1e-6, atol=1e-7)
    assert np.array_equal(forest.plan().node_of_row, tree.plan.node_of_row)


def test_scalers_are_fitted_once_and_passed_on(jets, store):
    other = prepare(jets.select(slice(0, 5)), trees=SPECS, scalers=store.scalers)
    assert np.array_equal(other.batch([4]).tree("kt").features, store.batch([4]).tree("kt").features)
    with pytest.raises(ConfigError, match="no scaler for tree 'akt'; did you mean 'kt'"):
        prepare(jets, trees={"akt": TreeSpec()}, scalers=store.scalers)
    with pytest.raises(ConfigError, match="the scaler of tree 'kt' is for"):
        prepare(jets, trees={"kt": TreeSpec(features="recnn")}, scalers=store.scalers)


def test_sizes_and_the_only_tree(jets, store):
    assert store.sizes == {"node_dims": {"kt": 14, "chain": 7}, "node_dim": 14, "in_dim": 3, "num_classes": 2}
    only = prepare(jets, trees={"kt": TreeSpec(pairs=("depth", "ln_kt"))}).sizes
    assert only == {"node_dims": {"kt": 14}, "node_dim": 14, "in_dim": 14, "pair_dim": 2, "num_classes": 2}
    with pytest.raises(ConfigError, match="valid: chain, kt"):
        store.batch([0]).tree()
    with pytest.raises(ConfigError, match="prepared without trees"):
        prepare(jets).batch([0]).tree()


def test_targets_and_momenta_stand_in_the_rows_of_the_plan(jets):
    spec = TreeSpec(targets=("ln_mass", "ln_z"), keep_p4=True)
    tree = prepare(jets, trees={"kt": spec}).batch([0, 4, 3]).tree()
    history = spec.cluster(jets.select([0, 4, 3]).p4, jets.select([0, 4, 3]).jet_ptr)
    node = tree.plan.node_of_row.numpy()
    assert np.array_equal(tree.p4, history.node_p4[node])
    expected = node_features(history, grow_trees(history), ("ln_mass", "ln_z"), missing=np.nan)[node]
    assert np.allclose(tree.targets, expected, equal_nan=True)


def test_pairs_take_the_features_of_their_lowest_common_ancestor(jets):
    spec = TreeSpec(algorithm="cambridge_aachen", pairs=("depth", "ln_dij", "ln_kt"), scaler="none")
    pairs = prepare(jets, trees={"ca": spec}).batch([2, 0, 1, 4]).tree().pairs.numpy()
    history = spec.cluster(jets.p4, jets.jet_ptr)
    forest = grow_trees(history)
    values = node_features(history, forest, spec.pairs)
    assert pairs.shape == (4, 30, 30, 3)
    for row, jet in enumerate([2, 0, 1, 4]):
        base, count = forest.node_ptr[jet], history.num_constituents[jet]
        above = [_ancestors(history, base, leaf) for leaf in range(count)]
        for i in range(count):
            for j in range(count):
                common = next(node for node in above[i] if node in above[j])
                assert np.allclose(pairs[row, i, j], values[base + common], rtol=1e-6)
        assert (pairs[row, count:] == 0).all()
        assert (pairs[row, :, count:] == 0).all()


def _ancestors(history, base, node):
    """Return a node and those above it, lowest first, as FastJet's child pointers tell."""
    path = []
    while node >= 0:
        path.append(node)
        node = history.child[base + node]
    return path


def test_pair_scalers_travel_too(jets):
    spec = {"kt": TreeSpec(pairs="ln_kt")}
    store = prepare(jets, trees=spec)
    other = prepare(jets.select(slice(0, 5)), trees=spec, scalers=store.scalers)
    assert np.array_equal(other.batch([4]).tree().pairs, store.batch([4]).tree().pairs)


def test_moving_keeps_everything(store):
    batch = store.batch([4, 0])
    moved = batch.to("meta")
    assert moved.device.type == "meta"
    assert moved.tree("kt").plan.inner_row.is_meta
    assert moved.tree("kt").plan.level_ptr == batch.tree("kt").plan.level_ptr
    assert moved.label is not None
    assert moved.label.is_meta
    assert torch.equal(batch.to("cpu").tree("chain").features, batch.tree("chain").features)


def test_batches_without_any_constituent(store):
    batch = store.batch([1, 6])
    assert batch.num_constituents == 0
    assert batch.tree("kt").features.shape == (0, 14)
    assert len(store.batch([]).jet_ptr) == 1


def test_wrong_sizes_are_refused(jets, store):
    with pytest.raises(DataError, match="rows of constituent features"):
        prepare(jets, constituent_features=np.zeros((3, 2), np.float32))
    with pytest.raises(DataError, match="'mass' has 2 rows"):
        prepare(jets, jet_features={"mass": np.zeros(2)})
    with pytest.raises(DataError, match="of a store of 30"):
        store.batch([30])
