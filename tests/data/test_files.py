"""What a word on the command line stands for, and what a file is by its bytes."""

from __future__ import annotations

import gzip
import pickle
import sys
import types

import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_tree

from jetlego.data.extras import optional
from jetlego.data.files import check_duplicates, container_of, find_files, fingerprint
from jetlego.data.formats.jetnet import jetnet_split
from jetlego.data.read import read_jets
from jetlego.errors import DataError, EnvironmentFault


def test_sample_names_are_resolved_by_the_sample(monkeypatch, tmp_path) -> None:
    path = write_tree(tmp_path / "top.root", jetclass_arrays([2, 3]))
    sample = types.ModuleType("jetlego.data.sample")
    asked = []
    sample.resolve = lambda uri: asked.append(uri) or [path]
    monkeypatch.setitem(sys.modules, "jetlego.data.sample", sample)
    assert find_files("sample://top/test") == [path]
    assert asked == ["sample://top/test"]
    assert read_jets(["sample://top"]).num_jets == 2


def test_several_words_keep_their_order_and_globs_reach_into_folders(tmp_path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.root", "a.root", "deep/er/c.root"):
        (tmp_path / name).write_bytes(b"root")
    found = find_files([tmp_path / "b.root", f"{tmp_path}/**/*.root"])
    assert [p.name for p in found] == ["b.root", "a.root", "b.root", "c.root"]


@pytest.mark.parametrize(("content", "kind"), [
    (b"root\x00\x00", "root"), (b"\x89HDF\r\n\x1a\n....", "hdf5"), (b"PAR1....", "parquet"), (b"PK\x03\x04....", "npz"),
    (b"\n\n  HepMC::Version 3\n", "hepmc"), (b'["a"]', "json"), (b'"header"\n', "json"), (b"  {", "json"),
    (pickle.dumps([1], protocol=2), "pickle"), (pickle.dumps([1], protocol=5), "pickle"),
    (b"# comment\n1 2 3 4\n", "text"), (b"  -1.5e3 2. .3 4\n", "text"), (b"1 2 3 4 211\n", "text"),
    (b"# only comments\n", "text"),
])  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_what_its_bytes_say(tmp_path, content, kind, packed) -> None:
    path = tmp_path / "no_ending"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert container_of(path) == kind


@pytest.mark.parametrize("content", [b"", b"1 2 3\n", b"hello world of jets\n", b"\x80\x09", b"\x1f\x8bgarbage"])
def test_unknown_bytes_are_refused(tmp_path, content) -> None:
    path = tmp_path / "no_ending"
    path.write_bytes(content)
    with pytest.raises(DataError, match="of no known kind"):
        container_of(path)


@pytest.mark.parametrize("ending", ["root", "h5", "parquet", "npz", "hepmc", "json.gz", "pickle", "hepmc3.gz"])
def test_an_ending_that_promises_something_else(tmp_path, ending) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"\x00binary\x1b[31m")
    with pytest.raises(DataError, match=r"is not a \S+ file: it begins with") as caught:
        container_of(path)
    assert caught.value.id.startswith("NOT-")
    assert str(caught.value).isprintable()


def test_different_files_of_equal_size_are_no_duplicates(tmp_path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"1234")
    b.write_bytes(b"1243")
    check_duplicates([a, b])
    b.write_bytes(b"1234")
    assert fingerprint(a) == fingerprint(b)
    with pytest.raises(DataError, match="are the same file"):
        check_duplicates([a, b])


@pytest.mark.parametrize(("module", "extra", "ending", "magic"), [
    ("h5py", "hdf5", "h5", b"\x89HDF\r\n\x1a\n"), ("pyarrow.parquet", "parquet", "parquet", b"PAR1"),
])  # fmt: skip
def test_a_missing_extra_is_named_with_its_line(monkeypatch, tmp_path, module, extra, ending, magic) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(magic + bytes(100))
    with pytest.raises(EnvironmentFault, match=rf"pip install 'jetlego\[{extra}\]'") as caught:
        read_jets(path)
    assert caught.value.id == "DEPENDENCY"
    assert caught.value.exit_code == 4


def test_optional_returns_the_module() -> None:
    assert optional("json", extra="x", task="reading") is sys.modules["json"]


def test_jetnet_split_is_that_of_its_library() -> None:
    data = np.arange(1000)
    shuffled = np.random.default_rng(42).permutation(data)
    parts = jetnet_split(1000)
    assert [len(p) for p in parts] == [700, 150, 150]
    assert np.array_equal(np.concatenate([data[p] for p in parts]), shuffled)
