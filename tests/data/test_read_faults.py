"""What reading says when files, branches, values or truth are wrong (reliability, faults 41 to 69)."""

from __future__ import annotations

import shutil

import awkward as ak
import numpy as np
import pytest
import uproot
from oracles.jet_files import branch_type, jetclass_arrays, write_rntuple, write_tree
from oracles.shared_folder import shared

from jetlego.data.files import check_splits
from jetlego.data.read import iterate_jets, read_jets
from jetlego.errors import ConfigError, DataError, JetlegoWarning, NonFiniteError

COUNTS = [3, 0, 5, 1, 2, 8]


def refused(id: str, *words: str, kind: type = DataError, **options) -> str:
    """Read with the options, expect an error of this ID that holds all words, and return its text."""
    with pytest.raises(kind) as caught:
        read_jets(**options)
    assert caught.value.id == id
    for word in words:
        assert word in str(caught.value), str(caught.value)
    return str(caught.value)


def test_missing_files(tmp_path) -> None:
    refused("NO-FILES", "nowhere.root", path_or_paths=tmp_path / "nowhere.root")
    refused("NO-FILES", "glob", "none*.root", path_or_paths=f"{tmp_path}/none*.root")
    refused("NO-FILES", "folder", path_or_paths=tmp_path)
    refused("NO-FILES", "copied or mounted", path_or_paths="root://eos.example//jets.root")
    refused("NO-FILES", path_or_paths=[])
    refused("NO-FILES", path_or_paths="x" * 4096 + ".root")


@pytest.mark.parametrize("content", [b"", b"<html><body>404</body></html>", b"not a file\x00\x1b of jets"])
def test_files_that_are_no_root(tmp_path, content) -> None:
    path = tmp_path / "bad.root"
    path.write_bytes(content)
    text = refused("NOT-ROOT", str(path), path_or_paths=path)
    assert text.isprintable()


def test_ending_and_content_disagree(tmp_path) -> None:
    path = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    path.rename(tmp_path / "a.parquet")
    refused("NOT-PARQUET", "begins with 'root", path_or_paths=tmp_path / "a.parquet")


def test_truncated_file(tmp_path) -> None:
    path = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS * 50))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    refused("BAD-FILE", str(path), path_or_paths=path)


def test_bad_files_may_be_skipped_with_a_warning(tmp_path) -> None:
    good = [write_tree(tmp_path / f"{i}.root", jetclass_arrays(COUNTS, seed=i)) for i in range(2)]
    (tmp_path / "bad.root").write_bytes(b"root" + b"\x00" * 50)
    files = [good[0], tmp_path / "bad.root", good[1]]
    refused("BAD-FILE", "bad.root", path_or_paths=files)
    with pytest.warns(JetlegoWarning, match=r"1 bad files were skipped: .*bad\.root"):
        jets = read_jets(files, on_bad_file="skip")
    assert jets.num_jets == 12
    assert set(jets.jet["file_index"]) == {0, 2}


def test_corrupt_basket_names_branch_and_entries(tmp_path) -> None:
    path = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS * 200), baskets=2)
    with uproot.open(path) as file:
        branch = file["tree"]["part_pz"]
        seek = branch.member("fBasketSeek")[1]
    data = bytearray(path.read_bytes())
    data[seek + 80 : seek + 400] = b"\xff" * 320
    path.write_bytes(data)
    refused("BAD-FILE", "'part_pz'", "entries 600 to 1200", path_or_paths=path, entries=(600, 1200))
    assert read_jets(path, entries=(0, 600)).num_jets == 600, "the intact basket can be read"


def test_no_tree_and_several_trees(tmp_path) -> None:
    empty = tmp_path / "empty.root"
    with uproot.recreate(empty) as file:
        file["h"] = np.histogram([1, 2, 3])
    refused("NO-TREE", "contains no tree", path_or_paths=empty)
    refused("NO-TREE", "contains no tree", path_or_paths=shared("data/formats/bad_delphes.root"))
    two = tmp_path / "two.root"
    arrays = jetclass_arrays(COUNTS)
    with uproot.recreate(two) as file:
        for name in ("first", "second"):
            file.mktree(name, {n: branch_type(a) for n, a in arrays.items()}).extend(arrays)
    refused("TREE-AMBIGUOUS", "first, second", kind=ConfigError, path_or_paths=two)
    refused("TREE-AMBIGUOUS", "first, second", kind=ConfigError, path_or_paths=two, schema="jetclass")


def test_the_highest_cycle_of_a_tree_is_read(tmp_path) -> None:
    path = tmp_path / "cycles.root"
    with uproot.recreate(path) as file:
        for counts in ([1, 2], COUNTS):
            arrays = jetclass_arrays(counts)
            file.mktree("tree", {n: branch_type(a) for n, a in arrays.items()}).extend(arrays)
    with pytest.warns(JetlegoWarning, match=r"cycles \[1, 2\]; the highest is read"):
        assert read_jets(path).num_jets == len(COUNTS)


