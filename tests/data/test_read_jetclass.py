"""`read_jets` and `iterate_jets` on JetClass files, TTree and RNTuple, against uproot's own arrays."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot
from oracles.jet_files import jetclass_arrays, write_rntuple, write_tree
from oracles.shared_folder import shared

from jetlego.data.jets import Jets
from jetlego.data.read import iterate_jets, read_jets

COUNTS = [3, 0, 5, 1, 2, 8, 0, 4, 1, 1]


@pytest.fixture(params=["ttree", "rntuple"])
def made(request, tmp_path):
    arrays = jetclass_arrays(COUNTS)
    write = write_tree if request.param == "ttree" else write_rntuple
    return write(tmp_path / "jets.root", arrays), arrays


def assert_same(a: Jets, b: Jets) -> None:
    assert np.array_equal(a.p4, b.p4)
    assert np.array_equal(a.jet_ptr, b.jet_ptr)
    assert a.classes == b.classes
    for one, other in ((a.constituents, b.constituents), (a.jet, b.jet), ({"": a.label}, {"": b.label})):
        assert set(one) == set(other)
        for name in one:
            assert np.array_equal(one[name], other[name]), name
            assert one[name].dtype == other[name].dtype


def test_momenta_columns_and_truth(made) -> None:
    path, arrays = made
    jets = read_jets(path)
    assert jets.num_constituents.tolist() == COUNTS
    for i, name in enumerate(("part_px", "part_py", "part_pz", "part_energy")):
        assert np.array_equal(jets.p4[:, i], ak.flatten(arrays[name]).to_numpy().astype(np.float64))
    assert jets.p4.flags.c_contiguous
    assert jets.p4.dtype.isnative
    assert jets.constituents["part_charge"].dtype == np.int32, "stored as float"
    assert jets.constituents["part_charge"].tolist() == ak.flatten(arrays["part_charge"]).tolist()
    assert jets.constituents["part_isMuon"].dtype == bool
    assert np.array_equal(jets.constituents["part_d0val"], ak.flatten(arrays["part_d0val"]))
    assert jets.classes == ("QCD", "Tbqq")
    assert jets.label.tolist() == [0, 1] * 5
    assert np.array_equal(jets.jet["jet_pt"], arrays["jet_pt"])
    assert jets.jet["jet_nparticles"].tolist() == COUNTS
    assert jets.jet["event_index"].tolist() == list(range(10))


def test_what_is_not_stored_is_the_sum_of_constituents(made) -> None:
    path, arrays = made
    jets = read_jets(path)
    total = np.stack([ak.sum(ak.values_astype(arrays[f"part_{q}"], np.float64), axis=1).to_numpy()
                      for q in ("px", "py", "pz", "energy")], axis=1)  # fmt: skip
    assert np.allclose(jets.jet["jet_energy"], total[:, 3], rtol=1e-6)
    assert np.allclose(jets.jet["jet_phi"], np.arctan2(total[:, 1], total[:, 0]), atol=1e-6)
    mass = np.sqrt(np.maximum(total[:, 3] ** 2 - (total[:, :3] ** 2).sum(axis=1), 0))
    assert np.allclose(jets.jet["jet_mass"], mass, rtol=1e-3, atol=1e-3)


def test_classes_in_the_order_of_the_user(made) -> None:
    path, _ = made
    jets = read_jets(path, classes={"top": "label_Tbqq", "qcd": "QCD"})
    assert jets.classes == ("top", "qcd")
    assert jets.label.tolist() == [1, 0] * 5
    merged = read_jets(path, classes={"any": ["label_Tbqq", "label_QCD"]})
    assert merged.label.tolist() == [0] * 10


def test_columns_restricts_and_carries(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["part_extra"] = arrays["part_px"] * 2
    arrays["my.number"] = np.arange(10, dtype=np.uint8)
    path = write_tree(tmp_path / "a.root", arrays)
    bare = read_jets(path, columns=[])
    assert not bare.constituents
    picked = read_jets(path, columns=["part_extra", "my.number", "part_charge"])
    assert set(picked.constituents) == {"part_extra", "part_charge"}
    assert np.array_equal(picked.constituents["part_extra"], ak.flatten(arrays["part_extra"]))
    assert picked.jet["my.number"].dtype == np.int32, "8-bit arithmetic would wrap"
    assert picked.jet["my.number"].tolist() == list(range(10))


@pytest.mark.parametrize("step", [1, 4, 100, None])
@pytest.mark.parametrize("baskets", [1, 3])
def test_chunks_join_to_the_whole(tmp_path, step, baskets) -> None:
    files = [write_tree(tmp_path / f"{i}.root", jetclass_arrays(COUNTS, seed=i), baskets=baskets) for i in range(2)]
    whole = read_jets(files)
    parts = list(iterate_jets(files, step=step))
    assert_same(Jets.concatenate(parts), whole)
    assert whole.jet["file_index"].tolist() == [0] * 10 + [1] * 10
    if step is not None:
        assert max(part.num_jets for part in parts) <= step


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (3, 15), (12, None), (9, 11), (0, 20), (19, 20)])
def test_entries_count_through_all_files(tmp_path, start, stop) -> None:
    files = [write_tree(tmp_path / f"{i}.root", jetclass_arrays(COUNTS, seed=i), baskets=2) for i in range(2)]
    whole = read_jets(files).select(slice(start, stop))
    assert_same(read_jets(files, entries=(start, stop)), whole)


def test_selection_by_expression_and_by_function(made) -> None:
    path, arrays = made
    keep = (arrays["jet_pt"] > 700) & (np.asarray(COUNTS) > 0)
    by_text = read_jets(path, where="(jet_pt > 700) & (jet_nparticles > 0)")
    by_function = read_jets(path, where=lambda jets: (jets.jet["jet_pt"] > 700) & (jets.num_constituents > 0))
    assert by_text.jet["event_index"].tolist() == np.flatnonzero(keep).tolist()
    assert_same(by_text, by_function)
    hard = read_jets(path, where="ak.any(part_energy > 40, axis=1) & label_Tbqq", columns=[])
    expected = ak.any(arrays["part_energy"] > 40, axis=1).to_numpy() & (arrays["label_Tbqq"] == 1)
    assert hard.jet["event_index"].tolist() == np.flatnonzero(expected).tolist()


def test_a_cut_on_a_branch_outside_the_schema(tmp_path) -> None:
    arrays = {**jetclass_arrays(COUNTS), "aux_score": np.linspace(0, 1, 10)}
    jets = read_jets(write_tree(tmp_path / "a.root", arrays), where="aux_score > 0.5", columns=[])
    assert jets.jet["event_index"].tolist() == [5, 6, 7, 8, 9]


def test_unlabelled_files(tmp_path) -> None:
    arrays = {k: v for k, v in jetclass_arrays(COUNTS).items() if not k.startswith("label_")}
    jets = read_jets(write_tree(tmp_path / "a.root", arrays))
    assert jets.label is None
    assert jets.classes == ()


def test_branch_order_and_extra_branches_do_not_matter(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    shuffled = {"zz": np.arange(10), **dict(reversed(arrays.items()))}
    a, b = write_tree(tmp_path / "a.root", arrays), write_tree(tmp_path / "b.root", shuffled)
    assert_same(read_jets(a), read_jets(b))


def test_globs_are_sorted_and_existing_names_are_not_globs(tmp_path) -> None:
    odd = tmp_path / "jets [a] ünï.root"
    write_tree(odd, jetclass_arrays([2, 1]))
    assert read_jets(odd).num_jets == 2
    for i in (2, 1):
        write_tree(tmp_path / f"f{i}.root", jetclass_arrays([i] * i, seed=i))
    assert read_jets(f"{tmp_path}/f*.root").num_constituents.tolist() == [1, 2, 2]


def test_shared_simulation_matches_uproot() -> None:
    path = shared("golden/jetclass_mini.root")
    jets = read_jets(path)
    with uproot.open(path) as file:
        energy = file["tree"]["part_energy"].array()
        truth = np.stack([file["tree"][f"label_{name}"].array(library="np") for name in jets.classes], axis=1)
    assert jets.num_jets == 200
    assert np.array_equal(jets.p4[:, 3], ak.flatten(energy).to_numpy())
    assert np.array_equal(jets.label, truth.argmax(axis=1))
    assert np.bincount(jets.label).tolist() == [20] * 10
    assert jets.classes == ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
