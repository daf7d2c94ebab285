"""The embedded jets: their names, and every fact that their data card states."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from sklearn.metrics import roc_auc_score

from jetlego.conventions import JETCLASS_LABELS
from jetlego.data.read import read_jets
from jetlego.data.sample import CLASSES, FOLDER, SPLITS, data_card, resolve, sample_names
from jetlego.errors import DataError
from jetlego.physics.kinematics import jet_p4, mass, pt


def load(name, columns=None):
    arrays = [uproot.open(f"{path}:tree").arrays(columns) for path in resolve(name)]
    return ak.concatenate(arrays)


@pytest.fixture(scope="module")
def jets():
    return {f"{c}/{s}": load(f"sample://{c}/{s}") for c in CLASSES for s in SPLITS}


def table_rows(card, columns):
    """Return the rows of the card's tables with that number of columns, cells stripped."""
    lines = [line.strip("|").split("|") for line in card.splitlines() if line.startswith("|")]
    rows = [[cell.strip(" `") for cell in line] for line in lines]
    return [row for row in rows if len(row) == columns and not set(row[0]) <= set("-")]


def test_names_resolve_to_files():
    assert [path.name for path in resolve("sample://top")] == ["top_train.root", "top_val.root", "top_test.root"]
    assert [path.name for path in resolve("sample://qcd/test")] == ["qcd_test.root"]
    assert all(path.is_file() for name in sample_names() for path in resolve(name))


@pytest.mark.parametrize(
    ("wrong", "near"), [("sample://tpo", "sample://top"), ("sample://qcd/tst", "sample://qcd/test")]
)
def test_wrong_names_tell_the_nearest(wrong, near):
    with pytest.raises(DataError, match=re.escape(f"'{near}'")) as caught:
        resolve(wrong)
    assert caught.value.id == "NO-FILES"


def test_there_are_enough_jets_in_twelve_megabytes(jets):
    for name in CLASSES:
        assert sum(len(jets[f"{name}/{split}"]) for split in SPLITS) >= 5000
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) <= 12_000_000


@pytest.mark.parametrize("split", [*SPLITS, "all"])
@pytest.mark.parametrize("column", ["jet_pt", "jet_eta"])
def test_pt_and_eta_alone_tell_nothing(jets, split, column):
    splits = SPLITS if split == "all" else (split,)
    values = [np.abs(np.concatenate([ak.to_numpy(jets[f"{c}/{s}"][column]) for s in splits])) for c in CLASSES]
    truth = np.repeat([1, 0], [len(v) for v in values])
    assert roc_auc_score(truth, np.concatenate(values)) == pytest.approx(0.5, abs=0.02)


def test_row_by_row_both_classes_share_a_bin(jets):
    for split in SPLITS:
        top, qcd = (jets[f"{c}/{split}"] for c in CLASSES)
        assert len(top) == len(qcd)
        assert np.abs(ak.to_numpy(top.jet_pt) - ak.to_numpy(qcd.jet_pt)).max() < 20.01
        assert np.abs(np.abs(ak.to_numpy(top.jet_eta)) - np.abs(ak.to_numpy(qcd.jet_eta))).max() < 0.2501


@pytest.mark.parametrize("name", CLASSES)
def test_no_event_is_in_two_splits(jets, name):
    events = [set(jets[f"{name}/{split}"].aux_event.tolist()) for split in SPLITS]
    assert not events[0] & events[1]
    assert not events[0] & events[2]
    assert not events[1] & events[2]
    first = [ak.to_numpy(ak.firsts(jets[f"{name}/{split}"].part_energy)) for split in SPLITS]
    energy = [ak.to_numpy(jets[f"{name}/{split}"].jet_energy) for split in SPLITS]
    momenta = np.stack([np.concatenate(first), np.concatenate(energy)], axis=1)
    assert len(np.unique(momenta, axis=0)) == len(momenta)  # no jet is there twice


@pytest.mark.parametrize("name", CLASSES)
def test_jets_are_selected_labeled_and_the_sum_of_their_constituents(jets, name):
    label = {"top": "label_Tbqq", "qcd": "label_QCD"}[name]
    for split in SPLITS:
        arrays = jets[f"{name}/{split}"]
        assert ak.all((arrays.jet_pt > 500) & (arrays.jet_pt < 1000) & (abs(arrays.jet_eta) < 2))
        assert ak.all(arrays[label])
        assert ak.sum([ak.sum(arrays[other]) for other in JETCLASS_LABELS]) == len(arrays)
        assert ak.all(arrays.jet_nparticles == ak.num(arrays.part_px))
        px, py = (ak.sum(ak.values_astype(arrays[f"part_{c}"], np.float64), axis=1) for c in ("px", "py"))
        np.testing.assert_allclose(np.hypot(px, py), arrays.jet_pt, rtol=1e-5)
        assert set(np.unique(ak.to_numpy(arrays.aux_truth_match))) == {"top": {11, 12}, "qcd": {50}}[name]


