"""A comparison is fair, can be stopped and resumed, and tells figures that are those of its runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from jetlego.benchmark.accuracy import compare
from jetlego.benchmark.accuracy_config import load_bench
from jetlego.benchmark.accuracy_page import markdown, table_of, write_results
from jetlego.data.features import FEATURE_SETS
from jetlego.structures.node_features import feature_names
from jetlego.training.load_config import load_config
from jetlego.training.run import load_run

QUICK = Path(__file__).parents[2] / "configs/bench/quick.yaml"
ROWS = [
    {"name": "deep sets", "auc": 0.95, "auc_spread": 0.002, "accuracy": 0.9, "seeds": 3, "parameters": 82658,
     "background_rejection_0.3": 120.0, "background_rejection_0.3_spread": 9.0, "flops_per_jet": 1.5e6,
     "train_seconds": 60.0, "train_rate": 900.0, "rate": 4000.0},
    {"name": "boosted tree", "auc": 0.91, "auc_spread": None, "accuracy": 0.85, "seeds": 1, "parameters": None,
     "background_rejection_0.3": None, "train_seconds": 2.0, "train_rate": None, "rate": None},
]  # fmt: skip


def test_every_entry_of_the_quick_bench_knows_momenta_alone():
    bench = load_bench(QUICK)
    assert (len(bench.seeds), bench.minutes, bench.threads) == (3, 1.0, 1)
    known = {*FEATURE_SETS["kin"], *feature_names("lund"), *feature_names("lund_kinematics")}
    for _, entry in bench.expanded():
        run = load_config(QUICK.parent / entry.config, [])
        told = FEATURE_SETS[run.data.features] if run.structure.tree is None else feature_names(
            run.structure.tree.features or run.data.features)  # fmt: skip
        assert set(told) <= known, entry.name
        assert run.training.select == "auc"
        assert run.data.test == bench.data.test


def test_table_and_picture(tmp_path):
    write_results(tmp_path, ROWS, title="two")
    heads, body = table_of(ROWS)
    assert body[0][heads.index("AUC")] == "0.9500 ± 0.0020"
    assert body[0][heads.index("kFLOP/jet")] == "1,500"
    assert body[1][heads.index("1/eps_B at 30%")] == body[1][heads.index("parameters")] == "-"
    assert (tmp_path / "table.md").read_text() == markdown(ROWS)
    assert json.loads((tmp_path / "results.json").read_text())["results"][0]["auc"] == 0.95
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_comparison_resumes_and_tells_its_runs_figures(tmp_path):
    text = QUICK.read_text().split("entries:")[0].replace("minutes: 1.0", "minutes: 0.03")
    text = text.replace("seeds: [1, 2, 3]", "seeds: [1, 2]").replace("classes:", "max_jets: 600\n  classes:")
    folder = QUICK.parents[1] / "taggers"
    entries = [f"  - {{name: {name}, config: {folder / name}.yaml}}\n" for name in ("pfn", "recnn")]
    (tmp_path / "small.yaml").write_text(text + "entries:\n" + "".join(entries))
    bench, told = load_bench(tmp_path / "small.yaml"), []
    rows = compare(bench, tmp_path / "small.yaml", tmp_path / "runs", tell=told.append)
    assert [[row["seeds"] for row in so_far] for so_far in told] == [[1], [1, 1], [2, 1], [2, 2]]
    runs = [load_run(tmp_path / "runs" / f"recnn-seed{seed}") for seed in (1, 2)]
    aucs = [run.metrics()["test"]["auc"] for run in runs]
    assert rows[1]["auc"] == pytest.approx(np.mean(aucs))
    assert rows[1]["auc_spread"] == pytest.approx(np.std(aucs, ddof=1))
    for run in runs:
        history = run.history()
        # the run stops at the first step beyond its budget, and its best epoch is the best on validation jets
        assert 1.8 <= history[-1]["cpu_seconds"] < 1.8 + 1.5
        best = max(range(len(history)), key=lambda i: history[i]["val_auc"])
        assert run.metrics()["train"]["best_epoch"] == history[best]["epoch"]
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").rglob("*.json")}
    again = compare(bench, tmp_path / "small.yaml", tmp_path / "runs")
    assert again == rows
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").rglob("*.json")}


def test_a_first_entry_without_rates_is_written_and_drawn(tmp_path, capfd):
    write_results(tmp_path, ROWS[1:], title="only a boosted tree so far")
    assert (tmp_path / "comparison.png").stat().st_size > 1000
    assert not capfd.readouterr().err
