"""The whole of training on real jets: what is written, what a stop and a resume leave, what a fault says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles.stop_at import StopAt
from sklearn.metrics import roc_auc_score

from jetlego import load_run
from jetlego.data.table import read_table
from jetlego.errors import ConfigError, DataError, EnvironmentFault, JetlegoError, Preempted
from jetlego.training.config import RunConfig
from jetlego.training.folder import FolderLock, choose_folder
from jetlego.training.load_config import to_yaml
from jetlego.training.splits import read_splits
from jetlego.training.train import train


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small_config):
    return train(small_config(), tmp_path_factory.mktemp("run") / "run")


def test_the_run_folder_holds_what_it_promises(finished):
    folder = finished.folder
    assert {"config.yaml", "preprocessing.json", "metrics.json", "log.jsonl", "predictions.root", "checkpoints"} <= {
        p.name for p in folder.iterdir()
    }
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics) == {"test", "train", "environment"}
    assert set(metrics["test"]["background_rejection"]) == {"0.3", "0.5"}
    assert len((folder / "log.jsonl").read_text().splitlines()) == 3
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_it_learns_more_than_nothing(finished):
    assert finished.metrics()["test"]["auc"] > 0.7


def test_predictions_agree_with_the_metrics_and_with_scikit_learn(finished):
    table, metrics = read_table(finished.folder / "predictions.root"), finished.metrics()["test"]
    # the table's scores are float32, which makes a few ties
    assert roc_auc_score(table["label"] == 0, table["score_top"]) == pytest.approx(metrics["auc"], abs=2e-5)
    np.testing.assert_allclose(table["score_top"] + table["score_qcd"], 1.0, atol=1e-6)


def test_an_opened_run_predicts_the_same_in_any_company(finished):
    run, test = load_run(finished.folder), read_splits(finished.config.data).test
    scores = run.predict(test)
    np.testing.assert_array_equal(scores, finished.predict(test))
    table = read_table(finished.folder / "predictions.root")
    np.testing.assert_allclose(scores[:, 0], table["score_top"], atol=1e-6)
    some = np.array([40, 3, 77])
    np.testing.assert_allclose(run.predict(test.select(some)), scores[some], atol=2e-6)
    assert run.predict(test.select(np.array([], dtype=int))).shape == (0, 2)


@pytest.mark.parametrize(
    ("average", "step"),
    [(0.9, 13), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((None, 4), (0.9, 4), (None, 13)))],
)
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(tmp_path, small_config, average, step):
    config = small_config(average=average)
    straight = train(config, tmp_path / "straight")
    with pytest.raises(Preempted) as caught:
        train(config, tmp_path / "stopped", observer=StopAt(step))
    assert caught.value.exit_code == 75
    resumed = train(config, tmp_path / "stopped", resume=True)
    for (name, a), b in zip(straight.model.state_dict().items(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    drop = {"seconds", "cpu_seconds", "jets_per_second"}
    logs = [[{k: v for k, v in row.items() if k not in drop} for row in run.history()] for run in (straight, resumed)]
    assert logs[0] == logs[1]


def test_short_epochs_share_a_validation(tmp_path, small_config):
    each, some = small_config(epochs=5), small_config(epochs=5, validate_after=10)
    runs = [train(config, tmp_path / name) for config, name in ((each, "each"), (some, "some"))]
    every, few = (run.history() for run in runs)
    per_epoch = every[0]["step"]
    assert 5 <= per_epoch < 10
    assert [row["epoch"] for row in few] == [2, 4, 5]  # the last step is always looked at
    for row in few:
        same = every[row["epoch"] - 1]
        assert [row["step"], row["val_loss"], row["lr"]] == [same["step"], same["val_loss"], same["lr"]]
    assert few[0]["train_loss"] == pytest.approx((every[0]["train_loss"] + every[1]["train_loss"]) / 2, rel=1e-6)
    assert runs[1].metrics()["train"]["epochs"] == 5
    with pytest.raises(Preempted):
        train(some, tmp_path / "stopped", observer=StopAt(per_epoch + 2))
    resumed = train(some, tmp_path / "stopped", resume=True).history()
    assert [(row["epoch"], row["train_loss"], row["val_loss"]) for row in resumed] == [
        (row["epoch"], row["train_loss"], row["val_loss"]) for row in few
    ]


def test_a_finished_run_started_again_does_nothing(finished):
    before = (finished.folder / "metrics.json").stat().st_mtime_ns
    train(finished.config, finished.folder, resume=True)
    assert (finished.folder / "metrics.json").stat().st_mtime_ns == before


def test_resuming_another_configuration_names_what_differs(finished, small_config):
    with pytest.raises(ConfigError, match=r"training.batch_size: 64 there, 32 now"):
        train(small_config(batch_size=32), finished.folder, resume=True)


@pytest.mark.slow
def test_two_seeds_differ_and_one_repeats(tmp_path, small_config, finished):
    again = train(small_config(), tmp_path / "again")
    other = train(small_config(seed=2), tmp_path / "other")
    first, same, different = (list(run.model.parameters()) for run in (finished, again, other))
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, different, strict=True) if a.ndim > 1)


def test_a_loss_that_is_never_finite_stops_the_run(tmp_path, small_config):
    wild = small_config(optimizer={"lr": 1e30, "name": "sgd"}, gradient_clip=None, max_bad_steps=3)
    with pytest.raises(JetlegoError, match="in a row") as caught:
        train(wild, tmp_path / "run")
    assert caught.value.id == "DIVERGED"


def test_a_run_that_fails_before_its_first_step_leaves_no_folder(tmp_path, small_config):
    settings = small_config().resolved()
    settings["data"]["train"] = [str(tmp_path / "nowhere.root")]
    with pytest.raises(DataError):
        train(RunConfig.model_validate(settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_is_refused(tmp_path, small_config):
    with FolderLock(tmp_path / "run"), pytest.raises(EnvironmentFault, match=r"in use by .*pid"):
        train(small_config(), tmp_path / "run")


def test_the_default_folder_is_the_first_free_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert choose_folder("a", None, resume=False).as_posix() == "runs/a"
    for name in ("a", "a-2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.yaml").write_text("")
    assert choose_folder("a", None, resume=False).as_posix() == "runs/a-3"
    assert choose_folder("a", None, resume=True).as_posix() == "runs/a-2"
    with pytest.raises(ConfigError, match="already holds a run"):
        choose_folder("a", tmp_path / "runs" / "a", resume=False)


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(DataError, match=r"config\.yaml"):
        load_run(tmp_path)


def test_flat_figures_equal_scikit_learns_with_weights_by_histogram(finished):
    """Made again from the predictions: 20 bins of the range that both classes share, each class's bins equal."""
    table, flat = read_table(finished.folder / "predictions.root"), finished.metrics()["test"]["flat_pt"]
    low, high = flat["pt_range"]
    pt, label = table["jet_pt"].astype(float), table["label"]
    inside = (pt >= low) & (pt <= high)
    assert inside.mean() > 0.9
    place = np.minimum(((pt - low) / (high - low) * 20).astype(int), 19)
    weight = np.zeros(len(pt))
    for kind in (0, 1):
        for k in range(20):
            cell = inside & (place == k) & (label == kind)
            weight[cell] = 1 / max(1, cell.sum())
        weight[label == kind] /= weight[label == kind].sum()
    kept = weight > 0
    expected = roc_auc_score(label[kept] == 0, table["score_top"][kept], sample_weight=weight[kept])
    assert flat["auc"] == pytest.approx(expected, abs=2e-3)


