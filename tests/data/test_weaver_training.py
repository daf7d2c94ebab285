import hashlib
import json
import textwrap

import awkward as ak
import numpy as np
import pytest
import yaml
from oracles.weaver_oracle import toy_columns, write_tree

from jetlego.data.weaver import iterate_weaver, load_weaver_config, prepare_weaver, weaver_tensors
from jetlego.data.weaver.autofile import auto_path
from jetlego.data.weaver.bucketing import bucket_edges, bucket_order
from jetlego.data.weaver.deploy import deployment_preprocessing
from jetlego.data.weaver.sampling import resampled
from jetlego.data.weaver.standardise import center_and_scale, measure_parameters
from jetlego.errors import ConfigError, DataError, JetlegoWarning

TEXT = """
treename: tree
selection: jet_n > 1
new_variables: {part_log: np.log(part_energy), pf_mask: ak.ones_like(part_energy)}
preprocess: {method: auto, data_fraction: 0.5}
inputs:
  pf: {length: 4, pad_mode: wrap, vars: [part_log, [part_px, null], [part_py, 1, 2], [part_pid, auto, 1, -1e-5, 1]]}
  pf_mask: {length: 4, vars: [pf_mask]}
labels: {type: simple, value: [is_a, is_b, is_c]}
"""


@pytest.fixture
def toy(tmp_path):
    columns = toy_columns(200)
    return columns, write_tree(tmp_path / "toy.root", columns)


def write(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(textwrap.dedent(text))
    return path


@pytest.mark.parametrize(("values", "expected"), [
    (np.arange(101.0), (50, 1 / 34)),
    (np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 0, 10]), (0, 1)),
    (np.full(7, 3.25, "f4"), (3.25, 1)),
    (np.array([1, 1, 2, 2, 2, 9, 9], "i4"), (2.0, 1 / 7)),
    (np.array([-4.0, 0, 1]), (0, 1 / (0.68 * 4))),
])  # fmt: skip
def test_center_and_scale(values, expected):
    assert center_and_scale(values) == pytest.approx(expected, rel=1e-12)


def test_standardisation_reads_the_start_of_selected_jets(tmp_path, toy):
    columns, path = toy
    config = load_weaver_config(write(tmp_path, TEXT))
    made = measure_parameters(config, [path], step=13)
    start = {name: values[:100] for name, values in columns.items()}
    chosen = start["jet_n"] > 1
    for name, values in (("part_log", np.log(start["part_energy"])), ("part_pid", start["part_pid"])):
        flat = ak.to_numpy(ak.flatten(values[chosen]))
        low, center, high = np.percentile(flat, [16, 50, 84])
        spread = max(high - center, center - low)
        assert made[name].center == pytest.approx(center, rel=1e-12)
        assert made[name].scale == pytest.approx(1 / spread, rel=1e-12)
    assert (made["part_px"].center, made["part_py"].center, made["part_py"].scale) == (None, 1, 2)
    assert made["pf_mask"].center is None
    assert made["part_pid"].low == -1e-5


def test_thinned_out_standardisation_stays_close(tmp_path):
    path = write_tree(tmp_path / "big.root", toy_columns(3000), step=500)
    config = load_weaver_config(write(tmp_path, TEXT.replace("0.5", "1")))
    exact = measure_parameters(config, [path])["part_log"]
    rough = measure_parameters(config, [path], step=500, max_values=2000)["part_log"]
    assert rough.center != exact.center
    assert rough.center == pytest.approx(exact.center, abs=0.1)
    assert rough.scale == pytest.approx(exact.scale, rel=0.1)


