"""What reading does with values that cannot be: not finite, impossible, of another unit or no class (faults 58-69)."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_tree
from oracles.refusals import refused

from jetlego.data.check import check
from jetlego.data.features import constituent_features, jet_features
from jetlego.data.labels import told_absent
from jetlego.data.read import read_jets
from jetlego.errors import JetlegoWarning, NonFiniteError

COUNTS = [3, 0, 5, 1, 2, 8]


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


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nonfinite_values_beside_the_momenta(tmp_path, value) -> None:
    arrays = jetclass_arrays(COUNTS)
    flat = ak.flatten(arrays["part_d0val"]).to_numpy().copy()
    flat[4] = value  # constituent 1 of jet 2
    arrays["part_d0val"], arrays["jet_pt"][4] = ak.unflatten(flat, COUNTS), value
    path = write_tree(tmp_path / "a.root", arrays)
    refused("NONFINITE", str(path), "'part_d0val' of constituent 1 of entry 2", "impute", kind=NonFiniteError,
            path_or_paths=path)  # fmt: skip
    refused("NONFINITE", "'jet_pt' of entry 4, jet 0", kind=NonFiniteError, path_or_paths=path, columns=["jet_pt"])
    told = {"drop-particle": "dropped", "drop-jet": "dropped with", "zero": "set to zero", "impute": "training median"}
    for how, counts in (("drop-particle", [3, 0, 4, 1, 8]), ("drop-jet", [3, 0, 1, 8]), ("zero", COUNTS),
                        ("impute", COUNTS)):  # fmt: skip
        with pytest.warns(JetlegoWarning) as caught:
            jets = read_jets(path, nonfinite=how)
        texts = [str(warning.message) for warning in caught]
        for name in ("part_d0val", "jet_pt"):
            assert any(f"1 NaN or infinite values of '{name}' were" in t and told[how] in t for t in texts), texts
        assert jets.num_constituents.tolist() == counts
        kept = jets.constituents["part_d0val"]
        assert np.isfinite(kept).sum() == len(kept) - (how == "impute")
        if how == "zero":
            assert (kept[4], jets.jet["jet_pt"][4]) == (0, 0)


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
    refused("LABELS", "of 6 jets 1 belong to none of the classes, 2 belong to several", path_or_paths=path)
    assert read_jets(path, where="label_QCD | label_Tbqq", entries=(0, 2)).num_jets == 2
    refused("LABELS", "of 6 jets 2 belong to none", path_or_paths=path, classes={"top": "label_Tbqq"})


def test_class_numbers_that_are_negative_unseen_or_nan(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["flavour"] = np.array([0, 1, -7, 2, 9, np.nan])
    path = write_tree(tmp_path / "a.root", arrays)
    schema = {"base": "jetclass", "label": {"column": "flavour", "classes": ["a", "b"]}}
    words = "1 belong to none of the classes, 1 have a negative class number, 2 have a class number that no class has"
    refused("LABELS", words, path_or_paths=path, schema=schema)
    refused("LABELS", words, path_or_paths=path, schema=schema, classes={"one": "a", "two": "b"})
    unlabelled = {"base": "jetclass", "label": {"column": "flavour", "classes": ["a", "b"], "unmatched": "unlabelled"}}
    assert read_jets(path, schema=unlabelled).label.tolist() == [0, 1, -1, -1, -1, -1]
    report = check(path, schema=schema)
    assert report.labels == {"a": 1, "b": 1, "negative": 1, "unseen": 2, "none": 1}
    assert len(report.files[0].faults) == 3
    arrays["label_QCD"] = np.array([1, np.nan, 0, 1, -1, 1], np.float32)  # neither NaN nor -1 counts as set
    arrays["label_Tbqq"] = np.array([0, 1, 1, 0, 1, 0], np.float32)
    assert read_jets(write_tree(tmp_path / "b.root", arrays)).label.tolist() == [0, 1, 1, 0, 1, 0]


def test_a_class_that_no_jet_has() -> None:
    assert not told_absent(np.array([1, 2]), ("a", "b"), what="the training jets")
    told = told_absent(np.array([1, 0, 1, 0]), ("a", "b", "c", "d"), what="the training jets")
    assert "the training jets hold no jet of the classes b, d" in told
    assert "a 1, c 1" in told


def test_jets_of_no_one_and_ten_thousand_constituents(tmp_path) -> None:
    counts = [0, 1, 10_000, 2]
    arrays = jetclass_arrays(counts)
    path = write_tree(tmp_path / "a.root", arrays)
    whole = read_jets(path)
    assert whole.num_constituents.tolist() == counts
    assert np.isfinite(constituent_features(whole, "kin")).all()
    assert np.isfinite(jet_features(whole, ["jet_mass", "jet_width", "jet_ptd"])).all()
    with pytest.warns(JetlegoWarning, match="1 jets have more than 128 constituents; the hardest are kept") as caught:
        capped = read_jets(path, max_constituents=128)
    assert len(caught) == 1
    assert capped.num_constituents.tolist() == [0, 1, 128, 2]
    assert capped.jet["jet_nparticles"].tolist() == counts
    assert np.array_equal(capped.jet["jet_mass"], whole.jet["jet_mass"]), "the jet is that of all its constituents"
    rows = slice(whole.jet_ptr[2], whole.jet_ptr[3])
    pt = np.hypot(*whole.p4[rows, :2].T)
    hardest = np.sort(np.argsort(-pt, kind="stable")[:128])
    assert np.array_equal(capped.p4[1:129], whole.p4[rows][hardest]), "hardest, in the order of the file"
    assert np.array_equal(capped.constituents["part_d0val"][1:129], whole.constituents["part_d0val"][rows][hardest])


def test_huge_tiny_and_equal_momenta_give_finite_features(tmp_path) -> None:
    arrays = jetclass_arrays([4])
    for name in ("part_px", "part_py", "part_pz"):
        arrays[name] = ak.unflatten(np.array([1e30, 1e-40, 3, 3], np.float32), [4])
    arrays["part_energy"] = ak.unflatten(np.array([2e30, 2e-40, 6, 6], np.float32), [4])
    jets = read_jets(write_tree(tmp_path / "a.root", arrays))
    for name in ("kin", "pfn", "mpnn"):
        assert np.isfinite(constituent_features(jets, name)).all(), name


def test_momenta_below_and_above_gev(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["jet_pt"] = arrays["jet_pt"] / 1e6
    with pytest.warns(JetlegoWarning, match=r"median jet pT is 0\.000.* GeV; does the schema key momentum_unit fit"):
        read_jets(write_tree(tmp_path / "a.root", arrays))
