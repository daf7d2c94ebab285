"""recnn and ginkgo pickles: the four layouts, two column orders, what is refused, and that nothing ever runs."""

from __future__ import annotations

import os
import pickle
import struct

import numpy as np
import pytest

from jetlego.data.formats.recnn import read_trees
from jetlego.data.jets import Jets
from jetlego.data.read import iterate_jets, read_jets
from jetlego.errors import DataError, JetlegoWarning


def tree_of(count: int, seed: int) -> dict:
    """Return a random binary tree over ``count`` leaves, root first, as recnn writes it."""
    rng = np.random.default_rng(seed)
    leaves = rng.normal(0, 20, (count, 3))
    momenta = {i: np.r_[p, np.linalg.norm(p) + 0.1] for i, p in enumerate(leaves)}
    active, pairs = list(range(count)), {}
    while len(active) > 1:
        a, b = (active.pop(int(rng.integers(len(active)))) for _ in range(2))
        node = count + len(pairs)
        pairs[node], momenta[node] = (a, b), momenta[a] + momenta[b]
        active.append(node)
    order = [active[0]]
    for node in order:  # breadth first from the root
        order += pairs.get(node, ())
    number = {node: i for i, node in enumerate(order)}
    tree = np.array([[number[c] for c in pairs[n]] if n in pairs else [-1, -1] for n in order])
    content = np.array([momenta[n] for n in order])
    return {"tree": tree, "content": content, "root_id": 0, "pt": 100.0 + seed, "mass": 80.4}


COUNTS = [3, 1, 7, 4, 2, 5]
TREES = [tree_of(n, i) for i, n in enumerate(COUNTS)]
LEAVES = np.concatenate([t["content"][t["tree"][:, 0] < 0] for t in TREES])
Y = np.array([1, 0, 0, 1, 1, 0])


def write(path, *objects, protocol: int = 2):
    with path.open("wb") as file:
        for item in objects:
            pickle.dump(item, file, protocol=protocol)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("layout", ["stream", "pair", "list"])
def test_jets_in_each_layout_and_protocol(tmp_path, protocol, layout) -> None:
    objects = {"stream": TREES, "pair": [(TREES, Y)], "list": [TREES]}[layout]
    jets = read_jets(write(tmp_path / "a.pickle", *objects, protocol=protocol))
    assert jets.num_constituents.tolist() == COUNTS
    assert np.array_equal(jets.p4, LEAVES)
    assert jets.jet["event_index"].tolist() == list(range(6))
    assert jets.jet["jet_mass"].tolist() == [np.float32(80.4)] * 6
    assert jets.jet["jet_pt"].tolist() == [100 + i for i in range(6)]
    if layout == "pair":
        assert jets.label.tolist() == Y.tolist()
        assert jets.classes == ("background", "signal")
    else:
        assert jets.label is None


def test_events_of_several_jets(tmp_path) -> None:
    path = write(tmp_path / "a.pickle", (TREES[:2], 1), (TREES[2:3], 0), (TREES[3:], 1))
    jets = read_jets(path, classes={"s": "signal", "b": "background"})
    assert jets.jet["event_index"].tolist() == [0, 0, 1, 2, 2, 2]
    assert jets.jet["jet_index"].tolist() == [0, 1, 0, 0, 1, 2]
    assert jets.label.tolist() == [0, 0, 1, 0, 0, 0]
    lists = read_jets(write(tmp_path / "b.pickle", TREES[:2], TREES[2:]))
    assert lists.jet["event_index"].tolist() == [0, 0, 1, 1, 1, 1]
    assert np.array_equal(read_jets(path, entries=(1, 2)).p4, TREES[2]["content"][TREES[2]["tree"][:, 0] < 0])


def test_chunks(tmp_path) -> None:
    path = write(tmp_path / "a.pickle", *TREES)
    parts = list(iterate_jets(path, step=4))
    assert [p.num_jets for p in parts] == [4, 2]
    assert np.array_equal(Jets.concatenate(parts).p4, LEAVES)


def test_stored_trees(tmp_path) -> None:
    stored = read_trees(write(tmp_path / "a.pickle", *TREES))
    assert np.array_equal(stored.children, np.concatenate([t["tree"] for t in TREES]))
    assert np.array_equal(stored.node_p4, np.concatenate([t["content"] for t in TREES]))
    assert np.diff(stored.node_ptr).tolist() == [2 * n - 1 for n in COUNTS]
    assert np.array_equal(stored.jets.p4, LEAVES)


def test_energy_first_and_a_fifth_column(tmp_path) -> None:
    ginkgo = [{**t, "content": t["content"][:, [3, 0, 1, 2]], "Lambda": 1.5, "pt_cut": 0.1} for t in TREES]
    assert np.array_equal(read_jets(write(tmp_path / "g.pkl", ginkgo)).p4, LEAVES)
    flow = [{**t, "content": np.column_stack([t["content"], np.where(t["tree"][:, 0] < 0, 2, -1)])} for t in TREES]
    assert set(read_jets(write(tmp_path / "f.pkl", *flow)).constituents["part_class"].tolist()) == {2}
    unclear = [{**t, "content": np.tile([5.0, 0, 0, 5], (len(t["tree"]), 1))} for t in TREES]
    path = write(tmp_path / "u.pkl", *unclear)
    with pytest.raises(DataError, match="cannot tell which column of content is the energy"):
        read_jets(path)
    with pytest.warns(JetlegoWarning, match="have pT = 0"):
        jets = read_jets(path, schema={"base": "recnn", "content_order": "epxpypz"})
    assert np.array_equal(np.unique(jets.p4, axis=0), [[0, 0, 5, 5]])


