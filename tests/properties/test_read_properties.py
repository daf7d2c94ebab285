"""Whatever the jets, they come out of every container as they went in, whole or in chunks of any size."""

from __future__ import annotations

import tempfile
from pathlib import Path

import awkward as ak
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.jet_files import jetclass_arrays, write_rntuple, write_tree

from jetlego.clustering.cluster import cluster
from jetlego.data.convert import convert
from jetlego.data.jets import Jets
from jetlego.data.read import iterate_jets, read_jets

COUNTS = st.lists(st.integers(0, 7), min_size=1, max_size=12).filter(any)


@settings(max_examples=4, deadline=None)
@given(counts=COUNTS, step=st.integers(1, 13), baskets=st.integers(1, 4), seed=st.integers(0, 9))
def test_every_container_gives_the_same_jets(counts, step, baskets, seed) -> None:
    arrays = jetclass_arrays(counts, seed=seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = write_tree(folder / "tree.root", arrays, baskets=min(baskets, len(counts)))
        files = [tree, write_rntuple(folder / "ntuple.root", arrays), folder / "a.parquet", folder / "a.h5"]
        for file in files[2:]:
            convert(tree, file, step=step)
        energy = ak.flatten(arrays["part_energy"]).to_numpy()
        for file in files:
            jets = Jets.concatenate(list(iterate_jets(file, step=step)))
            assert jets.num_constituents.tolist() == counts
            assert np.array_equal(jets.p4[:, 3], energy)
            assert jets.label.tolist() == [i % 2 for i in range(len(counts))]
            assert np.array_equal(jets.jet["jet_pt"], arrays["jet_pt"])
            assert jets.jet["event_index"].tolist() == list(range(len(counts)))


@settings(max_examples=40, deadline=None)
@given(counts=COUNTS, data=st.data())
def test_select_then_concatenate_is_one_selection(counts, data) -> None:
    rng = np.random.default_rng(len(counts))
    ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    jets = Jets(p4=rng.normal(size=(ptr[-1], 4)), jet_ptr=ptr, jet={"number": np.arange(len(counts))})
    index = np.array(data.draw(st.lists(st.integers(0, len(counts) - 1), min_size=1, max_size=9)))
    cut = data.draw(st.integers(0, len(index)))
    joined = Jets.concatenate([jets.select(index[:cut]), jets.select(index[cut:])])
    assert joined.jet["number"].tolist() == index.tolist()
    assert np.array_equal(joined.p4, np.concatenate([jets.p4[ptr[i] : ptr[i + 1]] for i in index]))


def test_padded_and_shuffled_constituents_give_the_same_tree(tmp_path) -> None:
    """Zero padding and the order of constituents change no momentum of any merge (reliability, fault 62)."""
    arrays = jetclass_arrays([9, 14, 5, 2])
    order = ak.argsort(arrays["part_px"], axis=1)
    shuffled = {n: v[order] if isinstance(v, ak.Array) else v for n, v in arrays.items()}
    convert(write_tree(tmp_path / "a.root", arrays), tmp_path / "a.h5")
    convert(write_tree(tmp_path / "b.root", shuffled), tmp_path / "b.h5")
    trees = []
    for name in ("a.root", "a.h5", "b.h5"):
        jets = read_jets(tmp_path / name)
        trees.append(cluster(jets.p4, jets.jet_ptr, algorithm="kt"))
    for other in trees[1:]:
        for start, stop in zip(other.node_ptr[:-1], other.node_ptr[1:], strict=True):
            nodes = [np.sort(t.node_p4[start:stop], axis=0) for t in (trees[0], other)]
            assert np.allclose(*nodes, rtol=1e-5)
