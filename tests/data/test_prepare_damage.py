"""No damaged shard or manifest is read as if it were whole."""

from __future__ import annotations

import contextlib
import json
import random

import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_tree
from oracles.mutations import mutated

from jetlego import Shards, read_jets
from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.data.shards.file import ShardFile, write_shard
from jetlego.data.shards.manifest import write_signed
from jetlego.data.shards.prepare import prepare
from jetlego.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path):
    source = write_tree(tmp_path / "a.root", jetclass_arrays([3, 1, 2, 4, 2, 5]), baskets=2)
    prepare(source, tmp_path / "shards", jets_per_shard=3, histories=["cambridge_aachen"])
    return tmp_path / "shards"


def test_arrays_lie_where_the_header_says_and_are_mapped(tmp_path) -> None:
    chunks = [np.arange(3, dtype=np.int16), np.arange(4, dtype=np.int32)]
    sections = {"a": chunks, "b": [np.ones((2, 4))], "c": [np.zeros(0, bool)]}
    digest = write_shard(tmp_path / "x.shard", sections, {"k": [1]})
    file = ShardFile(tmp_path / "x.shard")
    assert file.verify() == digest
    assert file["a"].dtype == np.int32
    assert file["a"].tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert file["c"].shape == (0,)
    assert all(file[name].ctypes.data % 64 == 0 for name in "ab")
    assert not file["b"].flags.owndata
    file["b"][:] = 7  # a private copy of the page; the file is what it was
    assert ShardFile(tmp_path / "x.shard").verify() == digest


def test_every_damage_of_a_shard_is_found(folder) -> None:
    path = sorted(folder.glob("*.shard"))[1]
    data = path.read_bytes()
    for told, bad in mutated(data, 150, seed=5):
        if bad == data:
            continue
        path.write_bytes(bad)
        with pytest.raises(DataError) as caught:
            Shards(folder, verify=True)
        assert caught.value.id == "SHARD-HASH", told
        assert path.name in str(caught.value), told
        with contextlib.suppress(DataError):  # what is not found at once is found by its digest; nothing else is raised
            ShardFile(path)


def test_every_damage_of_a_manifest_is_found(folder) -> None:
    path = folder / "manifest.json"
    data = path.read_bytes()
    for told, bad in mutated(data, 80, seed=6):
        if bad.strip() == data.strip():
            continue
        path.write_bytes(bad)
        with pytest.raises(DataError) as caught:
            read_jets(folder)
        assert caught.value.id == "SHARD-HASH", told


def test_a_missing_shard_and_a_name_that_leads_away(folder) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]
    path = folder / manifest["shards"][0]["name"]
    path.rename(folder / "elsewhere")
    with pytest.raises(DataError) as caught:
        read_jets(folder)
    assert caught.value.id == "SHARD-MISSING"
    for name in ("../a.root", "/etc/passwd", "00000-000.shard/../x"):
        manifest["shards"][0]["name"] = name
        write_signed(folder / "manifest.json", manifest)
        with pytest.raises(ConfigError) as escape:
            read_jets(folder)
        assert escape.value.id == "PATH-ESCAPE"
    manifest["shards"][0]["name"] = path.name
    path.symlink_to(folder / "elsewhere")
    write_signed(folder / "manifest.json", {**manifest, "format": 99})
    with pytest.raises(DataError) as newer:
        read_jets(folder)
    assert newer.value.id == "SHARD-VERSION"


def test_merges_that_fit_no_jet_are_refused(folder) -> None:
    jets = Shards(folder).read()
    jets.merges["cambridge_aachen"].parents[0] = 99
    with pytest.raises(DataError) as caught:
        jets.history("cambridge_aachen")
    assert caught.value.id == "BAD-TREE"


def test_the_command_line_checks_folders(folder, capsys) -> None:
    assert run_safely(app, ["data", "check", str(folder)]) == 0
    assert "6 jets" in capsys.readouterr().out.splitlines()[-2]
    path = sorted(folder.glob("*.shard"))[0]
    data = bytearray(path.read_bytes())
    data[random.Random(1).randrange(len(data) - 200, len(data) - 50)] ^= 4
    path.write_bytes(bytes(data))
    assert run_safely(app, ["data", "check", str(folder)]) == 3
    told = capsys.readouterr()
    assert "SHARD-HASH" in told.out
    assert f"error[SHARD-HASH]: 1 of 2 files cannot be used, first {path}" in told.err
    path.unlink()
    assert run_safely(app, ["data", "check", str(folder)]) == 3
    assert told.err.count("error[") == 1
