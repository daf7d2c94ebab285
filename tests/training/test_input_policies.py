"""What a run does with NaN, infinities and jets of many constituents: said in its configuration, and counted."""

import json

import awkward as ak
import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_tree
from oracles.weaver_oracle import toy_columns
from oracles.weaver_oracle import write_tree as write_toy

from jetlego.errors import ConfigError, NonFiniteError
from jetlego.training.config import RunConfig
from jetlego.training.load_config import load_config, parse_config
from jetlego.training.recipe import Recipe
from jetlego.training.splits import splits_of
from jetlego.training.train import train

SIZES = np.random.default_rng(7).integers(2, 30, 300).tolist()
MODEL = {"brick": "set_tagger", "embed": {"brick": "mlp", "hidden": [8], "out_dim": 8}, "readout": "pool",
         "head": {"brick": "mlp", "hidden": [8]}}  # fmt: skip
STREAMS = [None, {"block": 50, "pool": 200}]
WEAVER = """
treename: tree
inputs:
  pf_features: {length: 9, vars: [[part_odd, 0, 1], [part_energy, null]]}
  pf_vectors: {length: 9, vars: [[part_px, null], [part_py, null], [part_pz, null], [part_energy, null]]}
labels: {type: simple, value: [is_a, is_b, is_c]}
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Return a folder of three files with some values that are not finite, and the numbers of those of train.root."""
    folder, bad = tmp_path_factory.mktemp("odd"), {}
    for seed, name in enumerate(("train", "val", "test")):
        arrays = jetclass_arrays(SIZES, seed=seed)
        for column, rows in (("part_d0val", [3, 100, 101, 2000]), ("part_px", [50, 2001])):
            flat = ak.to_numpy(ak.flatten(arrays[column])).copy()
            flat[rows] = [np.nan, np.inf] * (len(rows) // 2)
            arrays[column], bad[column] = ak.unflatten(flat, SIZES), rows
        write_tree(folder / f"{name}.root", arrays, baskets=6)
    return folder, bad


def run_config(folder, **data):
    paths = {split: [str(folder / f"{split}.root")] for split in ("train", "val", "test")}
    known = {} if "weaver" in data else {"schema": "jetclass", "features": ["part_d0val", "part_pt_log"],
                                         "classes": {"top": "label_Tbqq", "qcd": "label_QCD"}}  # fmt: skip
    return RunConfig.model_validate({
        "data": {**paths, **known, **data}, "model": MODEL, "evaluation": {"bootstrap": 10},
        "training": {"epochs": 1, "batch_size": 50, "threads": 1},
    })  # fmt: skip


def training_jets(config):
    splits = splits_of(config.data)
    return splits, splits.train if config.data.stream is None else splits.train.sample(10_000)


@pytest.mark.filterwarnings("ignore::jetlego.errors.JetlegoWarning")
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("how", ["drop-particle", "drop-jet", "zero"])
def test_values_that_are_not_finite_are_dropped_or_zero_and_counted(odd, how, stream):
    folder, bad = odd
    splits, jets = training_jets(run_config(folder, nonfinite=how, stream=stream))
    rows = sorted({*bad["part_d0val"], *bad["part_px"]})
    owners = np.unique(np.repeat(np.arange(300), SIZES)[rows])
    lost = {"drop-particle": (0, len(rows)), "zero": (0, 0), "drop-jet": (len(owners), sum(SIZES[b] for b in owners))}
    assert (300 - jets.num_jets, sum(SIZES) - len(jets.p4)) == lost[how]
    assert np.isfinite(jets.p4).all()
    assert np.isfinite(jets.constituents["part_d0val"]).all()
    found = [odd for odd in splits.origin.oddities if odd["id"] == "NONFINITE"]
    number = {odd["what"].split(" were ")[0]: odd["number"] for odd in found}
    told = {"constituents with NaN or infinite momentum": 6, "NaN or infinite values of 'part_d0val'": 12}
    if how == "drop-jet":  # row 2000 went with the jet of row 2001, and 100 with 101
        told["NaN or infinite values of 'part_d0val'"] -= 3
    assert number == told


@pytest.mark.filterwarnings("ignore::jetlego.errors.JetlegoWarning")
def test_the_default_refuses_and_imputing_takes_the_training_median(odd, tmp_path):
    folder, bad = odd
    assert run_config(folder).data.nonfinite == "error"
    with pytest.raises(NonFiniteError, match=r"train\.root.*part_px"):
        splits_of(run_config(folder).data)
    for name in ("train", "val", "test"):
        arrays = jetclass_arrays(SIZES, seed=0)
        flat = ak.to_numpy(ak.flatten(arrays["part_d0val"])).copy()
        flat[bad["part_d0val"]] = np.nan
        flat[0] = {"train": flat[0], "val": flat[0] + 1, "test": flat[0] - 1}[name]
        arrays["part_d0val"] = ak.unflatten(flat, SIZES)
        write_tree(tmp_path / f"{name}.root", arrays)
    config = run_config(tmp_path, nonfinite="impute")
    splits = splits_of(config.data)
    recipe, store = Recipe.fit_apply(config, splits.train)
    features = ak.to_numpy(ak.flatten(jetclass_arrays(SIZES, seed=0)["part_d0val"]))
    good = np.delete(np.arange(len(features)), bad["part_d0val"])
    median = np.median(features[good])
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())), config).apply(splits.val)
    for made in (store, again):
        np.testing.assert_allclose(made.constituents[bad["part_d0val"], 0], median, rtol=1e-6)
        np.testing.assert_array_equal(made.constituents[good[1:], 0], features[good[1:]])