def test_splits_share_no_jet(small_config):
    paths = ["sample://top/train", "sample://qcd/train"]
    splits = read_splits(small_config().data.model_copy(update={"train": paths, "max_jets": None}))
    parts = (splits.train, splits.val, splits.test)
    sums = [{float(x) for x in part.jet["jet_pt"].astype(np.float64) * 1e3 + part.jet["jet_eta"]} for part in parts]
    assert not sums[0] & sums[1]
    assert not sums[0] & sums[2]
    total = sum(part.num_jets for part in (splits.train, splits.val, splits.test))
    assert splits.test.num_jets == pytest.approx(0.2 * total, abs=1)
    assert splits.val.num_jets == pytest.approx(0.1 * total, abs=1)


def test_fewer_training_jets_leave_the_other_splits_whole(small_config):
    data = small_config().data
    whole, few = read_splits(data), read_splits(data.model_copy(update={"train_jets": 100}))
    assert (few.train.num_jets, few.val.num_jets, few.test.num_jets) == (100, whole.val.num_jets, whole.test.num_jets)
    assert set(few.train.jet["jet_pt"]) < set(whole.train.jet["jet_pt"])


def trained_by_two(folder: Path, settings: dict) -> Path:
    """Train with a real second process; the run folder."""
    script, config, run = folder / "train.py", folder / "two.yaml", folder / "two"
    config.write_text(to_yaml(settings))
    script.write_text(
        "import sys; from pathlib import Path; from jetlego.training.load_config import load_config\n"
        "from jetlego.training.train import train\n"
        "if __name__ == '__main__': train(load_config(Path(sys.argv[1])), Path(sys.argv[2]))\n"
    )
    words = [sys.executable, str(script), str(config), str(run)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return run


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path, small_config):
    """Each rank takes half of each batch; without dropout the model is that of one process."""
    settings = small_config(devices=2, device="cpu", epochs=2).resolved()
    settings["model"]["head"]["dropout"] = 0.0
    two = trained_by_two(tmp_path, settings)
    settings["training"]["devices"] = 1
    one = train(RunConfig.model_validate(settings), tmp_path / "one")
    names = ("train_loss", "val_loss", "val_auc")
    rows = [[json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()] for run in (one.folder, two)]
    figures = [[[row[name] for name in names] for row in each] for each in rows]
    np.testing.assert_allclose(figures[1], figures[0], rtol=1e-5)


@pytest.mark.slow
def test_two_processes_stop_at_the_same_step_of_a_budget(tmp_path, small_config):
    """Their clocks differ; one that stopped alone would leave the other waiting for ever."""
    run = trained_by_two(tmp_path, small_config(devices=2, device="cpu", minutes=0.02).resolved())
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert last["cpu_seconds"] >= 60 * 0.02
    assert (run / "metrics.json").exists()
