"""HDF5 and npz layouts, written here exactly as documented, against the lists they were made from."""

from __future__ import annotations

import itertools
import zipfile

import h5py
import numpy as np
import pytest

from jetlego.data.jets import Jets
from jetlego.data.read import iterate_jets, read_jets
from jetlego.errors import ConfigError, DataError, JetlegoWarning
from jetlego.physics import kinematics

COUNTS = [3, 1, 6, 2, 5, 4]
PTR = np.concatenate([[0], np.cumsum(COUNTS)])


def made(*, massless: bool = True, seed: int = 0) -> np.ndarray:
    """Return (P, 4) float64 momenta of about 100 GeV a jet."""
    rng = np.random.default_rng(seed)
    pt, eta, phi = rng.uniform(5, 60, PTR[-1]), rng.uniform(-1, 1, PTR[-1]), rng.uniform(-3, 3, PTR[-1])
    return kinematics.p4_from_pt_eta_phi_mass(pt, eta, phi, 0.0 if massless else 0.14)


def padded(values: np.ndarray, slots: int, *, fill: float = 0.0) -> np.ndarray:
    """Return (B, slots) with each jet's values at the front."""
    out = np.full((len(COUNTS), slots), fill, values.dtype)
    for b, (start, stop) in enumerate(itertools.pairwise(PTR)):
        out[b, : stop - start] = values[start:stop]
    return out


def check(jets: Jets, p4: np.ndarray, *, rtol: float = 1e-6, atol: float = 1e-5) -> None:
    assert jets.num_constituents.tolist() == COUNTS
    assert np.allclose(jets.p4, p4, rtol=rtol, atol=atol)


def write_top_tagging(path, p4: np.ndarray, *, fixed: bool = False) -> None:
    rows = np.zeros((len(COUNTS), 804), np.float32)
    for i, component in enumerate((3, 0, 1, 2)):
        rows[:, i:800:4] = padded(p4[:, component].astype(np.float32), 200)
    rows[1::2, 800:] = [500, 300, 400, 0]
    flags = np.stack([np.arange(6) % 3, np.arange(6) % 2], axis=1).astype(np.int64)
    with h5py.File(path, "w") as file:
        group = file.create_group("table")
        if fixed:
            names = [f"{c}_{i}" for i in range(200) for c in ("E", "PX", "PY", "PZ")]
            group["axis0"] = np.array([*names, "truthE", "truthPX", "truthPY", "truthPZ", "ttv", "is_signal_new"], "S")
            group["axis1"] = np.arange(6)
            group["block0_values"], group["block1_values"] = rows, flags
            return
        kind = np.dtype([("index", "<i8"), ("values_block_0", "<f4", (804,)), ("values_block_1", "<i8", (2,))])
        table = np.zeros(6, kind)
        table["index"], table["values_block_0"], table["values_block_1"] = np.arange(6), rows, flags
        data = group.create_dataset("table", data=table, chunks=(4,), compression="gzip")
        data.attrs["values_block_0_kind"] = np.void(b"cos\nsystem\n(S'touch canary'\ntR.")  # never unpickled


