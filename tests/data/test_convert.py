"""Jets written in JetClass names and read back are the same jets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import uproot
from oracles.jet_files import jetclass_arrays, write_tree
from oracles.shared_folder import shared

from jetlego.data.convert import convert, save_jets
from jetlego.data.read import read_jets
from jetlego.errors import ConfigError, DataError, EnvironmentFault, JetlegoWarning

COUNTS = [3, 0, 5, 1, 2, 8, 4]
OUTPUTS = [(".root", False), (".root", True), (".parquet", False), (".h5", False)]


def assert_same(a, b, *, types: bool = True) -> None:
    assert a.classes == b.classes
    for one, other in ((a.constituents, b.constituents), (a.jet, b.jet)):
        assert set(one) == set(other)
        for name in one:
            assert np.array_equal(one[name], other[name]), name
            assert one[name].dtype == other[name].dtype or not types, name
    for name in ("p4", "jet_ptr", "label", "weight"):
        one, other = getattr(a, name), getattr(b, name)
        assert (one is None) == (other is None), name
        assert one is None or np.array_equal(one, other), name


@pytest.mark.parametrize(("ending", "rntuple"), OUTPUTS)
@pytest.mark.parametrize("step", [2, None])
def test_round_trip(tmp_path, ending, rntuple, step) -> None:
    arrays = jetclass_arrays(COUNTS, classes=("Wqq", "QCD"))
    arrays["weight"] = np.linspace(0.5, 2, 7).astype(np.float32)
    source = write_tree(tmp_path / "a.root", arrays)
    out = tmp_path / f"b{ending}"
    assert convert(source, out, step=step, rntuple=rntuple) == 7
    assert_same(read_jets(out), read_jets(source))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["a.root", out.name]), "nothing is left behind"
    again = tmp_path / f"c{ending}"
    convert(out, again, rntuple=rntuple)
    assert_same(read_jets(again), read_jets(source))
    if ending == ".root":
        with uproot.open(out) as file:
            assert file.classnames()["tree;1"] == ("ROOT::RNTuple" if rntuple else "TTree")


@pytest.mark.parametrize("ending", [".root", ".parquet", ".h5"])
def test_other_layouts_get_their_classes_and_keep_their_precision(tmp_path, ending) -> None:
    rng = np.random.default_rng(2)
    x = np.zeros((5, 4, 4))
    x[:, :3] = np.stack([rng.uniform(20, 90, (5, 3)), rng.normal(size=(5, 3)), rng.uniform(-3, 3, (5, 3)),
                         np.full((5, 3), 211)], axis=-1)  # fmt: skip
    np.savez(tmp_path / "QG_jets.npz", X=x, y=np.array([0.0, 1, 1, 0, 1]))
    source = read_jets(tmp_path / "QG_jets.npz")
    convert(tmp_path / "QG_jets.npz", tmp_path / f"out{ending}", double=True)
    back = read_jets(tmp_path / f"out{ending}", classes={"gluon": "label_gluon", "quark": "label_quark"})
    assert np.array_equal(back.p4, source.p4), "float64 throughout"
    assert np.array_equal(back.label, source.label)
    assert set(read_jets(tmp_path / f"out{ending}").classes) == {"gluon", "quark"}


def test_selection_and_classes_while_converting(tmp_path) -> None:
    source = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    options = {"where": "jet_pt > 700", "classes": {"top": "Tbqq", "qcd": "QCD"}}
    convert(source, tmp_path / "b.root", **options)
    expected = read_jets(source, **options)
    got = read_jets(tmp_path / "b.root", classes={"top": "top", "qcd": "qcd"})
    assert np.array_equal(got.label, expected.label)
    assert np.array_equal(got.p4, expected.p4)


def test_the_tree_is_a_ttree_with_one_counter(tmp_path) -> None:
    source = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    convert(source, tmp_path / "b.root")
    with uproot.open(tmp_path / "b.root") as file:
        assert file.classnames()["tree;1"] == "TTree"
        assert [branch.name for branch in file["tree"].branches if branch.name.startswith("n")] == ["npart"]
        assert file["tree"]["npart"].array().tolist() == COUNTS


HZZ = {
    "format": "ntuple", "tree": "events", "weight": "EventWeight",
    "jets": {"px": "Jet_Px", "py": "Jet_Py", "pz": "Jet_Pz", "energy": "Jet_E"},
}  # fmt: skip
SAMPLES = {
    "golden/jetclass_mini.root": "jetclass", "data/formats/JetClassII_example.parquet": "jetclass2",
    "data/formats/uproot-HZZ-zstd.root": HZZ, "data/formats/testHepMC.dat": "hepmc",
    "data/formats/boosted_top_event.dat": "events",
}  # fmt: skip
POSITION = ("file_index", "event_index", "jet_index")
SLOW_TO_OPEN = {
    "data/formats/nano_tt_v12.root": "nanoaod", "data/formats/pfnano.root": "pfnano",
    "data/formats/PHYSLITE_example.root": "physlite",
    "data/formats/events_delphes_higgs2p_example.root": "delphes:JetPUPPIAK8",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*(UNITS|KINEMATICS|WEIGHTS|LABELS)")  # of third-party files as they are
@pytest.mark.parametrize("name", [*SAMPLES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_TO_OPEN)])
def test_jets_of_every_layout_survive_every_format(tmp_path, name) -> None:
    jets = read_jets(shared(name), schema=(SAMPLES | SLOW_TO_OPEN)[name])
    for ending, rntuple in OUTPUTS:
        out = tmp_path / f"{rntuple}{ending}"
        save_jets(jets, out, double=True, rntuple=rntuple)
        names = [name for name in (*jets.constituents, *jets.jet) if name not in POSITION]
        if jets.label is None or (jets.label >= 0).all():
            back = read_jets(out, columns=names)
        else:  # a file of one-hot truth cannot say "unlabelled"
            unlabelled = {"base": "jetclass_padded" if ending == ".h5" else "jetclass", "label": None}
            back = replace(read_jets(out, schema=unlabelled, columns=names), label=jets.label, classes=jets.classes)
        place = {name: back.jet[name] for name in POSITION}
        assert_same(back, replace(jets, jet={**jets.jet, **place}), types=False)  # integers are read as int64


def test_faults_leave_nothing(tmp_path) -> None:
    source = write_tree(tmp_path / "a.root", jetclass_arrays(COUNTS))
    with pytest.raises(ConfigError, match=r"not '\.csv'"):
        convert(source, tmp_path / "b.csv")
    with pytest.raises(ConfigError, match=r"an RNTuple stands in a \.root file"):
        convert(source, tmp_path / "b.h5", rntuple=True)
    for ending in (".root", ".parquet", ".h5"):
        kept = tmp_path / f"kept{ending}"
        kept.write_bytes(b"precious")
        with pytest.raises(DataError, match="none is left"):
            convert(source, kept, where="jet_pt < 0")
        assert kept.read_bytes() == b"precious"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EnvironmentFault):
        convert(source, tmp_path / "file" / "b.parquet")
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["a.root", "file", "kept.h5", "kept.parquet", "kept.root"]


def test_unlabelled_jets_are_told(tmp_path) -> None:
    arrays = jetclass_arrays(COUNTS)
    arrays["flavour"] = np.array([21, 1, 0, 21, 3, 1, 5])
    label = {"column": "flavour", "values": {"quark": [1, 2, 3], "gluon": 21}, "unmatched": "unlabelled"}
    source = write_tree(tmp_path / "a.root", arrays)
    with pytest.warns(JetlegoWarning, match="2 of 7 jets are unlabelled"):
        convert(source, tmp_path / "b.root", schema={"base": "jetclass", "label": label})
    with pytest.raises(DataError, match="2 belong to none"):
        read_jets(tmp_path / "b.root")
