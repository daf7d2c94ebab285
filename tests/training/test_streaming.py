"""Training on a stream: the figures of a run in memory, exact resume, ranks; and through a weaver configuration."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from oracles.shared_folder import shared
from oracles.stop_at import StopAt

from jetlego import read_jets
from jetlego.data.sample import resolve
from jetlego.data.stream import scan
from jetlego.data.table import read_table
from jetlego.data.weaver import load_weaver_config, weaver_tensors
from jetlego.data.weaver.as_jets import inputs_of, with_inputs
from jetlego.data.weaver.source import WeaverSource
from jetlego.errors import ConfigError, DataError, JetlegoWarning, Preempted
from jetlego.training.batches import Place
from jetlego.training.config import DataConfig, RunConfig, StreamConfig
from jetlego.training.load_config import to_yaml
from jetlego.training.recipe import Recipe, build_meta, build_model, prepared
from jetlego.training.run import load_run
from jetlego.training.sources import Origin
from jetlego.training.splits import open_splits, read_splits, splits_of
from jetlego.training.streaming import StreamBatches
from jetlego.training.train import train
from jetlego.training.weights import TrainingWeights

JETCLASS = ("label_QCD", "label_Hbb", "label_Hcc", "label_Hgg", "label_H4q", "label_Hqql", "label_Zqq", "label_Wqq",
            "label_Tbqq", "label_Tbl")  # fmt: skip


def streamed(config, **data):
    """Return a run's configuration with other data settings, streamed in small blocks."""
    plain = config.resolved()
    settings = {"max_jets": None, "stream": {"block": 100, "pool": 900}, **data}
    return RunConfig.model_validate({**plain, "data": {**plain["data"], **settings}})


@pytest.fixture
def small_stream(small_config):
    paths = {split: [f"sample://{c}/{split}" for c in ("top", "qcd")] for split in ("val", "test")}
    return streamed(small_config(epochs=2, batch_size=128), train=paths["val"], val=paths["test"], max_jets=1_600)