@pytest.mark.filterwarnings("ignore::jetlego.errors.JetlegoWarning")
@pytest.mark.parametrize("stream", STREAMS)
def test_only_the_hardest_constituents_are_kept_and_jets_cut_short_are_counted(odd, stream):
    folder, _ = odd
    splits, jets = training_jets(run_config(folder, nonfinite="zero", max_constituents=10, stream=stream))
    _, whole = training_jets(run_config(folder, nonfinite="zero", stream=stream))
    long = np.array(SIZES) > 10
    assert next(o["number"] for o in splits.origin.oddities if o["id"] == "TRUNCATED") == 3 * long.sum()
    pt = np.hypot(whole.p4[:, 0], whole.p4[:, 1])
    for b in range(whole.num_jets):
        own, kept = (slice(*j.jet_ptr[b : b + 2]) for j in (whole, jets))
        hardest = np.sort(np.argsort(-pt[own], kind="stable")[:10])
        np.testing.assert_array_equal(jets.p4[kept], whole.p4[own][hardest])


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    for seed, name in enumerate(("train", "val", "test")):
        columns = toy_columns(200, seed=seed)
        columns["part_pz"] = columns["part_px"] * np.float32(0.5)
        write_toy(folder / f"{name}.root", columns, step=50)
    (folder / "config.yaml").write_text(WEAVER)
    return folder


@pytest.mark.filterwarnings("ignore::jetlego.errors.JetlegoWarning")
@pytest.mark.parametrize("stream", STREAMS)
def test_weaver_inputs_follow_weavers_rule_unless_told_otherwise(toy, stream):
    odd = toy_columns(200, seed=0)["part_odd"]
    flat, owner = ak.to_numpy(ak.flatten(odd)), np.repeat(np.arange(200), ak.num(odd))
    good = np.isfinite(flat)
    spoilt = np.unique(owner[~good])
    column, config = "input:part_odd", {"weaver": str(toy / "config.yaml"), "stream": stream}
    assert run_config(toy, **config).data.nonfinite == "weaver"
    _, plain = training_jets(run_config(toy, **config))
    np.testing.assert_array_equal(plain.constituents[column], np.nan_to_num(np.clip(flat, -5, 5)))
    splits, zero = training_jets(run_config(toy, **config, nonfinite="zero"))
    np.testing.assert_array_equal(zero.constituents[column], np.where(good, flat, 0))
    every = [ak.to_numpy(ak.flatten(toy_columns(200, seed=seed)["part_odd"])) for seed in range(3)]
    told = {"id": "NONFINITE", "what": "NaN or infinite values of 'part_odd' were set to zero"}
    assert splits.origin.oddities == [{**told, "number": sum(int((~np.isfinite(v)).sum()) for v in every)}]
    _, fewer = training_jets(run_config(toy, **config, nonfinite="drop-particle"))
    np.testing.assert_array_equal(fewer.constituents[column], flat[good])
    np.testing.assert_array_equal(fewer.num_constituents, np.bincount(owner[good], minlength=200))
    _, jets = training_jets(run_config(toy, **config, nonfinite="drop-jet"))
    np.testing.assert_array_equal(np.sort(jets.jet["event_index"]), np.setdiff1d(np.arange(200), spoilt))
    _, short = training_jets(run_config(toy, **config, nonfinite="zero", max_constituents=2))
    assert short.num_constituents.max() == 2
    with pytest.raises(NonFiniteError, match=r"train\.root: 'part_odd' of constituent \d of entry \d+ is NaN"):
        splits_of(run_config(toy, **config, nonfinite="error").data)


def test_a_policy_nobody_knows_is_one_line_with_the_nearest_name(tmp_path):
    data = {"train": ["x.root"], "classes": {"a": "a", "b": "b"}}
    for value, told in (("drop-jets", "did you mean 'drop-jet'"), ("weaver", "data.weaver alone"), (3, "is 3")):
        with pytest.raises(ConfigError, match=told) as caught:
            parse_config({"data": {**data, "nonfinite": value}, "model": MODEL})
        assert caught.value.id == "BAD-VALUE"
        assert "\n" not in str(caught.value)
    path = tmp_path / "run.yaml"
    path.write_text("data:\n  train: [x.root]\n  classes: {a: a, b: b}\n  max_constituent: 9\nmodel: {brick: a}\n")
    with pytest.raises(ConfigError, match=r"run\.yaml:4:3: unknown key.*did you mean 'max_constituents'"):
        load_config(path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::jetlego.errors.JetlegoWarning")
@pytest.mark.parametrize("stream", STREAMS)
def test_a_run_says_what_it_did(odd, tmp_path, stream):
    run = train(run_config(odd[0], nonfinite="zero", max_constituents=10, stream=stream), tmp_path / "run")
    assert run.config.data.nonfinite == "zero"
    assert "max_constituents: 10" in (run.folder / "config.yaml").read_text()
    told = {(odd["id"], odd["number"]) for odd in run.metrics()["train"]["odd_input"]}
    assert {("NONFINITE", 6), ("NONFINITE", 12), ("TRUNCATED", 3 * int((np.array(SIZES) > 10).sum()))} <= told
