"""Generated files: layout, units, truth; the same jets for any number of workers and after any interruption."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from importlib.metadata import version

import awkward as ak
import numpy as np
import pytest
import uproot

from jetlego.conventions import JETCLASS_LABELS
from jetlego.data.generate import generate
from jetlego.data.generate.chunk import is_whole
from jetlego.data.generate.processes import PROCESSES
from jetlego.data.generate.run import FORMAT
from jetlego.data.generate.truth import truth_code
from jetlego.errors import ConfigError, EnvironmentFault

pytest.importorskip("pythia8mc", reason="the generator needs the extra 'generate'")

SMALL = {"chunk_size": 15, "seed": 7}
FLAGS = [f"part_is{kind}" for kind in ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")]

COMPONENTS = ("px", "py", "pz", "energy")


def double(values):
    return ak.values_astype(values, np.float64)


def read(path):
    with uproot.open(path) as file:
        return file["tree"].arrays()


def same(one, other):
    assert one.fields == other.fields
    return all(ak.array_equal(one[name], other[name]) for name in one.fields)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("generated")


@pytest.fixture(scope="module", params=["top", "qcd"])
def jets(request, folder):
    seen = []
    path = generate(
        request.param, num_jets=25, out=folder / f"{request.param}.root", workers=1,
        progress=seen.append, **SMALL,
    )  # fmt: skip
    assert seen == [15, 10]
    assert all(path.suffix == ".root" for path in folder.iterdir())  # no chunks, no temporary files
    arrays = read(path)
    assert len(arrays) == 25
    return request.param, arrays


GOLDEN = {
    "top": (1490, 19138.116912841797, 31.222546184289968, 1.6293547190725803),
    "qcd": (1189, 20215.948608398438, 43.89163095330878, 0.9215195276774466),
}
"""Sums over these 25 jets of number of constituents, pT, d0 and tau_3, with pythia8mc 8.317.2 and format 1."""


def test_the_same_seed_gives_the_same_jets_as_ever(jets):
    """Faster code must not be another sample; where the jets do change, so must FORMAT."""
    if version("pythia8mc") != "8.317.2":
        pytest.skip("another Pythia draws other events")
    name, arrays = jets
    columns = ("jet_nparticles", "jet_pt", "part_d0val", "jet_tau3")
    found = [float(ak.sum(double(arrays[column]))) for column in columns]
    assert FORMAT == 1
    assert found == pytest.approx(GOLDEN[name], rel=1e-6)


def test_branches_and_types_are_those_of_jetclass(jets):
    _, arrays = jets
    floats = ["part_px", "part_py", "part_pz", "part_energy", "part_deta", "part_dphi"]
    floats += ["part_d0val", "part_d0err", "part_dzval", "part_dzerr"]
    for name in floats:
        assert str(arrays[name].type).endswith("var * float32"), name
    for name in ("jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_sdmass", *(f"jet_tau{n}" for n in (1, 2, 3, 4))):
        assert str(arrays[name].type).endswith("float32"), name
    assert str(arrays.part_charge.type).endswith("var * int8")
    for name in (*FLAGS, *JETCLASS_LABELS):
        assert str(arrays[name].type).endswith("bool"), name
    truth = {f"aux_genpart_{name}" for name in ("eta", "phi", "pid", "pt")} | {"aux_truth_match"}
    assert truth <= set(arrays.fields)


def test_jets_are_in_the_window_and_labeled_once(jets):
    name, arrays = jets
    assert ak.all((arrays.jet_pt > 500) & (arrays.jet_pt < 1000) & (abs(arrays.jet_eta) < 2))
    assert ak.all(arrays["label_Tbqq" if name == "top" else "label_QCD"])
    assert ak.all(sum(ak.values_astype(arrays[label], int) for label in JETCLASS_LABELS) == 1)


def test_a_jet_is_the_sum_of_its_constituents(jets):
    _, arrays = jets
    px, py, pz, energy = (ak.to_numpy(ak.sum(double(arrays[f"part_{c}"]), axis=1)) for c in COMPONENTS)
    np.testing.assert_allclose(np.hypot(px, py), arrays.jet_pt, rtol=1e-6)
    np.testing.assert_allclose(np.arcsinh(pz / np.hypot(px, py)), arrays.jet_eta, atol=1e-6)
    np.testing.assert_allclose(np.arctan2(py, px), arrays.jet_phi, atol=1e-6)
    np.testing.assert_allclose(energy, arrays.jet_energy, rtol=1e-6)
    np.testing.assert_array_equal(ak.num(arrays.part_px), arrays.jet_nparticles)


def test_constituents_fall_in_pt_and_lie_around_the_axis(jets):
    _, arrays = jets
    pt = np.hypot(arrays.part_px, arrays.part_py)
    assert ak.all(pt[:, 1:] <= pt[:, :-1] * (1 + 1e-6))
    side = np.where(arrays.jet_eta >= 0, 1.0, -1.0)
    deta = side * (np.arcsinh(arrays.part_pz / pt) - arrays.jet_eta)
    dphi = (np.arctan2(arrays.part_py, arrays.part_px) - arrays.jet_phi + np.pi) % (2 * np.pi) - np.pi
    assert ak.max(abs(deta - arrays.part_deta)) < 1e-5
    assert ak.max(abs(dphi - arrays.part_dphi)) < 1e-5
    # anti-kT with R = 0.8: cores of neighbors may bend the edge a little
    assert ak.max(np.hypot(arrays.part_deta, arrays.part_dphi)) < 1.1


def test_particles_are_one_kind_with_the_right_charge_mass_and_track(jets):
    _, arrays = jets
    flags = {name: ak.to_numpy(ak.flatten(arrays[name])) for name in FLAGS}
    charge, d0err = (ak.to_numpy(ak.flatten(arrays[name])) for name in ("part_charge", "part_d0err"))
    assert (sum(flag.astype(int) for flag in flags.values()) == 1).all()
    neutral = flags["part_isNeutralHadron"] | flags["part_isPhoton"]
    np.testing.assert_array_equal(charge == 0, neutral)
    np.testing.assert_array_equal(d0err == 0, neutral)
    assert set(np.unique(charge)) == {-1, 0, 1}
    px, py, pz, energy = (ak.to_numpy(ak.flatten(double(arrays[f"part_{c}"]))) for c in COMPONENTS)
    size = np.sqrt(px**2 + py**2 + pz**2)
    assert (energy >= size).all()
    soft = size < 10
    mass = np.sqrt(np.maximum(energy**2 - size**2, 0))
    np.testing.assert_allclose(mass[soft & flags["part_isChargedHadron"]], 0.1396, atol=2e-3)
    assert 0.002 < np.median(d0err[~neutral]) < 0.2  # mm


def test_signal_jets_contain_their_top_quark(jets):
    name, arrays = jets
    dphi = (arrays.aux_genpart_phi - arrays.jet_phi + np.pi) % (2 * np.pi) - np.pi
    distance = np.hypot(arrays.aux_genpart_eta - arrays.jet_eta, dphi)
    if name == "top":
        assert ak.all(abs(arrays.aux_genpart_pid) == 6)
        assert set(arrays.aux_truth_match.tolist()) == {11, 12}
        assert ak.all(distance < 0.8)
        assert abs(np.median(arrays.aux_genpart_pt / arrays.jet_pt) - 1) < 0.08
        assert 120 < np.median(arrays.jet_sdmass) < 190
    else:
        found = arrays.aux_genpart_pid != 0
        assert ak.all(distance[found] < 0.8)
        assert set(np.abs(arrays.aux_genpart_pid[found]).tolist()) <= {1, 2, 3, 4, 5, 21}
        assert set(arrays.aux_truth_match.tolist()) == {50}


def test_events_give_at_most_two_jets_and_positive_weights(jets):
    _, arrays = jets
    assert np.unique(ak.to_numpy(arrays.aux_event), return_counts=True)[1].max() <= 2
    assert ak.all(arrays.aux_weight > 0)


one_process = pytest.mark.parametrize("jets", ["top"], indirect=True)  # every start of Pythia takes a second


@pytest.mark.slow
@one_process
def test_two_workers_and_a_longer_run_give_the_same_jets(jets, folder):
    name, alone = jets
    together = read(generate(name, num_jets=30, out=folder / "together.root", workers=2, **SMALL))
    assert same(alone, together[:25])
    assert not same(together[:15], together[15:])


@one_process
def test_an_interrupted_run_goes_on_from_its_whole_chunks(jets, folder):
    name, expected = jets
    out = folder / f"interrupted_{name}.root"

    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(name, num_jets=25, out=out, workers=1, progress=interrupt, **SMALL)
    (first,) = (folder / f"interrupted_{name}.root.parts").glob("chunk-*.npz")
    first.with_name("chunk-000001.npz").write_bytes(first.read_bytes()[:-200])  # a damaged one
    before, seen = first.stat().st_mtime_ns, []

    def watch(count):
        seen.append(count)
        assert first.stat().st_mtime_ns == before

    generate(name, num_jets=25, out=out, workers=1, progress=watch, **SMALL)
    assert seen == [15, 10]
    assert same(read(out), expected)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_worker_is_told_and_finished_chunks_are_kept(folder):
    out = folder / "killed.root"

    def kill(count):
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(EnvironmentFault, match="goes on from there") as caught:
        generate("qcd", num_jets=60, out=out, workers=2, progress=kill, **SMALL)
    assert caught.value.id == "WORKER-LOST"
    assert not out.exists()
    kept = [path for path in (folder / "killed.root.parts").glob("chunk-*.npz") if is_whole(path, 15)]
    assert kept
    again = []
    generate("qcd", num_jets=60, out=out, workers=1, progress=again.append, **SMALL)
    assert again == [15 * len(kept)] + [15] * (4 - len(kept))
    assert same(read(out), read(generate("qcd", num_jets=60, out=folder / "whole.root", workers=1, **SMALL)))


@one_process
def test_another_seed_gives_other_jets(jets, folder):
    name, expected = jets
    other = read(generate(name, num_jets=3, out=folder / f"other_{name}.root", workers=1, chunk_size=3, seed=8))
    assert not ak.array_equal(other.jet_pt, expected.jet_pt[:3])


def test_a_finished_file_is_left_alone_and_others_are_not_overwritten(folder):
    out = generate("w", num_jets=5, out=folder / "several", workers=1, chunk_size=5)
    assert out == folder / "several" / "Wqq.root"
    before = out.read_bytes()
    generate("w", num_jets=5, out=out, workers=1, chunk_size=5)
    assert out.read_bytes() == before
    with pytest.raises(ConfigError, match=r"seed 1 -> 2") as caught:
        generate("w", num_jets=5, out=out, workers=1, chunk_size=5, seed=2)
    assert caught.value.id == "RESUME-MISMATCH"
    assert out.read_bytes() == before
    generate("w", num_jets=5, out=out, workers=1, chunk_size=5, seed=2, resume=False)
    assert out.read_bytes() != before


def test_bad_numbers_are_refused_before_any_work(tmp_path):
    for wrong in ({"num_jets": 0}, {"seed": -1}, {"workers": -2}, {"pt_min": 2000.0}):
        with pytest.raises(ConfigError) as caught:
            generate("top", out=tmp_path / "x.root", **{"num_jets": 5, **wrong})
        assert caught.value.id == "BAD-VALUE"
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(EnvironmentFault, match=r"pip install 'jetlego\[generate\]'") as caught:
        generate("top", num_jets=5, out=tmp_path / "x.root")
    assert caught.value.id == "DEPENDENCY"
    assert not list(tmp_path.iterdir())


CODES = {
    "QCD": {50}, "Hbb": {41}, "Hcc": {42}, "Hgg": {44}, "H4q": {45}, "Hqql": {46}, "Zqq": {31, 32, 33},
    "Wqq": {21, 22}, "Tbqq": {11, 12}, "Tbl": {15, 16},
}  # fmt: skip
MASS_WINDOW = {"H": (85, 160), "Z": (70, 115), "W": (60, 105), "T": (50, 210)}


@pytest.mark.slow
@pytest.mark.parametrize("label", PROCESSES)
def test_every_process_gives_its_jets(label, tmp_path):
    arrays = read(generate(label, num_jets=20, out=tmp_path / "jets.root", workers=1, chunk_size=20))
    assert len(arrays) == 20
    assert ak.all(arrays[f"label_{label}"])
    assert set(arrays.aux_truth_match.tolist()) <= CODES[label]
    if label in ("Tbl", "Hqql"):  # a lepton of the decay is in the jet
        lepton = ak.any(arrays.part_isElectron | arrays.part_isMuon, axis=1)
        assert ak.mean(lepton) > 0.7
    elif label != "QCD":
        low, high = MASS_WINDOW[label[0]]
        px, py, pz, energy = (ak.sum(double(arrays[f"part_{c}"]), axis=1) for c in COMPONENTS)
        assert low < np.median(np.sqrt(energy**2 - px**2 - py**2 - pz**2)) < high


def test_truth_codes_of_jetclass():
    assert [truth_code(6, [5, 4, 3], []), truth_code(6, [5, 2, 1], [])] == [11, 12]
    assert [truth_code(24, [4, 3], []), truth_code(24, [2, 1], [])] == [21, 22]
    assert [truth_code(23, [q, q], []) for q in (5, 4, 1)] == [31, 32, 33]
    assert [truth_code(25, [q, q], []) for q in (5, 4, 21)] == [41, 42, 44]
    assert [truth_code(25, [2, 1, 3, 4], []), truth_code(25, [2, 1], [13])] == [45, 46]