def test_missing_values_count_as_zero_and_are_told(tmp_path, toy):
    columns, path = toy
    text = TEXT.replace("part_log,", "tame,").replace("0.5", "1")
    tame = text.replace("part_log:", "tame: 'np.clip(part_odd, -1, 1)', part_log:")
    config = load_weaver_config(write(tmp_path, tame))
    with pytest.warns(JetlegoWarning, match="'tame'.*NaN count as 0"):
        made = measure_parameters(config, [path])["tame"]
    flat = ak.to_numpy(ak.flatten(columns["part_odd"][columns["jet_n"] > 1]))
    low, center, high = np.percentile(np.where(np.isnan(flat), 0, np.clip(flat, -1, 1)), [16, 50, 84])
    assert (made.center, made.scale) == (center, 1 / max(high - center, center - low))
    wild = load_weaver_config(write(tmp_path, text.replace("tame,", "part_odd,")))
    with pytest.warns(JetlegoWarning), pytest.raises(DataError, match="follow from its infinite values"):
        measure_parameters(wild, [path])


def test_prepare_writes_a_sibling_that_weaver_reads(tmp_path, toy):
    _, path = toy
    source = write(tmp_path, TEXT)
    config = prepare_weaver(source, path)
    sibling = tmp_path / f"config.{hashlib.md5(source.read_bytes()).hexdigest()}.auto.yaml"
    assert auto_path(source) == sibling
    assert auto_path(sibling) == sibling
    stored = yaml.safe_load(sibling.read_text())
    assert set(stored) == {
        "treename", "branch_magic", "file_magic", "selection", "test_time_selection", "preprocess", "new_variables",
        "inputs", "labels", "observers", "monitor_variables", "weights", "bucketing",
    }  # fmt: skip
    params = stored["preprocess"]["params"]
    assert set(params) == {"part_log", "part_px", "part_py", "part_pid", "pf_mask"}
    measured = config.parameters["part_pid"]
    assert params["part_pid"] == {"length": 4, "pad_mode": "wrap", "center": measured.center, "scale": measured.scale,
                                  "min": -1e-5, "max": 1.0, "pad_value": 0.0}  # fmt: skip
    assert stored["labels"] == {"type": "simple", "value": ["is_a", "is_b", "is_c"]}
    assert load_weaver_config(sibling).parameters == config.parameters
    tensors = weaver_tensors(source, path)
    for name, value in weaver_tensors(config, path).items():
        np.testing.assert_array_equal(tensors[name], value)


def test_sibling_is_checked_against_the_files(tmp_path, toy):
    _, path = toy
    source = write(tmp_path, TEXT)
    first = prepare_weaver(source, path)
    assert prepare_weaver(source, path).parameters == first.parameters
    other = write_tree(tmp_path / "other.root", toy_columns(50, seed=1))
    with pytest.raises(ConfigError, match="other files") as caught:
        prepare_weaver(source, other)
    assert caught.value.id == "AUTO-MISMATCH"
    assert prepare_weaver(source, other, reuse=True).parameters == first.parameters


def test_sibling_of_weaver_is_used_with_a_warning(tmp_path, toy):
    _, path = toy
    source = write(tmp_path, TEXT)
    stored = yaml.safe_load(source.read_text())
    params = {"length": 4, "pad_mode": "wrap", "center": 1.5, "scale": 1e-05, "min": -5, "max": 5, "pad_value": 0}
    names = ("part_log", "part_px", "part_py", "part_pid")
    stored["preprocess"]["params"] = {**dict.fromkeys(names, params), "pf_mask": {**params, "pad_mode": "constant"}}
    auto_path(source).write_text(yaml.safe_dump(stored))
    with pytest.warns(JetlegoWarning, match="AUTO-UNKNOWN.*cannot tell"):
        config = prepare_weaver(source, path)
    assert config.parameters["part_pid"].center == 1.5
    assert config.parameters["part_pid"].scale == 1e-5


def test_predicting_without_measured_numbers_is_told(tmp_path, toy):
    source = write(tmp_path, TEXT)
    with pytest.warns(JetlegoWarning, match="measured on the very files"):
        weaver_tensors(source, toy[1])
    assert weaver_tensors(source, toy[1], mode="train")["input/pf"].shape[1:] == (4, 4)
    with pytest.raises(ConfigError, match="not measured"):
        deployment_preprocessing(load_weaver_config(source))


def test_no_selected_jets_to_measure(tmp_path, toy):
    with pytest.raises(DataError, match="passes the selection"):
        prepare_weaver(write(tmp_path, TEXT.replace("jet_n > 1", "jet_n > 99")), toy[1])


