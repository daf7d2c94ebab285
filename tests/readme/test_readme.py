"""What the README shows is true: its Python runs and prints what stands below it, its YAML is the shipped file."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_prints_what_is_shown():
    code, shown = _blocks("python")[0], _blocks("text")[0]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == shown


def test_the_yaml_is_the_shipped_configuration():
    assert _blocks("yaml")[0] == (ROOT / "configs/quickstart.yaml").read_text()


def test_every_file_named_exists():
    names = re.findall(r"`((?:configs|scripts|jetlego|docs|notebooks)/[\w./-]+)`", README)
    assert names
    for name in names:
        assert (ROOT / name).exists(), name


def test_every_command_named_is_one(capsys):
    from jetlego.cli.app import app
    from jetlego.cli.outcome import run_safely

    for words in set(re.findall(r"jetlego ((?:data )?[a-z]+)", README)) - {"data"}:
        if words.split()[0] in {"is", "needs"}:
            continue
        assert run_safely(app, [*words.split(), "--help"]) == 0, words
    capsys.readouterr()
