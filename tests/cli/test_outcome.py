"""How commands end: exit codes, and exactly one line that begins with ``jetlego: error[ID]: ``."""

import subprocess
import sys
from pathlib import Path

import pytest

from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.data.schemas.load import load_schema

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(capsys):
    def run(*words):
        code = run_safely(app, [str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize(
    ("words", "code", "id", "parts"),
    [
        (["trian"], 2, "USAGE", ["'train'"]),
        (["train"], 2, "USAGE", ["CONFIG"]),
        (["data", "schema"], 2, "USAGE", ["'schemas'"]),
        (["data", "schemas", "pfnan"], 2, "BAD-VALUE", ["'pfnano'"]),
        (["data", "check", "x.root", "--verfy"], 2, "USAGE", ["'--verify'"]),
        (["data", "check", "sample://top/val", "--schema", "jetclas"], 2, "BAD-VALUE", ["'jetclass'"]),
        (["train", "configs/quickstart.yaml", "data.flaten.bins=[5]"], 2, "UNKNOWN-KEY", ["command line", "flatten"]),
        (["train", "configs/quickstart.yaml", "data.nonfinite=zerro"], 2, "BAD-VALUE", ["'zero'"]),
        (["train", "none.yaml"], 2, "NO-FILES", ["none.yaml"]),
        (["train", "configs/quikstart.yaml"], 2, "NO-FILES", ["did you mean", "configs/quickstart.yaml"]),
        (["train", "configs/quickstart.yaml", "training.epoch=3"], 2, "UNKNOWN-KEY", ["'epochs'", "command line"]),
        (
            ["train", "configs/quickstart.yaml", "model.cell.hiden=3"],
            2,
            "UNKNOWN-KEY",
            ["model.cell.hiden", "'hidden'"],
        ),
        (["train", "configs/quickstart.yaml", "model.cell.brick=recnn_simpel"], 2, "UNKNOWN-BRICK", ["'recnn_simple'"]),
        (["train", "configs/quickstart.yaml", "data.train=[none.root]"], 3, "NO-FILES", ["none.root"]),
        (["train", "configs/quickstart.yaml", "data.train=[sample://tpo]"], 3, "NO-FILES", ["top"]),
        (["train", "configs/quickstart.yaml", "data.features=recn"], 2, "UNKNOWN-FEATURE", ["'recnn'"]),
        (
            ["train", "configs/quickstart.yaml", "data.classes={top: label_Tbq, qcd: label_QCD}"],
            3,
            "NO-BRANCH",
            ["label_Tbqq"],
        ),
        (["bricks", "mpl"], 2, "UNKNOWN-BRICK", ["'mlp'"]),
        (["predict", "none", "sample://top", "--out", "x.root"], 3, "NOT-A-RUN", ["none"]),
        (["data", "show", "none.root"], 3, "NO-FILES", ["none.root"]),
        (["show", "configs/quickstart.yaml", "model.head.hiden=3"], 2, "UNKNOWN-KEY", ["model.head.hiden", "'hidden'"]),
        (["bench"], 2, "USAGE", ["--speed"]),
    ],
)
def test_a_mistake_is_one_line_with_its_exit_code(run, monkeypatch, tmp_path, words, code, id, parts):
    monkeypatch.chdir(tmp_path)
    words = [ROOT / word if word.startswith("configs/") else word for word in words]
    found, out, err = run(*words)
    assert found == code, err
    lines = [line for line in err.splitlines() if line.startswith("jetlego: error[")]
    assert len(lines) == 1
    assert lines[0].startswith(f"jetlego: error[{id}]: ")
    for part in parts:
        assert part in lines[0]
    assert "Traceback" not in err
    assert not out
    assert not list(tmp_path.rglob("*.root"))
    assert not list(tmp_path.rglob("metrics.json"))


def test_v_shows_the_traceback(run):
    _, _, err = run("train", "none.yaml", "-v")
    assert "Traceback" in err


def test_help_names_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    for word in ("train", "evaluate", "predict", "report", "show", "bricks", "bench", "accept", "data"):
        assert word in out


@pytest.mark.parametrize(
    "command",
    [
        ["train"],
        ["evaluate"],
        ["predict"],
        ["report"],
        ["show"],
        ["bricks"],
        ["bench"],
        ["accept"],
        ["data"],
        ["data", "show"],
        ["data", "generate"],
    ],
)
def test_every_command_has_help_with_an_example(run, command):
    code, out, _ = run(*command, "--help")
    assert code == 0
    assert command == ["data"] or "Example" in out


def test_show_builds_the_network_without_reading_a_jet(run):
    code, out, _ = run("show", ROOT / "configs/quickstart.yaml", "data.train=[none.root]")
    assert code == 0
    assert "parameters" in out


def test_bricks_lists_the_vocabulary_and_shows_one(run):
    code, out, _ = run("bricks")
    assert code == 0
    assert "mlp" in out
    assert "recnn_simple" in out
    code, out, _ = run("bricks", "mlp")
    assert code == 0
    assert "hidden" in out


@pytest.mark.slow
def test_a_closed_pipe_is_no_fault():
    command = f"{sys.executable} -m jetlego.cli bricks | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode in (0, 141)
    assert "Traceback" not in done.stderr


def test_a_shipped_schema_is_printed_as_it_is_written_and_reads_back(run, tmp_path):
    code, out, _ = run("data", "schemas", "jetclass")
    assert code == 0
    copied = tmp_path / "mine.yaml"
    copied.write_text(out)
    assert load_schema(copied) == load_schema("jetclass")
