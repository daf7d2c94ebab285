"""What reading says when files, trees or branches are wrong (reliability, faults 41 to 55)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from oracles.jet_files import branch_type, jetclass_arrays, write_rntuple, write_tree
from oracles.refusals import refused
from oracles.shared_folder import shared

from jetlego.data.convert import convert
from jetlego.data.files import check_splits, fingerprint
from jetlego.data.read import iterate_jets, read_jets
from jetlego.data.stamps import Stamp
from jetlego.data.tally import Tally
from jetlego.errors import ConfigError, DataError, JetlegoWarning

COUNTS = [3, 0, 5, 1, 2, 8]


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


def replaced_by(path, arrays):
    """Write other jets over a file."""
    write_tree(path.with_suffix(".new"), arrays)
    path.with_suffix(".new").replace(path)


def test_a_file_that_changes_while_it_is_read(tmp_path) -> None:
    files = [write_tree(tmp_path / f"{i}.root", jetclass_arrays(COUNTS, seed=i), baskets=3) for i in range(2)]
    for changed in (files[1], files[0]):  # the next file; the one that is open, seen at its end
        stream = iterate_jets(files, step=2)
        assert next(stream).num_jets == 2
        replaced_by(changed, jetclass_arrays([*COUNTS, 1], seed=7))
        with pytest.raises(DataError, match=f"{changed.name} has .* bytes, when reading began it had") as caught:
            list(stream)
        assert caught.value.id == "FILE-CHANGED"
    stream = iterate_jets(files, step=2, on_bad_file="skip")
    next(stream)
    files[1].unlink()
    with pytest.raises(DataError, match="is gone"):
        list(stream)


def test_a_stamp_knows_a_touched_file_by_its_hash(tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"jets")
    plain, hashed = Stamp.of(path), Stamp.of(path, sha256=fingerprint(path))
    plain.require(path)
    os.utime(path, ns=(0, 10**18))
    hashed.require(path)
    with pytest.raises(DataError, match="was written to since"):
        plain.require(path)
    path.write_bytes(b"JETS")
    with pytest.raises(DataError, match="was written to since"):
        hashed.require(path)


@pytest.mark.parametrize("ending", [".root", ".h5", ".parquet"])
def test_paths_with_spaces_and_bytes_that_are_no_text(tmp_path, ending) -> None:
    source = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/with space \xc3\xa9 \xff" + ending.encode()))
    convert(source, tmp_path / f"b{ending}")
    (tmp_path / f"b{ending}").rename(odd)
    assert read_jets(odd).num_jets == 6
    odd.write_bytes(odd.read_bytes()[:60])
    assert refused("BAD-FILE", path_or_paths=odd).isprintable()


def test_skipped_files_are_counted_for_the_caller(tmp_path) -> None:
    good = write_tree(tmp_path / "good.root", jetclass_arrays(COUNTS))
    (tmp_path / "bad.root").write_bytes(b"root" + bytes(50))
    tally = Tally()
    with pytest.warns(JetlegoWarning, match="1 bad files were skipped"):
        read_jets([tmp_path / "bad.root", good], on_bad_file="skip", tally=tally)
    assert len(tally.bad_files) == 1
    assert "bad.root" in tally.bad_files[0]
    assert (tally.jets, tally.kept) == (6, 6)


def test_a_cut_must_be_one_bool_a_jet(tmp_path) -> None:
    path = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    refused("BAD-VALUE", "one bool a jet", kind=ConfigError, path_or_paths=path, where="jet_pt")
    refused("BAD-VALUE", "one bool a jet", kind=ConfigError, path_or_paths=path, where="part_px > 0")
    refused("BAD-VALUE", "one bool a jet", kind=ConfigError, path_or_paths=path, where=lambda jets: jets.p4)
    refused("EXPR-REFUSED", kind=ConfigError, path_or_paths=path, where="__import__('os').system('touch canary')")
