"""Training through a weaver configuration: jets accepted at random, and numbers measured on training jets alone."""

import json

import numpy as np
import pytest
from oracles.stop_at import StopAt
from oracles.weaver_oracle import toy_columns, write_tree
from scipy import stats

from jetlego import read_jets
from jetlego.data.draw import Draw
from jetlego.errors import DataError, Preempted
from jetlego.training.batches import Place, StoreBatches
from jetlego.training.config import RunConfig
from jetlego.training.recipe import Recipe
from jetlego.training.splits import splits_of
from jetlego.training.streaming import StreamBatches
from jetlego.training.train import train

TEXT = """
treename: tree
selection: jet_n > 0
new_variables: {part_row: ak.ones_like(part_energy) * jet_row, part_log: np.log(part_energy)}
preprocess: {method: auto, data_fraction: 0.5}
inputs: {pf_features: {length: 12, vars: [[part_row, null], part_log]}}
labels: {type: simple, value: [is_a, is_b, is_c]}
weights:
  use_precomputed_weights: false
  reweight_method: flat
  reweight_vars: {jet_pt: [400, 600, 800, 1000], jet_eta: [-9, 0, 9]}
  reweight_classes: [is_a, is_b, is_c]
  class_weights: [1, 2, 1]
  reweight_threshold: 40
"""
STREAM = {"block": 1_000, "pool": 6_000}
BOTH = [pytest.param(None, marks=pytest.mark.slow), STREAM]
EDGES = [[400, 600, 800, 1000], [-9, 0, 9]]


def toy(count, seed):
    """Return columns of ``count`` jets with a falling spectrum in each class, and their class."""
    columns = toy_columns(count, seed=seed)
    label = np.stack([columns[f"is_{c}"] for c in "abc"], 1).argmax(1)
    power = np.array([2.5, 1.5, 0.6])[label]
    columns["jet_pt"] = (400 + 600 * np.random.default_rng(seed).uniform(0, 1, count) ** power).astype("f4")
    columns["jet_row"] = np.arange(count).astype("f4")
    return columns, label


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    (folder / "config.yaml").write_text(TEXT)
    for name, seed in (("train", 1), ("val", 2), ("test", 3)):
        write_tree(folder / f"{name}.root", toy(20_000 if name == "train" else 900, seed)[0], step=500)
    return folder


def run_config(folder, **data):
    paths = {split: [str(folder / f"{split}.root")] for split in ("train", "val", "test")}
    return RunConfig.model_validate({
        "data": {"weaver": str(folder / "config.yaml"), **paths, **data},
        "model": {"brick": "set_tagger", "embed": {"brick": "mlp", "hidden": [8], "out_dim": 8}, "readout": "pool",
                  "head": {"brick": "mlp", "hidden": [8]}},
        "training": {"epochs": 2, "batch_size": 400, "threads": 1}, "evaluation": {"bootstrap": 10},
    })  # fmt: skip


def batches_of(config):
    splits = splits_of(config.data)
    if config.data.stream is None:
        recipe, store = Recipe.fit_apply(config, splits.train, weaver=splits.origin.weaver)
        return splits, StoreBatches(store, splits.draw)
    recipe, _ = Recipe.fit_apply(config, splits.train.sample(500), weaver=splits.origin.weaver)
    return splits, StreamBatches(splits.train, recipe.apply, splits.draw)


def rows_of(batches, **place):
    """Return the row in the file of each jet of each batch, told by a column of its constituents."""
    found = batches.shuffled(Place(**{"seed": 3, "epoch": 0, "batch": 0, "size": 400, **place}))
    return [b.constituents[b.jet_ptr[:-1], 0].numpy().astype(int) for b in found]


def weaver_weights(columns, label):
    """Return the weight of each jet: design notes on weaver's ``flat`` method, section 5, written down anew."""
    own = columns["jet_n"] > 0
    bins = [np.digitize(columns[name], edge) - 1 for name, edge in zip(("jet_pt", "jet_eta"), EDGES, strict=True)]
    counts = np.zeros((3, 3, 2))
    np.add.at(counts, (label[own], bins[0][own], bins[1][own]), 1)
    table = np.stack([np.minimum(1, np.percentile(c, 40) / c) for c in counts])
    yields = (counts * table).sum((1, 2)) / [1, 2, 1]
    table *= (0.9 * yields.min() / yields)[:, None, None]
    return np.where(own, table[label, bins[0], bins[1]], 0), (label * 3 + bins[0]) * 2 + bins[1]


