"""Files that are held: memory does not grow with their number, and what was let go is read on as before."""

import gc
import weakref

import awkward as ak
import numpy as np
import pytest
import uproot
from oracles.jet_files import jetclass_arrays, write_rntuple, write_tree

from jetlego.data.containers.root import open_root
from jetlego.data.formats.reader import Request
from jetlego.data.held import Held, short_lived
from jetlego.data.stream import scan
from jetlego.data.stream.source import FileSource
from jetlego.errors import DataError


def test_a_table_that_let_go_reads_the_same_and_opens_again_for_other_branches(tmp_path):
    path = write_tree(tmp_path / "a.root", jetclass_arrays([3, 1, 4] * 50), baskets=4)
    with uproot.open(path) as file:
        expected = file["tree"].arrays()
    with open_root(path) as table:
        assert not table.slim()  # nothing was read yet, so it does not know what will be
        table.read(["part_px", "jet_pt"], 0, 10)
        tree = weakref.ref(table._tree)
        assert table.slim()
        gc.collect()
        assert tree() is None
        assert table.num_entries == 150
        assert set(table.names) >= set(expected.fields)
        assert table.has("part_px")
        assert not table.has("part_pz_")
        for start, stop in ((0, 150), (30, 47), (149, 150)):
            read = table.read(["part_px", "jet_pt"], start, stop)
            assert ak.array_equal(read["part_px"], expected["part_px"][start:stop])
            np.testing.assert_array_equal(read["jet_pt"], expected["jet_pt"][start:stop])
        assert ak.array_equal(table.read(["part_py"], 5, 9)["part_py"], expected["part_py"][5:9])
        assert table.slim()
    with open_root(write_rntuple(tmp_path / "b.root", jetclass_arrays([2, 2]))) as table:
        first = table.read(["part_px"], 0, 2)["part_px"]
        assert not table.slim()  # uproot reads those, and must stay
        assert ak.array_equal(table.read(["part_px"], 0, 2)["part_px"], first)


def test_files_are_held_slim_and_what_uproot_made_of_them_is_gone(tmp_path, monkeypatch):
    paths = [write_tree(tmp_path / f"{k}.root", jetclass_arrays([2, 3] * 20, seed=k), baskets=2) for k in range(12)]
    alive: list[weakref.ref] = []
    opened = uproot.open

    def counted(*words, **known):
        file = opened(*words, **known)
        alive.append(weakref.ref(file.file))
        return file

    monkeypatch.setattr(uproot, "open", counted)
    source = FileSource(paths, "jetclass", None, Request(columns=("part_charge",)))
    index = scan(source, size=20)
    gc.disable()  # no help from the collector but what the code itself asks for
    try:
        with source.open() as reader:
            held = [reader.read(block) for block in (*index.blocks, *index.blocks[::-1])]
            opened_for_reading = len(alive) - 24
            assert sum(ref() is not None for ref in alive[24:]) <= 1
    finally:
        gc.enable()
    assert opened_for_reading == 12  # each once, though each is read four times
    for a, b in zip(held[:24], held[:23:-1], strict=True):
        np.testing.assert_array_equal(a.p4, b.p4)


class Item:
    def __init__(self, key):
        self.key, self.closed = key, False

    def slim(self):
        return self.key % 2 == 0

    def close(self):
        self.closed = True


def test_few_are_open_and_many_are_known(monkeypatch):
    monkeypatch.setattr("jetlego.data.held.MAX_OPEN", 2)
    monkeypatch.setattr("jetlego.data.held.MAX_KNOWN", 3)
    made = []
    held = Held(lambda key: made.append(Item(key)) or made[-1])
    for key in (1, 3, 1, 5, 0, 2, 4, 6, 0):
        with held.using(key) as item:
            assert item.key == key
    assert [item.key for item in made if item.closed] == [3, 0, 2]
    assert [item.key for item in made] == [1, 3, 5, 0, 2, 4, 6, 0]
    assert 5 in held
    held.drop(5)
    assert 5 not in held
    held.close()
    assert all(item.closed for item in made)


def test_circles_go_at_once_and_the_collector_runs_on_as_before():
    class Circle:
        def __init__(self):
            self.me = self

    with short_lived():
        circle = Circle()
        gone = weakref.ref(circle)
        with short_lived():  # must not make the circle old while it is in use
            assert not gc.isenabled()
        del circle
        assert gone() is not None
        assert not gc.isenabled()
    assert gone() is None
    assert gc.isenabled()


def test_a_file_that_is_replaced_between_blocks_is_told(tmp_path):
    path = write_tree(tmp_path / "a.root", jetclass_arrays([2, 3] * 20), baskets=4)
    source = FileSource([path], "jetclass")
    index = scan(source, size=10)
    with source.open() as reader:
        first = reader.read(index.blocks[0])
        other = write_tree(tmp_path / "b.root", jetclass_arrays([3, 2] * 25, seed=1), baskets=3)
        other.replace(path)
        with pytest.raises(DataError, match=r"a\.root") as caught:
            reader.read(index.blocks[1])
    assert caught.value.id == "FILE-CHANGED"
    assert first.num_jets == 10
