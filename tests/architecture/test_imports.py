"""What is loaded, and when: users of files and clustering never pay for torch."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import jetlego

PACKAGE = Path(jetlego.__file__).parent


def _loaded_after(code):
    words = [sys.executable, "-c", f"{code}\nimport sys; print(*sorted(sys.modules), sep='\\n')"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import jetlego", {"numpy", "torch", "awkward", "uproot", "numba"}),
        ("import jetlego.cli.app", {"numpy", "torch", "awkward", "uproot", "numba", "matplotlib", "pydantic"}),
        ("from jetlego import read_jets", {"torch", "matplotlib"}),
        ("from jetlego import cluster, find_jets, roc", {"torch", "awkward", "uproot", "matplotlib"}),
        ("import jetlego.report", {"matplotlib", "torch"}),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code, absent):
    assert not absent & _loaded_after(code)


def test_every_public_name_can_be_reached():
    for name in jetlego.__all__:
        assert getattr(jetlego, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'read_jet'"):
        jetlego.read_jet  # noqa: B018


@functools.cache
def _calls(path):
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return [(node, ast.unparse(node.func)) for node in calls]


def test_no_code_is_run_from_data():
    refused = {"eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "yaml.load"}
    found = [
        f"{path.name}:{node.lineno} {name}"
        for path in PACKAGE.rglob("*.py")
        for node, name in _calls(path)
        if name in refused
    ]
    assert not found


def test_torch_load_is_always_restricted():
    for path in PACKAGE.rglob("*.py"):
        for node, name in _calls(path):
            if name == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), path


def test_only_the_command_line_prints():
    found = [
        f"{path}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node, name in _calls(path)
        if name == "print" and "cli" not in path.parts
    ]
    assert not found


def test_every_folder_of_code_is_a_package():
    for folder in PACKAGE.rglob("*/"):
        if any(folder.glob("*.py")):
            assert (folder / "__init__.py").exists(), folder