def test_no_particle_is_spacelike(jets):
    for arrays in jets.values():
        p = [ak.to_numpy(ak.flatten(arrays[f"part_{c}"])).astype(np.longdouble) for c in ("px", "py", "pz", "energy")]
        assert (p[3] ** 2 >= p[0] ** 2 + p[1] ** 2 + p[2] ** 2).all()


def test_top_jets_are_heavy_and_three_pronged(jets):
    top, qcd = jets["top/test"], jets["qcd/test"]
    assert 130 < np.median(top.jet_sdmass) < 185
    assert np.median(qcd.jet_sdmass) < 60
    ratio = [np.median(ak.to_numpy(a.jet_tau3) / ak.to_numpy(a.jet_tau2)) for a in (top, qcd)]
    assert ratio[0] < ratio[1] - 0.05


def test_the_readers_take_the_names():
    jets = read_jets(["sample://top/val", "sample://qcd/val"])
    assert jets.num_jets == sum(len(load(f"sample://{c}/val", ["jet_pt"])) for c in CLASSES)
    axis = jet_p4(jets.p4, jets.jet_ptr)
    np.testing.assert_allclose(pt(axis), jets.jet["jet_pt"], rtol=1e-5)
    assert (mass(axis) > 0).all()


def test_the_card_states_files_as_they_are(jets):
    rows = {row[0]: row[1:] for row in table_rows(data_card(), 6) if row[0].endswith(".root")}
    assert set(rows) == {f"{c}_{s}.root" for c in CLASSES for s in SPLITS}
    for file, (count, events, constituents, size, digest) in rows.items():
        arrays, data = jets[file.removesuffix(".root").replace("_", "/")], (FOLDER / file).read_bytes()
        assert int(count) == len(arrays)
        assert int(events) == len(set(arrays.aux_event.tolist()))
        assert float(constituents) == pytest.approx(ak.mean(arrays.jet_nparticles), abs=0.051)
        assert int(size) == len(data)
        assert hashlib.sha256(data).hexdigest().startswith(digest)


def test_the_card_states_how_many_bits_are_kept(jets):
    words = re.search(r"Bits of the mantissa that are kept: ([^.]*)\.", data_card()).group(1)
    bits = {name: int(number) for name, number in re.findall(r"([a-z0-9, ]+?) (\d+)(?:,|$)\s*", words)}
    names = {
        "momentum": ("part_px", "part_py", "part_pz"), "energy": ("part_energy",),
        "d0, dz": ("part_d0val", "part_dzval"), "errors": ("part_d0err", "part_dzerr"),
        "jet": ("jet_pt", "jet_sdmass", "jet_tau2"), "aux": ("aux_genpart_pt",),
    }  # fmt: skip
    assert set(bits) == set(names)
    for kind, columns in names.items():
        for column in columns:
            values = ak.to_numpy(ak.flatten(jets["top/test"][column], axis=None)).astype(np.float32)
            cut = (1 << (23 - bits[kind])) - 1
            assert not (values.view(np.uint32) & cut).any(), column
            assert (values.view(np.uint32) & (cut + 1)).any(), column  # and not fewer


def test_the_card_states_what_pt_and_eta_tell(jets):
    stated = {row[0]: [float(x) for x in row[1:]] for row in table_rows(data_card(), 3) if row[0] in (*SPLITS, "all")}
    assert set(stated) == {*SPLITS, "all"}
    for split, values in stated.items():
        splits = SPLITS if split == "all" else (split,)
        for column, value in zip(("jet_pt", "jet_eta"), values, strict=True):
            of = [np.abs(np.concatenate([ak.to_numpy(jets[f"{c}/{s}"][column]) for s in splits])) for c in CLASSES]
            truth = np.repeat([1, 0], [len(v) for v in of])
            assert roc_auc_score(truth, np.concatenate(of)) == pytest.approx(value, abs=6e-4)


def test_small_file_of_all_ten_classes():
    """tests/data/jets10.root, for every test that needs a few jets of each class."""
    path = Path(__file__).with_name("jets10.root")
    assert path.stat().st_size < 300_000
    jets = read_jets(path)
    assert jets.num_jets == 200
    np.testing.assert_array_equal(jets.label, np.repeat(np.arange(10), 20))
    assert jets.classes == tuple(name.removeprefix("label_") for name in JETCLASS_LABELS)
    np.testing.assert_allclose(pt(jet_p4(jets.p4, jets.jet_ptr)), jets.jet["jet_pt"], rtol=1e-5)