def test_missing_branch_names_the_nearest(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["part_enrgy"] = arrays.pop("part_energy")
    path = write_tree(tmp_path / "a.root", arrays)
    refused("NO-BRANCH", str(path), "'part_energy'", "'part_enrgy'", path_or_paths=path, schema="jetclass")
    refused("NO-SCHEMA", "nearest is 'jetclass'", "part_energy", path_or_paths=path)
    good = write_tree(tmp_path / "b.root", jetclass_arrays(COUNTS))
    refused("NO-BRANCH", "'part_d0vall'", "'part_d0val'", path_or_paths=good, columns=["part_d0vall"])
    refused("NO-BRANCH", "'label_Top'", path_or_paths=good, classes={"top": "label_Top", "qcd": "label_QCD"})
    refused("BAD-VALUE", "'jetclas'", "'jetclass'", kind=ConfigError, path_or_paths=good, schema="jetclas")


@pytest.mark.parametrize("write", [write_tree, write_rntuple])
def test_constituent_branches_of_different_lengths(tmp_path, write) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["part_py"] = ak.unflatten(np.ones(sum(COUNTS), np.float32), [3, 0, 4, 2, 2, 8])
    path = write(tmp_path / "a.root", arrays)
    refused("RAGGED-MISMATCH", str(path), "entry 2", "5", "4", "part_py", path_or_paths=path)


def test_types_widen_between_files_and_columns_must_agree(tmp_path) -> None:
    a, b = jetclass_arrays(COUNTS), jetclass_arrays(COUNTS, seed=1)
    a["aux"], b["aux"] = np.arange(6, dtype=np.int32), np.arange(6, dtype=np.int64)
    files = [write_tree(tmp_path / "a.root", a), write_tree(tmp_path / "b.root", b)]
    with pytest.warns(JetlegoWarning, match=r"'aux' is int32 in .*a\.root and int64 in .*b\.root; widened"):
        assert read_jets(files, columns=["aux"]).jet["aux"].dtype == np.int64
    b["aux"] = np.linspace(0, 1, 6)
    files[1] = write_tree(tmp_path / "d.root", b)
    refused("TYPE-MISMATCH", "'aux' is int32", "d.root", path_or_paths=files, columns=["aux"])
    b.pop("part_d0val")
    files[1] = write_tree(tmp_path / "c.root", b)
    refused("TYPE-MISMATCH", f"{files[0]} has 'part_d0val', {files[1]} has not", "columns=", path_or_paths=files)
    assert read_jets(files, columns=["part_charge"]).num_jets == 12


def test_no_jets_is_an_error_only_in_total(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    none = {name: values[:0] for name, values in arrays.items()}
    empty, full = write_tree(tmp_path / "e.root", none), write_tree(tmp_path / "f.root", arrays)
    refused("NO-JETS", path_or_paths=empty)
    refused("NO-JETS", "6 jets", path_or_paths=full, where="jet_pt < 0")
    assert read_jets([empty, full]).num_jets == 6
    assert [part.num_jets for part in iterate_jets([full, empty], step=4)] == [4, 2]


def test_the_same_file_twice(tmp_path) -> None:
    path = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    copy, link = tmp_path / "b.root", tmp_path / "c.root"
    shutil.copy(path, copy)
    link.symlink_to(path)
    for other in (path, copy, link):
        refused("DUPLICATE-INPUT", str(path), str(other), path_or_paths=[path, other])
    with pytest.raises(DataError, match=r"\(train\) and .* \(test\) are the same file") as caught:
        check_splits({"train": [path], "test": [link]})
    assert caught.value.id == "SPLIT-LEAK"
    check_splits({"train": [path, copy]})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nonfinite_momenta(tmp_path, value) -> None:
    arrays = jetclass_arrays(COUNTS)
    flat = ak.flatten(arrays["part_pz"]).to_numpy().copy()
    flat[6] = value  # constituent 3 of jet 2
    arrays["part_pz"] = ak.unflatten(flat, COUNTS)
    path = write_tree(tmp_path / "a.root", arrays)
    refused("NONFINITE", str(path), "'part_pz' of constituent 3 of entry 2", kind=NonFiniteError, path_or_paths=path)
    with pytest.warns(JetlegoWarning, match="1 constituents"):
        assert read_jets(path, nonfinite="drop-particle").num_constituents.tolist() == [3, 0, 4, 1, 2, 8]
    with pytest.warns(JetlegoWarning, match="1 constituents"):
        assert read_jets(path, nonfinite="drop-jet").jet["event_index"].tolist() == [0, 1, 3, 4, 5]
    with pytest.warns(JetlegoWarning, match="1 constituents"):
        jets = read_jets(path, nonfinite="zero")
    assert jets.p4[6].tolist() == [0, 0, 0, 0]
    assert np.isfinite(jets.jet["jet_mass"]).all()


def test_nan_in_another_column_is_told(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["jet_pt"][2] = np.nan
    path = write_tree(tmp_path / "a.root", arrays)
    with pytest.warns(JetlegoWarning, match="column 'jet_pt' holds 1 NaN"):
        read_jets(path)


def test_odd_kinematics_are_counted(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    flat = {name: ak.flatten(arrays[name]).to_numpy().copy() for name in ("part_px", "part_py", "part_energy")}
    flat["part_px"][0] = flat["part_py"][0] = 0
    flat["part_energy"][1:3] = -1
    path = write_tree(tmp_path / "a.root", {**arrays, **{k: ak.unflatten(v, COUNTS) for k, v in flat.items()}})
    with pytest.warns(JetlegoWarning) as caught:
        read_jets(path)
    texts = " ".join(str(w.message) for w in caught)
    assert "1 constituents (0.053 of all) have pT = 0" in texts
    assert "2 constituents (0.11 of all) have E <= 0" in texts


def test_azimuths_are_wrapped(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["jet_phi"] = np.array([0.5, 3.5, 6.0, 1.0, -3.0, 4.0], np.float32)
    with pytest.warns(JetlegoWarning, match="3 jets have phi outside"):
        jets = read_jets(write_tree(tmp_path / "a.root", arrays))
    expected = np.array([0.5, 3.5 - 2 * np.pi, 6 - 2 * np.pi, 1, -3, 4 - 2 * np.pi])
    assert np.allclose(jets.jet["jet_phi"], expected, atol=1e-6)
    assert jets.jet["jet_phi"].dtype == np.float32


def test_weights(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["weight"] = np.array([1, -1, 2, 1, 1, 1], np.float32)
    with pytest.warns(JetlegoWarning, match="1 jets have negative weights"):
        assert read_jets(write_tree(tmp_path / "a.root", arrays)).weight.tolist() == [1, -1, 2, 1, 1, 1]
    arrays["weight"][:] = 0
    refused("WEIGHTS", "add up to 0", path_or_paths=write_tree(tmp_path / "b.root", arrays))
    arrays["weight"][3] = np.nan
    refused("WEIGHTS", "1 of 6", path_or_paths=write_tree(tmp_path / "c.root", arrays))


def test_classes_that_differ_between_files(tmp_path) -> None:
    a = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    b = write_tree(tmp_path / "b.root", jetclass_arrays(COUNTS, seed=1, classes=("QCD", "Wqq")))
    refused("LABELS", "a.root has the classes QCD, Tbqq;", "b.root has QCD, Wqq", path_or_paths=[a, b])


def test_odd_names_of_files_do_not_break_messages(tmp_path) -> None:
    path = tmp_path / "new\nline {n} \x1b[31m {share}.root"
    arrays = jetclass_arrays(COUNTS)
    arrays["jet_pt"] *= 1000
    write_tree(path, arrays)
    with pytest.warns(JetlegoWarning, match="momentum_unit") as caught:
        assert read_jets(path).num_jets == 6
    assert str(caught[0].message).isprintable()
    path.write_bytes(b"root" + bytes(30))
    assert refused("BAD-FILE", path_or_paths=path).isprintable()


def test_momenta_in_mev_are_told(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["jet_pt"] *= 1000
    with pytest.warns(JetlegoWarning, match=r"median jet pT is .*momentum_unit"):
        read_jets(write_tree(tmp_path / "a.root", arrays))


def test_labels_none_and_two(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["label_QCD"][:] = [1, 0, 0, 0, 1, 1]
    arrays["label_Tbqq"][:] = [0, 1, 0, 1, 1, 1]
    path = write_tree(tmp_path / "a.root", arrays)
    refused("LABELS", "of 6 jets 1 belong to none", "2 to several", path_or_paths=path)
    assert read_jets(path, where="label_QCD | label_Tbqq", entries=(0, 2)).num_jets == 2
    refused("LABELS", "of 6 jets 2 belong to none", path_or_paths=path, classes={"top": "label_Tbqq"})


def test_a_cut_must_be_one_bool_a_jet(tmp_path) -> None:
    path = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    refused("BAD-VALUE", "one bool a jet", kind=ConfigError, path_or_paths=path, where="jet_pt")
    refused("BAD-VALUE", "one bool a jet", kind=ConfigError, path_or_paths=path, where="part_px > 0")
    refused("BAD-VALUE", "one bool a jet", kind=ConfigError, path_or_paths=path, where=lambda jets: jets.p4)
    refused("EXPR-REFUSED", kind=ConfigError, path_or_paths=path, where="__import__('os').system('touch canary')")
