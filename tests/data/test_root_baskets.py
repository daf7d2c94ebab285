"""Plain branches read from their baskets' bytes are what uproot reads."""

import os

import awkward as ak
import numpy as np
import pytest
import uproot
from oracles.shared_folder import shared

from jetlego.data.containers.baskets import NotPlain, plain_form, read_plain
from jetlego.data.containers.root import open_root
from jetlego.errors import DataError

FILES = ["golden/jetclass_mini.root", "data/formats/uproot-HZZ-zlib.root", "data/formats/uproot-HZZ-zstd.root",
         "data/formats/nano_dy.root", "data/formats/events_delphes_higgs2p_example.root",
         "data/formats/PHYSLITE_example.root"]  # fmt: skip


def both(descriptor, branch, start, stop):
    form = plain_form(branch)
    if form is None:
        return None
    try:
        ours = read_plain(descriptor, branch, form, start, stop)
    except NotPlain:
        return None
    return ak.Array(ours), branch.array(entry_start=start, entry_stop=stop)


@pytest.mark.parametrize("name", FILES)
def test_equal_to_uproot(name):
    path = shared(name)
    compared = 0
    descriptor = os.open(path, os.O_RDONLY)
    with uproot.open(path) as file:
        trees = [file[key] for key, kind in file.classnames(recursive=True).items() if kind == "TTree"]
        branches = [branch for tree in trees for branch in tree.itervalues(recursive=True)]
        for branch in branches[:: max(1, len(branches) // 60)]:
            entries = branch.num_entries
            for start, stop in ((0, entries), (entries // 3, 2 * entries // 3), (entries, entries)):
                pair = both(descriptor, branch, start, stop)
                if pair is None:
                    continue
                compared += 1
                assert str(pair[0].type) == str(pair[1].type)
                np.testing.assert_array_equal(*(np.asarray(ak.flatten(array, axis=None)) for array in pair))
    os.close(descriptor)
    assert compared > 20


@pytest.mark.parametrize("codec", [uproot.ZLIB(1), uproot.LZMA(1), uproot.LZ4(4), uproot.ZSTD(3), None])
def test_every_codec_several_baskets_and_blocks(tmp_path, codec):
    rng = np.random.default_rng(0)
    rows = ak.unflatten(rng.normal(size=30000).astype("f4"), rng.multinomial(30000, [0.01] * 100))
    columns = {"x": rows, "b": rows > 0, "n": rng.integers(0, 9, 100).astype("i8"), "m": rng.normal(size=(100, 2))}
    with uproot.recreate(tmp_path / "c.root", compression=codec) as file:
        tree = file.mktree("tree", {"x": "var * float32", "b": "var * bool", "n": "int64", "m": np.dtype(("f8", (2,)))})
        for start in range(0, 100, 30):
            tree.extend({name: values[start : start + 30] for name, values in columns.items()})
    with open_root(tmp_path / "c.root") as table:
        for start, stop in ((0, 100), (17, 18), (29, 91)):
            read = table.read(["x", "b", "n", "m"], start, stop)
            for name, values in columns.items():
                np.testing.assert_array_equal(np.asarray(ak.flatten(read[name], axis=None)),
                                              np.asarray(ak.flatten(values[start:stop], axis=None)))  # fmt: skip


@pytest.mark.parametrize("damage", ["codec", "lengths", "cut"])
def test_damage_is_noticed(tmp_path, damage):
    path = tmp_path / "d.root"
    with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
        file.mktree("tree", {"x": "float32"}).extend({"x": np.zeros(5000, "f4")})
    with uproot.open(path) as file:
        basket = file["tree/x"].basket(0)
        seek, key = int(file["tree/x"].member("fBasketSeek")[0]), basket.member("fKeylen")
    raw = bytearray(path.read_bytes())
    if damage == "cut":
        raw[seek + key + 2 :] = b""
        with pytest.raises(DataError):
            open_root_after(path, raw).read(["x"], 0, 5000)
        return
    at = seek + {"codec": key, "lengths": key + 6}[damage]
    raw[at : at + 2] = b"\xff\x7f"
    with open_root_after(path, raw) as table, pytest.raises(DataError, match=r"d.root: 'x'") as caught:
        table.read(["x"], 0, 5000)
    assert caught.value.id == "BAD-FILE"


def open_root_after(path, raw):
    path.write_bytes(raw)
    return open_root(path)
