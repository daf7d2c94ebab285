"""The acceptance framework: gates, figures, seeds, and files that survive an interruption."""

import json
import math

import pytest
import torch

from jetlego.benchmark.accept import Gate, run, task, tasks
from jetlego.benchmark.accept import registry as accept_registry
from jetlego.errors import ConfigError


@pytest.mark.parametrize(("gate", "good", "bad"), [
    (">= 0.95", 0.95, 0.9499),
    ("<= -0.555", -0.56, -0.55),
    ("> 0", 1e-9, 0.0),
    ("< 1e-3", 0.0, 1e-3),
    ("0.30 .. 0.34", 0.30, 0.341),
    ("-1 .. 1", -1.0, 1.1),
])  # fmt: skip
def test_gate(gate, good, bad):
    assert Gate(gate).passed(good)
    assert not Gate(gate).passed(bad)
    assert not Gate(gate).passed(math.nan)
    assert str(Gate(gate)) == gate


@pytest.mark.parametrize("text", ["", "0.9", "== 1", ">= high", "at least 0.9", ">= 0.9 or so"])
def test_gate_syntax(text):
    with pytest.raises(ValueError, match="no gate"):
        Gate(text)


@pytest.fixture
def two_tasks(monkeypatch):
    """Register two small tasks in an otherwise untouched vocabulary; they count their calls."""
    monkeypatch.setattr(accept_registry, "_TASKS", dict(tasks()))
    calls = []

    @task("mean_of_normals", published=0.0, source="exact", gate="-0.2 .. 0.2", minutes=0.01)
    def mean_of_normals(seed):
        """Mean of a thousand normal numbers."""
        calls.append(("mean_of_normals", seed))
        return torch.randn(1000).mean()

    @task("pair", published={"a": 1.0}, source="exact", gate={"a": ">= 1", "b": "< 0"}, minutes=0.01)
    def pair(seed):
        """Two figures, one of them diverged."""
        calls.append(("pair", seed))
        return {"b": math.nan, "a": 1.0}

    return calls


NAMES = ("mean_of_normals", "pair")


def test_results(two_tasks):
    mean, a, b = run(NAMES, seeds=[3])
    assert (mean.task, mean.figure, mean.seed, mean.passed) == ("mean_of_normals", "value", 3, True)
    torch.manual_seed(3)
    assert mean.value == pytest.approx(float(torch.randn(1000).mean()), abs=0)
    assert (a.figure, a.value, a.reference, a.passed) == ("a", 1.0, 1.0, True)
    assert (b.figure, b.reference, b.passed) == ("b", None, False)


def test_random_state_is_put_back(two_tasks):
    torch.manual_seed(8)
    expected = torch.randn(3)
    torch.manual_seed(8)
    list(run(NAMES))
    assert torch.equal(torch.randn(3), expected)


def test_resume_runs_only_what_is_missing(two_tasks, tmp_path):
    out = tmp_path / "accept.jsonl"
    stream = run(NAMES, seeds=(1, 2), out=out)
    first = [next(stream) for _ in range(3)]
    stream.close()
    assert two_tasks == [("mean_of_normals", 1), ("pair", 1)]
    whole = list(run(NAMES, seeds=(1, 2), out=out, resume=True))
    assert two_tasks[2:] == [("mean_of_normals", 2), ("pair", 2)]
    assert repr(whole[:3]) == repr(first)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(r["task"], r["seed"], r["figure"]) for r in rows] == [(r.task, r.seed, r.figure) for r in whole]
    assert rows[2]["value"] is None


def test_resume_forgives_a_torn_last_line_alone(two_tasks, tmp_path):
    out = tmp_path / "accept.jsonl"
    list(run(NAMES, out=out))
    text = out.read_text()
    out.write_text(text[:-20])
    list(run(NAMES, out=out, resume=True))
    assert two_tasks == [("mean_of_normals", 1), ("pair", 1), ("pair", 1)]
    assert len(out.read_text().splitlines()) == 3
    out.write_text("torn" + out.read_text())
    with pytest.raises(ConfigError, match=r"accept\.jsonl:1"):
        run(NAMES, out=out, resume=True)


def test_resume_judges_by_todays_gate(two_tasks, tmp_path):
    out = tmp_path / "accept.jsonl"
    list(run(["mean_of_normals"], out=out))
    out.write_text(out.read_text().replace('"value": ', '"value": 7'))
    (result,) = run(["mean_of_normals"], out=out, resume=True)
    assert abs(result.value) >= 7
    assert not result.passed


def test_mistakes_are_told_before_anything_runs(two_tasks, tmp_path):
    out = tmp_path / "accept.jsonl"
    out.write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        run(NAMES, out=out)
    assert out.read_text() == "mine"
    with pytest.raises(ConfigError, match="did you mean 'pair'"):
        run(["pear"])
    with pytest.raises(ConfigError, match="exists already"):
        task("pair", published=None, source="", gate="> 0", minutes=1)(lambda seed: 0.0)
    assert two_tasks == []


def test_a_task_must_return_the_figures_it_gates(two_tasks):
    task("odd", published=None, source="", gate={"a": "> 0"}, minutes=1)(lambda seed: {"b": 1.0})
    with pytest.raises(ConfigError, match="returned"):
        list(run(["odd"]))


def test_every_task_is_described():
    for name, item in tasks().items():
        assert item.summary.endswith("."), name
        assert item.source, name
        assert 0 < item.minutes <= 5, name