def test_deployment_preprocessing(tmp_path, toy):
    made = deployment_preprocessing(prepare_weaver(write(tmp_path, TEXT), toy[1]))
    assert made["input_names"] == ["pf", "pf_mask"]
    assert made["pf"]["var_names"] == ["part_log", "part_px", "part_py", "part_pid"]
    assert made["pf"]["var_length"] == 4
    assert made["pf"]["var_infos"]["part_px"] == {"median": 0, "norm_factor": 1, "replace_inf_value": 0, "pad": 0,
                                                  "lower_bound": -1e32, "upper_bound": 1e32}  # fmt: skip
    assert made["pf"]["var_infos"]["part_py"]["median"] == 1
    json.dumps(made)


WEIGHTS = """
treename: tree
new_variables: {pt: jet_pt}
inputs: {a: {length: 1, vars: [pt]}}
monitor_variables: [jet_pt, jet_n]
labels: {type: simple, value: [is_a, is_b, is_c]}
weights:
"""
FLAT = WEIGHTS + """
  use_precomputed_weights: false
  reweight_method: flat
  reweight_vars: {jet_pt: [400, 600, 800, 1000], jet_eta: [-9, 0, 9]}
  reweight_classes: [is_a, is_b, is_c]
"""


def sculpted(tmp_path, count=20000):
    columns = toy_columns(count)
    rng = np.random.default_rng(1)
    slope = {0: 0.4, 1: 2, 2: 1}
    label = np.stack([columns["is_a"], columns["is_b"], columns["is_c"]], 1).argmax(1)
    columns["jet_pt"] = (400 + 600 * rng.uniform(0, 1, count) ** np.array([slope[i] for i in label])).astype("f4")
    return label, columns, write_tree(tmp_path / "sculpted.root", columns, step=5000)


def test_random_selection_flattens_every_class(tmp_path):
    _, columns, path = sculpted(tmp_path)
    batches = list(iterate_weaver(write(tmp_path, FLAT), path, mode="train", seed=5))
    pt = np.concatenate([b.others["jet_pt"] for b in batches])
    label = np.concatenate([b.labels["_label_"] for b in batches])
    table = np.stack([np.histogram(pt[label == k], [400, 600, 800, 1000])[0] for k in range(3)])
    raw = np.stack([np.histogram(columns["jet_pt"][columns[f"is_{c}"] == 1], [400, 600, 800, 1000])[0] for c in "abc"])
    assert raw.max() / raw.min() > 1.8
    assert table.max() / table.min() < 1.25
    np.testing.assert_array_equal(pt, np.concatenate([b.inputs["a"][:, 0, 0] for b in batches]))
    assert all(b.weight is None for b in batches)
    again = list(iterate_weaver(write(tmp_path, FLAT), path, mode="train", seed=5))
    np.testing.assert_array_equal(pt, np.concatenate([b.others["jet_pt"] for b in again]))
    other = list(iterate_weaver(write(tmp_path, FLAT), path, mode="train", seed=5, epoch=1))
    assert len(pt) != sum(map(len, other)) or (pt != np.concatenate([b.others["jet_pt"] for b in other])).any()


def test_validation_is_complete_unless_asked(tmp_path):
    _, columns, path = sculpted(tmp_path, 2000)
    pt = weaver_tensors(write(tmp_path, FLAT), path, mode="validate")["monitor/jet_pt"]
    np.testing.assert_array_equal(pt, columns["jet_pt"])
    drawn = weaver_tensors(write(tmp_path, FLAT + "  validation_resample: true\n"), path, mode="validate")
    assert len(drawn["monitor/jet_pt"]) != len(pt)