@pytest.mark.parametrize("stream", BOTH)
def test_jets_are_accepted_with_weavers_probability(sample, stream):
    columns, label = toy(20_000, 1)
    weight, cell = weaver_weights(columns, label)
    _, batches = batches_of(run_config(sample, stream=stream))
    rounds = int((weight > 0).sum() / weight.sum())
    assert batches.draw.rounds == rounds > 1
    times = np.zeros(len(weight))
    epochs = 4
    for epoch in range(epochs):
        drawn = np.concatenate(rows_of(batches, epoch=epoch))
        assert len(drawn) == batches.num_jets // 400 * 400
        assert np.bincount(drawn).max() <= rounds
        times += np.bincount(drawn, minlength=len(weight))
    share = times.sum() / (epochs * rounds * weight.sum())  # the last batch of an epoch is not full
    assert 0.95 < share < 1
    expected, spread = (np.bincount(cell, values * epochs * rounds * share)
                        for values in (weight, weight * (1 - weight * share)))  # fmt: skip
    chi2 = ((np.bincount(cell, times) - expected) ** 2 / spread).sum()
    assert 1e-3 < stats.chi2.sf(chi2, len(expected) - 1) < 1 - 1e-3
    yields = np.bincount(label, times)
    assert yields[1] / yields[0] == pytest.approx(2, rel=0.05)
    assert yields[2] / yields[0] == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("stream", BOTH)
def test_the_selection_does_not_depend_on_where_one_begins_or_who_reads(sample, stream):
    config = run_config(sample, stream=stream)
    splits, batches = batches_of(config)
    straight = rows_of(batches, epoch=1)
    again, resumed = rows_of(batches_of(config)[1], epoch=1), rows_of(batches, epoch=1, batch=4)
    parts = [rows_of(batches, epoch=1, rank=rank, ranks=2) for rank in (0, 1)]
    for k, batch in enumerate(straight):
        np.testing.assert_array_equal(again[k], batch)
        for rank in (0, 1):
            np.testing.assert_array_equal(parts[rank][k], batch[rank::2])
    np.testing.assert_array_equal(np.concatenate(straight[4:]), np.concatenate(resumed))
    other = rows_of(batches, epoch=2)
    assert sorted(np.concatenate(other)[:8_000]) != sorted(np.concatenate(straight)[:8_000])
    if stream:
        three = run_config(sample, stream={**stream, "workers": 3})
        np.testing.assert_array_equal(np.concatenate(rows_of(batches_of(three)[1], epoch=1)), np.concatenate(straight))
    drawn = np.unique(splits.draw.rows(0, len(splits.draw.weight), seed=3, epoch=1))
    own = np.flatnonzero(toy(20_000, 1)[0]["jet_n"] > 0)
    assert np.isin(np.concatenate(straight), own[drawn]).all()


def test_weights_may_go_into_the_loss_or_be_left_out(sample):
    splits, batches = batches_of(run_config(sample, weaver_weights="loss"))
    weight, _ = weaver_weights(*toy(20_000, 1))
    assert splits.draw is None
    np.testing.assert_allclose(splits.train.weight, weight[weight > 0], rtol=1e-5)
    assert splits.val.weight is None
    assert batches.num_jets == splits.train.num_jets
    splits, _ = batches_of(run_config(sample, weaver_weights="none"))
    assert splits.draw is None
    assert splits.train.weight is None