@pytest.mark.slow
def test_a_stopped_stream_goes_on_bit_by_bit(tmp_path, small_stream):
    straight = train(small_stream, tmp_path / "straight")
    with pytest.raises(Preempted):
        train(small_stream, tmp_path / "stopped", observer=StopAt(17))
    resumed = train(small_stream, tmp_path / "stopped", resume=True)
    for (name, a), b in zip(straight.model.state_dict().items(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    drop = {"seconds", "cpu_seconds", "jets_per_second"}
    logs = [[{k: v for k, v in row.items() if k not in drop} for row in run.history()] for run in (straight, resumed)]
    assert logs[0] == logs[1]
    last = logs[0][-1]
    assert last["shuffle_quality"] > 0.95
    assert abs(last["shuffle_autocorrelation"]) < 0.1
    metrics = straight.metrics()
    assert metrics["train"]["skipped_files"] == 0
    table = read_table(straight.folder / "predictions.root")
    assert len(table["label"]) == metrics["train"]["jets"]["test"]
    test = splits_of(small_stream.data, folder=straight.folder).test
    again = np.concatenate([straight.predict(jets)[:, 0] for jets in test.blocks()])
    np.testing.assert_allclose(table["score_top"], again, atol=1e-6)


@pytest.mark.slow
def test_ranks_and_threads_share_one_sequence_of_batches(small_stream):
    config = small_stream
    splits = open_splits(config.data)
    sample = splits.train.sample(300)
    recipe, _ = Recipe.fit_apply(config, sample)
    place = Place(seed=1, epoch=3, batch=2, size=200)
    one = list(StreamBatches(splits.train, recipe.apply).shuffled(place))
    parts = [list(StreamBatches(splits.train, recipe.apply).shuffled(Place(1, 3, 2, 200, rank, 2))) for rank in (0, 1)]
    assert len(one) == splits.train.num_jets // 200 - 2
    for batch, even, odd in zip(one, *parts, strict=True):
        for rank, part in enumerate((even, odd)):
            np.testing.assert_array_equal(part.label, batch.label[rank::2])
            jets = torch.arange(rank, 200, 2)
            own = [batch.p4[batch.jet_ptr[j] : batch.jet_ptr[j + 1]] for j in jets] if batch.p4 is not None else []
            assert not own or torch.equal(torch.cat(own), part.p4)


@pytest.mark.slow
def test_the_record_of_a_stream_is_believed_only_for_the_same_files(tmp_path, small_stream):
    record = tmp_path / "stream.json"
    first = open_splits(small_stream.data, record=record)
    again = open_splits(small_stream.data, record=record)
    assert first.train.index.blocks == again.train.index.blocks
    known = json.loads(record.read_text())
    known["train"]["stamps"][0][0] += 1
    record.write_text(json.dumps(known))
    with pytest.raises(DataError, match="changed since this run began"):
        open_splits(small_stream.data, record=record)


def test_a_file_that_is_skipped_stays_counted(tmp_path, small_stream):
    cut = tmp_path / "cut.root"
    cut.write_bytes(resolve("sample://top/train")[0].read_bytes()[:5_000])
    data = small_stream.data.model_copy(update={"train": [*small_stream.data.train, str(cut)], "on_bad_file": "skip"})
    for _ in range(2):  # the second time from the record
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JetlegoWarning)
            splits = open_splits(data, record=tmp_path / "stream.json")
        assert [text for text in splits.origin.skipped if "cut.root" in text] == splits.origin.skipped != []
        assert len(splits.origin.skipped) == 1
    with pytest.raises(DataError, match=r"cut\.root"):
        open_splits(data.model_copy(update={"on_bad_file": "error"}))


@pytest.mark.slow
def test_two_processes_stream_one_sequence(tmp_path, small_stream):
    histories = []
    for devices in (1, 2):
        settings = small_stream.resolved()
        settings["training"] |= {"devices": devices, "device": "cpu"}
        settings["model"]["head"]["dropout"] = 0.0
        path, folder = tmp_path / f"{devices}.yaml", tmp_path / f"run{devices}"
        path.write_text(to_yaml(settings))
        words = [sys.executable, "-m", "jetlego.cli", "train", str(path), "--out", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        histories.append([[row["train_loss"], row["val_loss"], row["val_auc"]] for row in rows])
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-4)


@pytest.mark.slow
def test_a_stream_learns_what_memory_learns(tmp_path, small_config):
    settings = small_config(epochs=4, batch_size=128).resolved()
    model = {"brick": "set_tagger", "embed": {"brick": "mlp", "hidden": [32], "out_dim": 32}, "readout": "pool"}
    settings |= {"structure": {}, "model": {**model, "head": {"brick": "mlp", "hidden": [32]}}}
    settings["data"] |= {"features": "kin", "max_jets": None}
    plain, figures = RunConfig.model_validate(settings), {}
    for name, config in {"memory": plain, "stream": streamed(plain, stream={"block": 200, "pool": 4_000})}.items():
        run = train(config, tmp_path / name)
        figures[name] = run.metrics()["test"]
    assert figures["stream"]["num_jets"] == figures["memory"]["num_jets"]
    error = np.hypot(figures["stream"]["auc_error"], figures["memory"]["auc_error"])
    assert abs(figures["stream"]["auc"] - figures["memory"]["auc"]) < 3 * error + 0.005


def test_a_run_reads_only_the_columns_it_looks_at(small_config):
    config = small_config()
    origin = Origin.of(config.data).narrowed(lambda jets: prepared(config, jets))
    assert origin.columns is not None
    assert not [name for name in origin.columns if name.startswith("part_")]
    few = origin.read(["sample://top/val"], "validate")
    full = read_jets("sample://top/val", classes=config.data.classes)
    assert set(few.constituents) < set(full.constituents)
    a, b = prepared(config, few).trees["tree"].features, prepared(config, full).trees["tree"].features
    np.testing.assert_array_equal(a, b)
    tracks = RunConfig.model_validate({**config.resolved(), "structure": {}, "data": {
        **config.resolved()["data"], "features": ["part_d0", "part_pt_log"]}})  # fmt: skip
    origin = Origin.of(tracks.data).narrowed(lambda jets: prepared(tracks, jets))
    assert "part_d0val" in origin.columns
    assert "part_dzval" not in origin.columns


def test_flat_weights_are_flat_and_come_back_from_the_run():
    config = DataConfig(train=["x"], classes={"a": "a", "b": "b"}, flatten_pt=True)
    rng = np.random.default_rng(0)
    jets = read_jets(["sample://top/val", "sample://qcd/val"], classes={"top": "label_Tbqq", "qcd": "label_QCD"})
    fitted = TrainingWeights.fit(config, jets)
    weight, pt = fitted.apply(jets), jets.jet["jet_pt"].astype(float)
    low, high = (f(pt[jets.label == k]) for k, f in ((0, np.min), (1, np.max)))
    edges = fitted.table.edges[0]
    for k in (0, 1):
        content = np.histogram(pt[jets.label == k], edges, weights=weight[jets.label == k])[0]
        filled = content[content > 0]
        assert np.median(filled) == pytest.approx(filled.max(), rel=1e-4)
    assert edges[0] >= low - 1e-6 or edges[-1] <= high + 1e-6
    inside = (pt >= edges[0]) & (pt <= edges[-1])
    assert weight[inside].mean() == pytest.approx(1, rel=1e-5)
    again = TrainingWeights.from_dict(json.loads(json.dumps(fitted.to_dict())))
    some = jets.select(rng.permutation(jets.num_jets)[:50])
    np.testing.assert_array_equal(again.apply(some), fitted.apply(some))


def weaver_run(paths, **data):
    return RunConfig.model_validate({
        "data": {"weaver": str(shared("data/weaver/JetClass_kin.yaml")), "train": paths, "signal": JETCLASS[8], **data},
        "model": {"brick": "set_tagger", "embed": {"brick": "mlp", "hidden": [24], "out_dim": 24}, "readout": "pool",
                  "head": {"brick": "mlp", "hidden": [24]}},
        "training": {"epochs": 2, "batch_size": 64, "optimizer": {"lr": 5e-3}, "threads": 1},
        "evaluation": {"bootstrap": 10},
    })  # fmt: skip


def test_weaver_inputs_are_those_of_weaver_without_padding():
    path, mini = shared("data/weaver/JetClass_kin.yaml"), shared("golden/jetclass_mini.root")
    config, tensors = load_weaver_config(path), weaver_tensors(path, mini)
    source = WeaverSource(config, [mini], "validate")
    index = scan(source, size=10)
    with source.open() as reader:
        jets = reader.read(index.blocks[0])
    features, vectors = tensors["input/pf_features"], tensors["input/pf_vectors"]
    for b in range(jets.num_jets):
        rows = slice(jets.jet_ptr[b], jets.jet_ptr[b + 1])
        np.testing.assert_array_equal(inputs_of(jets, config)[rows].T, features[b][:, : rows.stop - rows.start])
        np.testing.assert_array_equal(jets.p4[rows].T, vectors[b][:, : rows.stop - rows.start])
    np.testing.assert_array_equal(jets.label, tensors["label/_label_"][: jets.num_jets])
    assert jets.classes == JETCLASS
    other = with_inputs(read_jets(mini).select(slice(0, jets.num_jets)), config)
    np.testing.assert_array_equal(inputs_of(other, config), inputs_of(jets, config))


def test_axis_angles_are_derived_where_a_file_lacks_them():
    made = weaver_tensors(shared("data/weaver/JetClass_full.yaml"), ["sample://top/val"], mode="validate")
    jets = read_jets("sample://top/val")
    p4, ptr = jets.p4[: jets.jet_ptr[1]], int(jets.jet_ptr[1])
    pt, eta = np.hypot(p4[:, 0], p4[:, 1]), np.arcsinh(p4[:, 2] / np.hypot(p4[:, 0], p4[:, 1]))
    jet_eta, jet_phi = float(jets.jet["jet_eta"][0]), float(jets.jet["jet_phi"][0])
    assert (pt > 0).all()
    deta = (eta - jet_eta) * (1 if jet_eta > 0 else -1)
    dphi = np.mod(np.arctan2(p4[:, 1], p4[:, 0]) - jet_phi + np.pi, 2 * np.pi) - np.pi
    np.testing.assert_allclose(made["input/pf_points"][0][0, :ptr], deta[:128], atol=2e-6)
    np.testing.assert_allclose(made["input/pf_points"][0][1, :ptr], dphi[:128], atol=2e-6)


def test_a_weaver_config_says_the_classes_and_the_width():
    config = weaver_run(["x.root"])
    assert tuple(config.data.classes) == JETCLASS
    assert RunConfig.model_validate(config.resolved()) == config
    assert build_meta(config).embed.layers[0].linear.in_features == 7
    with pytest.raises(ConfigError, match="there is no file"):
        RunConfig.model_validate({**config.resolved(), "data": {"weaver": "no.yaml", "train": ["x"]}})


@pytest.mark.slow
@pytest.mark.parametrize("stream", [None, {"block": 1_000, "pool": 10_000}])
def test_a_run_through_a_weaver_config(tmp_path, stream):
    paths = sorted(map(str, shared("data/jets").glob("*.root")))
    config = weaver_run(paths, max_jets=None if stream else 12_000, stream=stream)
    run = train(config, tmp_path / "run")
    assert run.metrics()["test"]["per_class"][JETCLASS[8]]["auc"] > 0.85  # against QCD
    opened = load_run(run.folder)
    jets = opened.origin.read([str(shared("data/jets/Tbl.root"))], "predict")
    other = read_jets(shared("data/jets/Tbl.root"))
    np.testing.assert_array_equal(opened.predict(jets), opened.predict(other))


@pytest.mark.slow
@pytest.mark.parametrize("model", [
    {"brick": "particle_net"},
    {"brick": "particle_transformer"},
    {"brick": "recursive_tagger", "cell": {"brick": "recnn_simple", "hidden": 8}, "head": {"brick": "mlp"}},
])  # fmt: skip
def test_other_models_step_on_weaver_inputs(model):
    paths = [str(shared("golden/jetclass_mini.root"))]
    base = weaver_run(paths).resolved()
    structure = {"tree": {"features": "lund_kinematics"}} if model["brick"] == "recursive_tagger" else {}
    config = RunConfig.model_validate({**base, "model": model, "structure": structure})
    origin = Origin.of(config.data)
    jets = origin.read(paths, "train")
    recipe, store = Recipe.fit_apply(config, jets, weaver=origin.weaver)
    logits = build_model(config, recipe).eval()(store.batch(np.arange(8)))
    assert logits.shape == (8, 10)
    assert torch.isfinite(logits).all()
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())), config)
    torch.testing.assert_close(build_model(config, again).eval()(again.apply(jets).batch(np.arange(8))), logits)


def test_stream_settings_from_a_word():
    base = {"train": ["x"], "classes": {"a": "a", "b": "b"}}
    assert DataConfig.model_validate({**base, "stream": True}).stream == StreamConfig()
    assert DataConfig.model_validate({**base, "stream": False}).stream is None
    with pytest.raises(ValueError, match="at least two"):
        DataConfig.model_validate({"train": ["x"]})


def test_in_memory_splits_still_part_one_list(small_config):
    data = small_config().data.model_copy(update={"train": ["sample://top/val", "sample://qcd/val"], "max_jets": None})
    splits = read_splits(data)
    assert [splits.train.num_jets, splits.val.num_jets, splits.test.num_jets] == [1400, 200, 400]