@pytest.mark.parametrize("more", ["", "  reweight_basewgt: weight * 2\n", "  reweight_method: ref\n"])
def test_loss_weights_are_flat_or_like_the_reference(tmp_path, more):
    label, columns, path = sculpted(tmp_path)
    text = (FLAT.replace("  reweight_method: flat\n", "") if "method" in more else FLAT) + more + "  use: loss\n"
    batches = list(iterate_weaver(write(tmp_path, text + "  reweight_threshold: 0\n"), path, mode="train"))
    weight = np.concatenate([b.weight for b in batches])
    assert weight.dtype == np.float32
    assert len(weight) == len(label)
    bins = [[400, 600, 800, 1000], [-9, 0, 9]]
    table = np.stack([np.histogram2d(columns["jet_pt"][label == k], columns["jet_eta"][label == k], bins=bins,
                                     weights=weight[label == k])[0] for k in range(3)])  # fmt: skip
    shape = table / table.sum(axis=(1, 2), keepdims=True)
    reference = np.histogram2d(columns["jet_pt"][label == 0], columns["jet_eta"][label == 0], bins=bins)[0]
    expected = np.full((3, 2), 1 / 6) if "method" not in more else reference / reference.sum()
    np.testing.assert_allclose(shape, np.broadcast_to(expected, shape.shape), rtol=0.02 if "base" not in more else 0.1)
    np.testing.assert_allclose(table.sum(axis=(1, 2)) / table.sum(), 1 / 3, rtol=0.02 if "base" not in more else 0.1)


def test_precomputed_weights_are_acceptance_probabilities(tmp_path, toy):
    columns, path = toy
    text = WEIGHTS + "  use_precomputed_weights: true\n  weight_branches: [weight, is_b]\n  use: loss\n"
    weight = next(iter(iterate_weaver(write(tmp_path, text), path, mode="train"))).weight
    np.testing.assert_allclose(weight, columns["weight"] * columns["is_b"])


def test_table_is_kept_in_the_sibling(tmp_path):
    _, _, path = sculpted(tmp_path, 2000)
    source = write(tmp_path, FLAT)
    config = prepare_weaver(source, path)
    stored = yaml.safe_load(auto_path(source).read_text())["weights"]["reweight_hists"]
    assert np.shape(stored["is_a"]) == (3, 2)
    assert config.weight_spec.histograms == stored
    kept = prepare_weaver(source, path, remake_weights=False)
    assert kept.weight_spec.histograms == stored
    first, second = (weaver_tensors(c, path, mode="train")["monitor/jet_pt"] for c in (source, kept))
    np.testing.assert_array_equal(first, second)


def test_acceptance_rate_and_repetition():
    rows = np.arange(50000)
    weight = np.full(50000, 0.3, "f4")
    chosen = resampled(weight, rows, seed=1)
    rounds = 50000 // 15000
    assert abs(len(chosen) - rounds * 15000) < 5 * np.sqrt(rounds * 50000 * 0.3 * 0.7)
    assert np.bincount(chosen).max() <= rounds
    assert abs(len(resampled(np.full(50000, 0.9), rows, seed=1)) - 45000) < 5 * np.sqrt(4500)
    few = resampled(np.full(50000, 0.001), rows, seed=1)
    assert abs(len(few) - 500) < 5 * np.sqrt(500)
    np.testing.assert_array_equal(chosen[chosen < 100], resampled(weight[:50000], rows, seed=1)[chosen < 100])
    assert len(resampled(np.zeros(10), rows[:10], seed=1)) == 0


def test_buckets_hold_jets_of_like_length():
    values = np.random.default_rng(0).integers(1, 100, 1003)
    order = bucket_order(values, 5, batch_size=32, seed=3)
    assert sorted(order) == list(range(1003))
    edges = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
    whole = 1003 - 1003 % 32 - 5 * 32
    for batch in order[: whole - whole % 32].reshape(-1, 32):
        assert len(np.unique(np.digitize(values[batch], edges))) == 1
    assert (order != bucket_order(values, 5, batch_size=32, seed=3, epoch=1)).any()
    assert bucket_edges(values, [0, 10, 20]).tolist() == [-np.inf, 10, np.inf]
    assert len(bucket_order(values[:0], 5, batch_size=2, seed=0)) == 0
    with pytest.raises(ConfigError, match="ascend"):
        bucket_edges(values, [3, 2, 1])
