"""``jetlego accept``: a real, quick task through the command line, its page, and what an impossible gate answers."""

import json
import math

import pytest
import torch

from jetlego.benchmark.accept import registry, task, tasks
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build
from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.errors import DataError

SHIFT = 1.5
BEST = 0.5 * math.erfc(-SHIFT / math.sqrt(2.0))
"""Accuracy of the best classifier of two unit Gaussians at distance 2 SHIFT: 0.9332."""


def separate(seed):
    """Accuracy of a logistic unit on two Gaussians in the plane."""
    unit, rng = build("logistic", in_dim=2, seed=seed), generator(seed)

    def draw(items):
        label = torch.randint(2, (items,), generator=rng)
        mean = SHIFT * (2.0 * label[:, None] - 1.0) * torch.tensor([0.6, 0.8])
        return mean + torch.randn(items, 2, generator=rng), label

    def loss(step):
        x, label = draw(256)
        return torch.nn.functional.binary_cross_entropy_with_logits(unit(x).squeeze(-1), label.float())

    fit(unit.parameters(), loss, steps=150, lr=0.1)
    x, label = draw(100_000)
    return ((unit(x).squeeze(-1) > 0) == label).double().mean()


@pytest.fixture
def own_tasks(monkeypatch):
    """Leave three tasks in the vocabulary: one that passes, one with a gate above the optimum, one without its data."""
    tasks()  # imports the modules, which register once
    monkeypatch.setattr(registry, "_TASKS", {})
    common = {"published": BEST, "source": "Bayes optimum", "minutes": 0.1, "figure": "accuracy"}
    task("separable", gate="0.928 .. 0.938", bricks=["logistic"], **common)(separate)
    task("beyond_bayes", gate=">= 0.95", **common)(separate)

    @task("no_data", published=None, source="none", gate="> 0", minutes=0.1)
    def no_data(seed):
        """Nothing to learn from."""
        raise DataError("NO-FILES", "no digits here")


@pytest.fixture
def jetlego(capsys, own_tasks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def jetlego(*words):
        code = run_safely(app, ["accept", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return jetlego


def test_a_brick_passes_with_its_figure_beside_the_published_one(jetlego, tmp_path):
    code, out, _ = jetlego("logistic", "--seeds", "1", "2", "--json", "out.json")
    assert code == 0
    for word in ("PASS", f"{BEST:.4f}", "Bayes optimum"):
        assert word in out
    document = json.loads((tmp_path / "out.json").read_text())
    assert [row["seed"] for row in document["results"]] == [1, 2]
    values = [row["value"] for row in document["results"]]
    assert values[0] != values[1]
    assert values == pytest.approx([BEST, BEST], abs=0.005)
    assert not (tmp_path / "docs").exists()


def test_an_impossible_gate_exits_with_1(jetlego):
    code, out, _ = jetlego("beyond_bayes")
    assert code == 1
    assert "FAIL" in out


def test_all_fills_the_page_and_a_subset_renews_it(jetlego, tmp_path):
    code, _, err = jetlego("--all")
    assert code == 1
    assert "no digits here" in err
    page = (tmp_path / "docs/acceptance.md").read_text()
    assert "1 of 3 tasks pass." in page
    assert "**Short of the gate:** `beyond_bayes` accuracy 0.93" in page
    store = tmp_path / "docs/acceptance.jsonl"
    before = [json.loads(line) for line in store.read_text().splitlines()]
    assert [row["task"] for row in before] == ["beyond_bayes", "no_data", "separable"]
    assert before[1]["value"] is None
    store.write_text("".join(json.dumps({**row, "seconds": 777.0}) + "\n" for row in before))
    jetlego("--all")
    assert store.read_text().count("777") == 3  # nothing ran
    assert jetlego("separable", "--record")[0] == 0
    after = [json.loads(line) for line in store.read_text().splitlines()]
    assert [row["seconds"] == 777.0 for row in after] == [True, True, False]
    assert after[2]["value"] == before[2]["value"]
    assert (tmp_path / "docs/acceptance.md").read_text().count("777") == 2


def test_mistakes(jetlego):
    code, _, err = jetlego("logistik")
    assert (code, "'logistic'" in err) == (2, True)
    assert jetlego()[0] == 2
    assert jetlego("separable", "--all")[0] == 2


def test_list_runs_nothing(jetlego, tmp_path):
    code, out, _ = jetlego("--list")
    assert code == 0
    assert "beyond_bayes" in out
    assert ">= 0.95" in out
    assert not list(tmp_path.iterdir())