def python2_array(array: np.ndarray) -> bytes:
    """Return the opcodes by which Python 2 pickled an array: byte strings throughout."""
    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value

    kind = array.dtype.str[1:].encode()
    shape = b"(" + b"".join(b"K" + bytes([n]) for n in array.shape) + b"t"
    state = text(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    dtype = b"cnumpy\ndtype\n(" + text(kind) + b"K\x00K\x01tR(K\x03" + state
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR"
    return made + b"(K\x01" + shape + dtype + b"\x89" + text(array.tobytes()) + b"tb"


def test_pickles_of_python_2(tmp_path) -> None:
    jet = TREES[2]
    raw = (b"\x80\x02}(U\x04tree" + python2_array(jet["tree"]) + b"U\x07content" + python2_array(jet["content"])
           + b"U\x07root_idK\x00u.")  # fmt: skip
    (tmp_path / "old.pickle").write_bytes(raw)
    assert np.array_equal(read_jets(tmp_path / "old.pickle").p4, jet["content"][jet["tree"][:, 0] < 0])


class Runs:
    """Runs a command when an ordinary unpickler loads it."""

    def __reduce__(self):
        return os.system, ("touch canary",)


class Evaluates:
    def __reduce__(self):
        return eval, ("open('canary', 'w')",)


@pytest.mark.parametrize(("evil", "name"), [(Runs(), "posix.system"), (Evaluates(), "__builtin__.eval")])
def test_code_is_refused_and_does_not_run(tmp_path, monkeypatch, evil, name) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "evil.pickle", {**TREES[0], "extra": evil})
    with pytest.raises(DataError, match=rf"refused: pickle asks for {name}") as caught:
        read_jets(path)
    assert caught.value.id == "UNSAFE-PICKLE"
    assert not (tmp_path / "canary").exists()


def test_torch_names_are_inert(tmp_path, monkeypatch) -> None:
    """A tensor in a ginkgo file carries bytes that torch would unpickle without restriction."""
    monkeypatch.chdir(tmp_path)
    inner = pickle.dumps(Runs(), protocol=2)
    bomb = b"ctorch.storage\n_load_from_bytes\n(T" + struct.pack("<i", len(inner)) + inner + b"tR"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + bomb + b"K\x00)K\x01tR"
    body = pickle.dumps(TREES[0], protocol=2)
    (tmp_path / "g.pkl").write_bytes(body[:-1] + b"(U\x06Lambda" + tensor + b"u.")
    assert read_jets(tmp_path / "g.pkl").num_constituents.tolist() == [3]
    assert not (tmp_path / "canary").exists()


def changed(**values) -> dict:
    return {**TREES[2], **values}


def swapped(row: int, pair: list[int]) -> np.ndarray:
    tree = TREES[2]["tree"].copy()
    tree[row] = pair
    return tree


LEAF = int(np.flatnonzero(TREES[2]["tree"][:, 0] < 0)[0])
INNER = int(np.flatnonzero(TREES[2]["tree"][:, 0] > 0)[1])


@pytest.mark.parametrize(("jet", "words"), [
    (changed(tree=swapped(LEAF, [99, 98])), "names a child that the jet does not have"),
    (changed(tree=swapped(LEAF, [-1, 3])), "names a child that the jet does not have"),
    (changed(root_id=13), "has no node root_id"),
    (changed(root_id=1), "has a root with a parent"),
    (changed(tree=swapped(LEAF, [1, 2])), "has a node with two parents"),
    (changed(tree=swapped(INNER, [-1, -1])), "has nodes that its root does not reach"),
    (changed(tree=np.array([[-1, -1], [2, 3], [1, 4], [-1, -1], [-1, -1]]), content=np.ones((5, 4)) * [1, 1, 1, 9]),
     "has nodes that its root does not reach"),
    (changed(content=TREES[2]["content"][:-1]), "shape"),
    (changed(tree=TREES[2]["tree"].astype(float)), "not integers and floats"),
    (changed(content=TREES[2]["content"].astype(object)), "not integers and floats"),
    ({"tree": TREES[2]["tree"]}, "needs tree, content and root_id"),
])  # fmt: skip
def test_broken_trees_are_named(tmp_path, jet, words) -> None:
    path = write(tmp_path / "a.pickle", TREES[0], jet)
    with pytest.raises(DataError, match="entry 1, jet 0") as caught:
        read_jets(path)
    assert words in str(caught.value)


def test_damaged_files(tmp_path) -> None:
    path = write(tmp_path / "a.pickle", *TREES)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match="object 5 is no readable pickle"):
        read_jets(path)
    path.write_bytes(b"not a pickle at all")
    with pytest.raises(DataError, match="is not a pickle file"):
        read_jets(path)
    with pytest.raises(DataError, match="holds int, not trees of jets"):
        read_jets(write(tmp_path / "n.pickle", 3))
