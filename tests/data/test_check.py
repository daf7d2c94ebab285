"""`check` finds what is wrong with jets, `summarize` says what is in them; faults are planted, numbers recounted."""

from __future__ import annotations

import hashlib

import awkward as ak
import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_rntuple, write_tree
from oracles.shared_folder import shared

from jetlego.data.check import check
from jetlego.data.containers.root import open_trees
from jetlego.data.duplicates import jet_keys
from jetlego.data.read import read_jets
from jetlego.data.summary import describe_files, summarize
from jetlego.errors import DataError

COUNTS = [3, 0, 5, 1, 2, 8, 4]


def test_clean_files_have_nothing_to_report(tmp_path) -> None:
    files = [write_tree(tmp_path / f"{i}.root", jetclass_arrays(COUNTS, seed=i)) for i in range(2)]
    report = check(files, step=3, hashes=True)
    assert report.ok
    assert report.num_jets == 14
    assert report.num_empty == 2
    assert report.num_duplicates == 0
    assert report.labels == {"QCD": 8, "Tbqq": 6}
    assert not report.nonfinite
    assert not report.oddities
    assert all(not file.notes for file in report.files)
    assert report.files[1].sha256 == hashlib.sha256(files[1].read_bytes()).hexdigest()


def test_every_planted_fault_is_counted(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    names = ("part_px", "part_py", "part_energy", "part_d0val")
    flat = {name: ak.flatten(arrays[name]).to_numpy().copy() for name in names}
    flat["part_px"][[3, 9]] = np.nan
    flat["part_energy"][0] = 1e-3
    flat["part_d0val"][5] = np.inf
    arrays |= {name: ak.unflatten(values, COUNTS) for name, values in flat.items()}
    arrays["label_QCD"][0], arrays["label_Tbqq"][2] = 0, 1
    arrays["jet_pt"] *= 1000
    arrays["weight"] = np.array([1, -1, 1, np.nan, 1, 1, 1], np.float32)
    report = check(write_tree(tmp_path / "a.root", arrays), step=2)
    assert not report.ok
    assert report.nonfinite == {"momentum": 2, "part_d0val": 1}
    assert report.oddities == {"E < p": 1}
    assert report.labels == {"QCD": 2, "Tbqq": 3, "none": 1, "several": 1}
    assert report.num_negative_weights == 1
    (file,) = report.files
    assert [fault.partition(":")[0] for fault in file.faults] == ["LABELS", "LABELS", "WEIGHTS"]
    assert "momentum_unit" in " ".join(file.notes)


def test_files_that_cannot_be_read_do_not_stop_the_look(tmp_path) -> None:
    good = write_tree(tmp_path / "good.root", jetclass_arrays(COUNTS))
    (tmp_path / "bad.root").write_bytes(b"<html>")
    report = check([tmp_path / "bad.root", good])
    assert [len(file.faults) for file in report.files] == [1, 0]
    assert report.files[0].faults[0].startswith("NOT-ROOT: ")
    assert report.num_jets == 7
    with pytest.raises(DataError, match="no file matches"):
        check(tmp_path / "absent.root")


def test_duplicates_are_found_across_files_and_near_misses_are_not(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    again = {name: values[[2, 5]] for name, values in arrays.items()}
    other = jetclass_arrays([5, 8], seed=9)
    near = {name: ak.concatenate([again[name], other[name]]) for name in arrays}
    near = {n: v.to_numpy() if v.ndim == 1 else v for n, v in near.items()}
    files = [write_tree(tmp_path / "a.root", arrays), write_tree(tmp_path / "b.root", near)]
    assert check(files).num_duplicates == 2
    jets = read_jets(files[0])
    permuted = jets.select(np.arange(7))
    permuted.p4[[3, 4]] = permuted.p4[[4, 3]]
    assert (jet_keys(permuted) == jet_keys(jets)).sum() == 6, "the order of constituents counts"


def test_a_jetclass_name_at_odds_with_its_truth(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS, classes=("QCD",))
    right = write_tree(tmp_path / "ZJetsToNuNu_000.root", arrays)
    wrong = write_tree(tmp_path / "TTBar_000.root", jetclass_arrays(COUNTS, seed=1, classes=("QCD",)))
    report = check([right, wrong])
    assert report.files[0].notes == []
    assert "the name says TTBar, that is Tbqq, but jets are QCD" in report.files[1].notes[0]


def test_flipped_bits_in_rntuple_pages_are_found(tmp_path) -> None:
    clean = shared("data/formats/nano_dy_rntuple.root").read_bytes()
    path = tmp_path / "a.root"
    path.write_bytes(clean)
    (table,) = open_trees(path)
    with table:
        assert table.damaged_pages() == []
        pages = [page.locator for columns in table._tree.page_link_list for link in columns for page in link.pages]
        for locator in pages[:: len(pages) // 40]:
            data = bytearray(clean)
            data[locator.offset + locator.num_bytes // 2] ^= 4
            path.write_bytes(data)
            shared_by = [page.offset for page in pages].count(locator.offset)  # ROOT stores equal pages once
            assert len(table.damaged_pages()) == shared_by
    report = check(path)
    assert not report.ok
    assert "the checksum of" in report.files[0].faults[0]
    assert ", cluster 0, page " in report.files[0].faults[0]


def test_rntuples_without_checksums_are_told(tmp_path) -> None:
    report = check(write_rntuple(tmp_path / "a.root", jetclass_arrays(COUNTS)))
    assert report.ok
    assert "its pages carry no checksums" in report.files[0].notes[0]


def test_summary_counts_and_ranges(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["weight"] = np.linspace(1, 4, 7).astype(np.float32)
    jets = read_jets(write_tree(tmp_path / "a.root", arrays))
    summary = summarize(jets)
    assert (summary.num_jets, summary.num_constituents, summary.num_empty) == (7, 23, 1)
    assert summary.classes == {"QCD": 4, "Tbqq": 3}
    assert summary.num_unlabelled == 0
    assert summary.sum_of_weights == pytest.approx(17.5)
    ranges = {r.name: r for r in summary.ranges}
    assert (ranges["multiplicity"].minimum, ranges["multiplicity"].median, ranges["multiplicity"].maximum) == (0, 3, 8)
    energy = np.sort(ak.flatten(arrays["part_energy"]).to_numpy().astype(float))
    assert (ranges["part_energy"].minimum, ranges["part_energy"].median) == (energy[0], energy[11])
    assert ranges["jet_pt"].level == "jet"
    assert "event_index" not in ranges


def test_files_are_described_without_reading_jets(tmp_path) -> None:
    files = [write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS)),
             write_rntuple(tmp_path / "b.root", jetclass_arrays([1]))]  # fmt: skip
    found = describe_files(files)
    assert [(f.schema, f.container, f.tree, f.num_entries) for f in found] == [
        ("jetclass", "root", "tree", 7), ("jetclass", "root", "tree", 1)]  # fmt: skip
    assert found[0].num_bytes == files[0].stat().st_size