@pytest.mark.parametrize("fixed", [False, True])
def test_top_tagging(tmp_path, fixed, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    p4 = made()
    write_top_tagging(tmp_path / "test.h5", p4, fixed=fixed)
    jets = read_jets(tmp_path / "test.h5")
    check(jets, p4)
    assert jets.classes == ("QCD", "top")
    assert jets.label.tolist() == [0, 1, 0, 1, 0, 1], "the last row is there too"
    assert jets.jet["truthE"].tolist() == [0, 500, 0, 500, 0, 500]
    assert not (tmp_path / "canary").exists()
    assert np.array_equal(Jets.concatenate(list(iterate_jets(tmp_path / "test.h5", step=4))).p4, jets.p4)
    top = read_jets(tmp_path / "test.h5", classes={"top": "top", "other": "QCD"}, columns=[])
    assert top.label.tolist() == [1, 0, 1, 0, 1, 0]


def test_another_version_of_top_tagging_is_refused(tmp_path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        kind = np.dtype([("index", "<i8"), ("values_block_0", "<f4", (404,)), ("values_block_1", "<i8", (2,))])
        file.create_group("table")["table"] = np.zeros(3, kind)
    with pytest.raises(DataError, match="is 404, not 804"):
        read_jets(tmp_path / "x.h5")


@pytest.mark.parametrize("order", ["C", "F"])
def test_quark_gluon(tmp_path, order) -> None:
    p4 = made()
    pdgid = np.resize([22.0, 211, -211, 2112, 13], len(p4))
    columns = (np.hypot(p4[:, 0], p4[:, 1]), kinematics.rapidity(p4), kinematics.phi(p4), pdgid)
    x = np.stack([padded(c, 9) for c in columns], axis=-1)
    y = np.array([1.0, 0, 0, 1, 1, 0])
    np.savez_compressed(tmp_path / "QG_jets.npz", X=np.asarray(x, order=order), y=y)
    jets = read_jets(tmp_path / "QG_jets.npz")
    check(jets, p4, rtol=1e-12)
    assert jets.classes == ("gluon", "quark")
    assert jets.label.tolist() == y.tolist()
    assert jets.constituents["part_pdgid"].tolist() == pdgid.tolist()
    pieces = list(iterate_jets(tmp_path / "QG_jets.npz", step=4))
    assert [p.num_jets for p in pieces] == [4, 2]
    assert np.array_equal(Jets.concatenate(pieces).p4, jets.p4)
    massive = read_jets(tmp_path / "QG_jets.npz", schema={"base": "quark_gluon", "particles": {"pdg_mass": True}})
    known = {22: 0.0, 211: 0.13957, 2112: 0.93957, 13: 0.10566}
    expected = [known[abs(int(code))] for code in pdgid]
    assert np.allclose(kinematics.mass(massive.p4), expected, atol=1e-4)
    assert np.allclose(kinematics.rapidity(massive.p4), kinematics.rapidity(p4), atol=1e-9)


def test_npz_with_python_objects_or_impossible_sizes_is_refused(tmp_path) -> None:
    np.savez(tmp_path / "o.npz", X=np.array([{}], dtype=object), y=np.zeros(1))
    with pytest.raises(DataError) as caught:
        read_jets(tmp_path / "o.npz")
    assert caught.value.id == "UNSAFE-PICKLE"
    np.savez(tmp_path / "t.npz", X=np.zeros((5, 3, 4)), y=np.zeros(5))
    with zipfile.ZipFile(tmp_path / "t.npz") as old, zipfile.ZipFile(tmp_path / "short.npz", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[:-40])
    with pytest.raises(DataError, match="ends too early"):
        read_jets(tmp_path / "short.npz")
    data = (tmp_path / "t.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(data[:300])
    with pytest.raises(DataError, match="cannot be opened as npz"):
        read_jets(tmp_path / "cut.npz")


def test_jetnet(tmp_path) -> None:
    p4 = made()
    jet_pt, jet_eta = np.linspace(800, 1000, 6), np.linspace(-1, 1, 6)
    owner = np.repeat(np.arange(6), COUNTS)
    columns = (kinematics.eta(p4) - jet_eta[owner], kinematics.phi(p4), kinematics.pt(p4) / jet_pt[owner],
               np.ones(len(p4)))  # fmt: skip
    with h5py.File(tmp_path / "t.hdf5", "w") as file:
        file["particle_features"] = np.stack([padded(c, 30) for c in columns], axis=-1)
        file["jet_features"] = np.stack([jet_pt, jet_eta, np.full(6, 170.0), COUNTS], axis=-1)
    jets = read_jets(tmp_path / "t.hdf5")
    check(jets, p4)
    assert jets.classes == ("g", "q", "t", "w", "z")
    assert set(jets.label.tolist()) == {2}
    assert jets.jet["jet_nparticles"].tolist() == COUNTS
    assert jets.jet["jet_mass"].tolist() == [170.0] * 6
    assert jets.jet["jet_phi"].tolist() == [0.0] * 6
    (tmp_path / "t.hdf5").rename(tmp_path / "g150.hdf5")
    assert set(read_jets(tmp_path / "g150.hdf5").label.tolist()) == {0}


def write_atlas(path, p4: np.ndarray, *, weights: str | None = "training_weights") -> None:
    with h5py.File(path, "w") as file:
        for name, values in (("pt", kinematics.pt(p4) * 1e3), ("E", p4[:, 3] * 1e3), ("eta", kinematics.eta(p4)),
                             ("phi", kinematics.phi(p4))):  # fmt: skip
            file[f"fjet_clus_{name}"] = padded(values.astype(np.float32), 200)
        total = kinematics.jet_p4(p4, PTR)
        for name, values in (("pt", kinematics.pt(total) * 1e3), ("m", kinematics.mass(total) * 1e3),
                             ("eta", kinematics.eta(total)), ("phi", kinematics.phi(total)),
                             ("ECF2", np.full(6, 4e6)), ("C2", np.full(6, 0.25))):  # fmt: skip
            file[f"fjet_{name}"] = values.astype(np.float32)
        file["labels"] = (np.arange(6) % 2).astype(np.int64)
        if weights is not None:
            file[weights] = np.linspace(0.5, 1.5, 6)


@pytest.mark.parametrize("weights", ["training_weights", "weights"])
def test_atlas_top_tagging_in_gev_with_weights(tmp_path, weights) -> None:
    p4 = made()
    write_atlas(tmp_path / "a.h5", p4, weights=weights)
    jets = read_jets(tmp_path / "a.h5")
    check(jets, p4)
    assert np.allclose(jets.jet["jet_mass"], kinematics.mass(kinematics.jet_p4(p4, PTR)), rtol=1e-5)
    assert jets.jet["fjet_ECF2"].tolist() == [4.0] * 6, "MeV^2"
    assert jets.jet["fjet_C2"].tolist() == [0.25] * 6
    assert np.allclose(jets.weight, np.linspace(0.5, 1.5, 6))
    assert jets.weight.dtype == np.float32
    assert jets.label.tolist() == [0, 1] * 3


def test_atlas_weights_are_not_optional_unless_said(tmp_path) -> None:
    write_atlas(tmp_path / "a.h5", made(), weights=None)
    with pytest.raises(DataError, match="'training_weights'"):
        read_jets(tmp_path / "a.h5", schema="atlas_top")
    assert read_jets(tmp_path / "a.h5", schema={"base": "atlas_top", "weight": None}).weight is None


def test_mev_taken_for_gev_is_told(tmp_path) -> None:
    write_atlas(tmp_path / "a.h5", made())
    with pytest.warns(JetlegoWarning, match="momentum_unit"):
        read_jets(tmp_path / "a.h5", schema={"base": "atlas_top", "momentum_unit": "GeV"})


@pytest.mark.parametrize("width", [4, 9])
def test_omnilearned(tmp_path, width) -> None:
    p4 = made()
    p4[3] = kinematics.p4_from_pt_eta_phi_mass(1.0, 0.0, 0.3, 0.0)  # ln pT and ln E are 0, yet it is a particle
    columns = [kinematics.eta(p4), kinematics.phi(p4), np.log(kinematics.pt(p4)), np.log(p4[:, 3])]
    columns += [np.full(len(p4), float(i)) for i in range(width - 4)]
    with h5py.File(tmp_path / "train.h5", "w") as file:
        file["data"] = np.stack([padded(c, 8) for c in columns], axis=-1).astype(np.float32)
        file["pid"] = np.array([2, 3, 4, 11, 2, 3])
    jets = read_jets(tmp_path / "train.h5", schema={"base": "omnilearned", "label": {"offset": 2, "classes": 10}})
    check(jets, p4, rtol=1e-5)
    assert jets.label.tolist() == [0, 1, 2, 9, 0, 1]
    assert jets.jet["jet_frame_relative"].all()
    assert ("part_tanh_dz" in jets.constituents) == (width == 9)
    two = read_jets(tmp_path / "train.h5", classes={"a": [2, 3], "b": [4, 11]})
    assert two.label.tolist() == [0, 0, 1, 1, 0, 0]
    with pytest.raises(DataError, match="1 belong to none") as caught:
        read_jets(tmp_path / "train.h5", classes={"a": [2, 3], "b": 4})
    assert caught.value.id == "LABELS"


def test_aspen_open_jets(tmp_path) -> None:
    p4 = made()
    weight = np.resize([1.0, 0.5, 0.25], len(p4))
    pdgid = np.resize([211.0, 22, 130, -211], len(p4))
    junk = np.zeros(len(p4), bool)
    junk[[4, 11]] = True
    pdgid[junk] = 2
    columns = [*p4.T, *(np.full(len(p4), v) for v in (0.01, 0.002, 0.1, 0.02, 1.0)), pdgid, weight]
    with h5py.File(tmp_path / "RunG_batch0.h5", "w") as file:
        file["PFCands"] = np.stack([padded(c, 150) for c in columns], axis=-1).astype(np.float32)
        file["jet_kinematics"] = np.tile(np.float32([600, 1.0, 2.0, 90]), (6, 1))
        file["event_info"] = np.tile([278820, 7, 12345], (6, 1))
        file["jet_tagging"] = np.tile(np.r_[170, np.zeros(12)], (6, 1)).astype(np.float32)
    with pytest.warns(JetlegoWarning, match="2 constituents .* fail 'np.abs"):
        jets = read_jets(tmp_path / "RunG_batch0.h5")
    assert np.allclose(jets.p4, (p4 * weight[:, None])[~junk], rtol=1e-6, atol=1e-5)
    assert jets.label is None
    assert np.allclose(jets.constituents["part_d0val"], 0.1), "mm"
    assert jets.jet["jet_nparticles"].tolist() == [170] * 6, "the true number, beyond the cap"
    assert jets.jet["event"].tolist() == [12345] * 6


def test_structured_hdf5_widens_half_floats(tmp_path) -> None:
    p4 = made()
    names = ("pt", "eta", "phi", "d0")
    values = (kinematics.pt(p4), kinematics.eta(p4), kinematics.phi(p4), np.full(len(p4), 0.5))
    tracks = np.zeros((6, 40), [*((n, "<f2") for n in names), ("valid", "?")])
    for name, column in zip(names, values, strict=True):
        tracks[name] = padded(column.astype(np.float16), 40)
    tracks["valid"] = padded(np.ones(len(p4), bool), 40)
    jets_array = np.zeros(6, [("pt", "<f4"), ("eta", "<f2"), ("flavour_label", "i1")])
    jets_array["pt"], jets_array["flavour_label"] = 100, [0, 4, 5, 15, 5, 7]
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["jets"], file["tracks"] = jets_array, tracks
    jets = read_jets(tmp_path / "f.h5")
    check(jets, p4, rtol=2e-3, atol=0.1)
    assert jets.constituents["part_d0val"].dtype == np.float32
    assert jets.classes == ("light", "c", "b", "tau")
    assert jets.label.tolist() == [0, 1, 2, 3, 2, -1]


def test_files_that_are_no_hdf5(tmp_path) -> None:
    (tmp_path / "a.h5").write_bytes(b"<html>")
    with pytest.raises(DataError, match="not a HDF5 file: it begins with '<html>'") as caught:
        read_jets(tmp_path / "a.h5")
    assert caught.value.id == "NOT-HDF5"
    (tmp_path / "b.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    with pytest.raises(DataError, match="cannot be opened as HDF5"):
        read_jets(tmp_path / "b.h5")


def test_schema_faults_stand_at_their_line(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("format: ntuple\njets: {pt: Jet_pt}\nparticles:\n  kind: paded\n  px: a\nmomentum_unitt: GeV\n")
    with pytest.raises(ConfigError) as caught:
        read_jets("x.root", schema=path)
    text = str(caught.value)
    assert f"{path}:4:3: 'particles.kind' is paded: 'var', 'var-var'" in text
    assert f"{path}:6:1: unknown key 'momentum_unitt'; did you mean 'momentum_unit'" in text