@pytest.mark.slow
@pytest.mark.parametrize("stream", [None, STREAM])
def test_a_stopped_sampled_run_goes_on_bit_by_bit(tmp_path, sample, stream):
    config = run_config(sample, stream=stream)
    straight = train(config, tmp_path / "straight")
    with pytest.raises(Preempted):
        train(config, tmp_path / "stopped", observer=StopAt(29))
    resumed = train(config, tmp_path / "stopped", resume=True)
    assert [row["train_loss"] for row in resumed.history()] == [row["train_loss"] for row in straight.history()]
    told = straight.metrics()["train"]
    assert told["sampling"]["rounds"] > 1
    assert straight.history()[-1]["step"] == 2 * (told["sampling"]["jets_of_every_epoch"] // 400)
    assert told["jets"]["val"] == int((toy(900, 2)[0]["jet_n"] > 0).sum())  # all of them: they are not drawn


@pytest.mark.parametrize("stream", [None, pytest.param({"block": 500, "pool": 2_000}, marks=pytest.mark.slow)])
def test_numbers_follow_from_training_jets_alone(tmp_path, stream):
    (tmp_path / "config.yaml").write_text(TEXT)
    columns, _ = toy(6_000, 5)
    write_tree(tmp_path / "train.root", columns, step=500)
    config = run_config(tmp_path, val=[], test=[], stream=stream)
    before = splits_of(config.data)
    learnt = np.zeros(6_000, bool)
    if stream:
        for block in before.train.index.blocks:
            learnt[block.start : block.stop] = True
    else:
        learnt[before.train.jet["event_index"]] = True
    assert 0.4 < learnt.mean() < 0.8
    rows = np.repeat(learnt, columns["jet_n"])
    energy = columns["part_energy"]
    flat = np.where(rows, energy.layout.content.data, 1e4).astype("f4")
    columns["part_energy"] = type(energy)(energy.layout.copy(content=type(energy.layout.content)(flat)))
    columns["jet_pt"] = np.where(learnt, columns["jet_pt"], 999).astype("f4")
    write_tree(tmp_path / "train.root", columns, step=500)
    after = splits_of(config.data)
    made, remade = before.origin.weaver, after.origin.weaver
    assert made.parameters == remade.parameters
    assert made.weight_spec.histograms == remade.weight_spec.histograms
    values = np.log(flat[rows])  # training jets, the first half of which are measured
    assert made.parameters["part_log"].center == pytest.approx(np.median(values[: len(values) // 2]), abs=0.02)
    columns["part_energy"] = columns["part_energy"] * np.float32(2)
    write_tree(tmp_path / "train.root", columns, step=500)
    doubled = splits_of(config.data).origin.weaver.parameters["part_log"].center
    assert doubled == pytest.approx(made.parameters["part_log"].center + np.log(2), abs=1e-5)


def test_a_draw_takes_each_jet_as_often_as_its_weight_says():
    weight = np.array([0, 0.2, 0.5, 0.9, 1.5, -1] * 50, np.float32)
    draw = Draw(weight)
    found = np.stack([np.bincount(draw.rows(0, 300, seed=1, epoch=e), minlength=300) for e in range(200)])
    probability = np.clip(weight, 0, 1)
    assert draw.rounds == int(300 / probability.sum(dtype=float)) == 2
    for value in np.unique(probability):
        mean, spread = found[:, probability == value].mean() / draw.rounds, np.sqrt(value * (1 - value) / 200 / 50 / 2)
        assert abs(mean - value) < 4 * spread + 1e-7
    ptr = np.array([0, 7, 7, 120, 300])
    sums = np.add.reduceat(found[4], ptr[:-1]) * (np.diff(ptr) > 0)
    np.testing.assert_array_equal(draw.counts(ptr, seed=1, epoch=4), sums)
    np.testing.assert_array_equal(draw.rows(7, 120, seed=1, epoch=4), np.repeat(np.arange(7, 120), found[4][7:120]))
    with pytest.raises(DataError, match="no sampling weight of 3 jets"):
        Draw(np.zeros(3, np.float32))
    with pytest.raises(DataError, match="NaN"):
        Draw(np.array([np.nan, 1], np.float32))


def test_validation_is_drawn_once_if_the_configuration_says_so(tmp_path, sample):
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.root").symlink_to(sample / f"{name}.root")
    (tmp_path / "config.yaml").write_text(TEXT + "  validation_resample: true\n")
    first, second = (splits_of(run_config(tmp_path).data) for _ in range(2))
    whole = splits_of(run_config(sample).data)
    assert first.val.num_jets != whole.val.num_jets
    np.testing.assert_array_equal(first.val.jet["event_index"], second.val.jet["event_index"])
    assert set(first.val.jet["event_index"]) < set(whole.val.jet["event_index"])
    np.testing.assert_array_equal(first.test.jet["event_index"], whole.test.jet["event_index"])
    assert json.dumps(run_config(sample).resolved())


@pytest.mark.parametrize("stream", [None, pytest.param({"block": 500, "pool": 2_000}, marks=pytest.mark.slow)])
def test_embedded_jets_are_measured_on_their_training_part(tmp_path, stream):
    (tmp_path / "config.yaml").write_text("""
new_variables: {part_log: np.log(part_energy)}
preprocess: {method: auto, data_fraction: 1}
inputs: {pf_features: {length: 99, vars: [part_log]}}
labels: {type: simple, value: [label_Tbqq, label_QCD]}
weights: {use_precomputed_weights: false, reweight_method: flat, reweight_classes: [label_Tbqq, label_QCD],
          reweight_vars: {jet_pt: [500, 600, 1000], jet_eta: [-3, 0, 3]}}
""")
    names = ("sample://top", "sample://qcd")
    splits = splits_of(run_config(tmp_path, train=list(names), val=[], test=[], stream=stream).data)
    jets = read_jets([f"{name}/train" for name in names])
    center = splits.origin.weaver.parameters["part_log"].center
    assert center == pytest.approx(np.median(np.log(jets.p4[:, 3])), abs=1e-6)
    assert splits.train.num_jets == jets.num_jets == len(splits.draw.weight)
