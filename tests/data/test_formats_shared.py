"""Third-party sample files give the totals that their producers' own tools give (tests skip where they are absent)."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.shared_folder import shared

from jetlego.data.containers.root import open_trees
from jetlego.data.formats.ntuple import NtupleReader
from jetlego.data.formats.reader import Request
from jetlego.data.jets import Jets
from jetlego.data.read import read_jets
from jetlego.data.schemas.load import load_schema
from jetlego.data.screen import with_sums
from jetlego.errors import DataError
from jetlego.physics import kinematics


def sample(name: str):
    return shared(f"data/formats/{name}")


def total(values) -> float:
    return float(np.asarray(values, np.float64).sum())


def counts_of(values) -> dict[int, int]:
    keys, counts = np.unique(values, return_counts=True)
    return dict(zip(keys.tolist(), counts.tolist(), strict=True))


def sums(jets) -> np.ndarray:
    return kinematics.jet_p4(jets.p4, jets.jet_ptr)


@pytest.mark.parametrize("name", ["nano_dy.root", "nano_dy_rntuple.root"])
def test_nanoaod_tree_and_rntuple_agree(name) -> None:
    jets = read_jets(sample(name))
    assert jets.num_jets == 188
    assert total(jets.jet["jet_pt"]) == 5737.7109375
    assert jets.jet["jet_pt"].max() == 159.25
    assert np.bincount(jets.jet["event_index"]).max() == 9
    assert counts_of(jets.jet["hadron_flavour"]) == {0: 179, 4: 9}
    assert total(jets.jet["parton_flavour"]) == 2167
    assert jets.num_constituents.tolist() == [0] * 188


def test_nanoaod_v12_narrow_integers() -> None:
    path = sample("nano_tt_v12.root")
    jets = read_jets(path)
    assert jets.num_jets == 1504
    assert total(jets.jet["jet_pt"]) == 98137.1328125
    assert jets.jet["jet_pt"].max() == 955
    assert np.bincount(jets.jet["event_index"]).max() == 13
    assert counts_of(jets.jet["hadron_flavour"]) == {0: 948, 4: 150, 5: 406}
    flavour = counts_of(jets.jet["parton_flavour"])
    assert {k: flavour[k] for k in (21, 0, 5, -5)} == {21: 515, 0: 71, 5: 207, -5: 204}
    assert jets.classes == ("quark", "gluon")
    assert (jets.label == 1).sum() == 515
    assert (jets.label == -1).sum() == sum(n for k, n in flavour.items() if abs(k) in (0, 4, 5))
    large = read_jets(path, schema="nanoaod:FatJet")
    assert (large.num_jets, total(large.jet["jet_pt"])) == (116, 29455.375)


def test_nanoaod_without_events_beside_one_with() -> None:
    files = [sample("nano_dy_empty.root"), sample("nano_dy_rntuple.root")]
    assert read_jets(files).num_jets == 188


def readers(path, *schemas: str) -> list[NtupleReader]:
    """Return readers of several layouts on one open tree: uproot takes seconds to open 1,500 branches."""
    (table,) = open_trees(path)
    return [NtupleReader(path, load_schema(schema), Request(), table=table) for schema in schemas]


def whole(reader: NtupleReader) -> Jets:
    (jets,) = reader.chunks(0, None, None)
    return with_sums(jets)


def test_pfnano_candidates_add_up_and_match_a_loop() -> None:
    path = sample("pfnano.root")
    large, small = readers(path, "pfnano", "pfnano:Jet")
    for reader, count, pt, rows, weighted, low, high in (
        (large, 24, 30556.875, 1076, True, 0.9974, 1.0008), (small, 64, 31819.2109375, 1801, False, 0.9991, 1.0024),
    ):  # fmt: skip
        jets = whole(reader)
        assert jets.num_jets == count
        assert total(jets.jet["jet_pt"]) == pt
        assert len(jets.p4) == rows
        assert reader.closure.weighted is weighted
        assert reader.closure.num_jets == count
        assert reader.closure.ratios == pytest.approx((low, high), abs=1e-4)
        no_track = jets.constituents["part_d0err"] == 0
        assert (jets.constituents["part_d0val"][no_track] == 0).all()
        assert (jets.constituents["part_charge"][~no_track] != 0).mean() > 0.95
    names = ["JetPFCands_jetIdx", "JetPFCands_pFCandsIdx", "PFCands_pt", "Jet_pt"]
    events = [small.table.read(names, 0, 10)[name].to_list() for name in names]
    expected = []
    for jet_index, particle_index, pt, jet_pt in zip(*events, strict=True):
        table = list(zip(jet_index, particle_index, strict=True))
        expected += [[pt[i] for j, i in table if j == n] for n in range(len(jet_pt))]
    assert jets.num_constituents.tolist() == [len(row) for row in expected]
    assert np.allclose(np.hypot(jets.p4[:, 0], jets.p4[:, 1]), np.concatenate(expected), rtol=1e-6)


def test_physlite_in_gev() -> None:
    path = sample("PHYSLITE_example.root")
    opened = readers(path, "physlite:AnalysisJets", "physlite")
    small, large = map(whole, opened)
    assert small.num_jets == 881
    assert total(small.jet["jet_pt"]) == pytest.approx(37933.254397, rel=1e-6)
    assert total(small.jet["jet_mass"]) == pytest.approx(4411.293013, rel=1e-6)
    assert counts_of(small.jet["hadron_label"]) == {0: 880, 5: 1}
    assert counts_of(small.jet["parton_label"]) == {-1: 482, 1: 56, 2: 82, 3: 28, 5: 1, 21: 232}
    assert np.bincount(small.jet["event_index"]).max() == 32
    assert large.num_jets == 97
    assert total(large.jet["jet_pt"]) == pytest.approx(17202.95, rel=1e-6)
    assert large.jet["jet_pt"].max() == pytest.approx(682.77675, rel=1e-6)
    assert total(large.jet["jet_mass"]) == pytest.approx(3145.772173, rel=1e-6)
    assert counts_of(large.jet["truth_label"]) == {9: 1, 10: 96}
    with pytest.raises(DataError, match="constituents of AnalysisLargeRJets are not stored in this file"):
        NtupleReader(path, load_schema("physlite"), Request(columns=("part_pt",)), table=opened[0].table)


def test_jetclass2_parquet() -> None:
    jets = read_jets(sample("JetClassII_example.parquet"))
    assert (jets.num_jets, len(jets.p4)) == (100, 4529)
    assert (jets.num_constituents.min(), jets.num_constituents.max()) == (2, 82)
    assert total(jets.jet["jet_pt"]) == pytest.approx(91107.24217, rel=1e-6)
    assert total(jets.jet["jet_energy"]) == pytest.approx(118440.09785, rel=1e-6)
    assert total(jets.p4[:, 3]) == pytest.approx(118262.76031, rel=1e-6)
    assert total(jets.p4[:, 0]) == pytest.approx(1054.15839, rel=1e-6)
    assert jets.label.sum() == 9107
    assert len(set(jets.label.tolist())) == 60
    assert (jets.label >= 161).sum() == 21
    assert len(jets.classes) == 188
    assert np.allclose(kinematics.pt(sums(jets)), jets.jet["jet_pt"], rtol=1e-6)
    pt = np.hypot(jets.p4[:, 0], jets.p4[:, 1])
    same_jet = np.diff(np.repeat(np.arange(100), jets.num_constituents)) == 0
    assert (np.diff(pt)[same_jet] <= 0).all(), "order kept"
    grouped = read_jets(sample("JetClassII_example.parquet"), where="jet_label >= 161",
                        classes={"qcd": list(range(161, 188))})  # fmt: skip
    assert grouped.label.tolist() == [0] * 21


HZZ = {
    "format": "ntuple", "tree": "events",
    "jets": {"px": "Jet_Px", "py": "Jet_Py", "pz": "Jet_Pz", "energy": "Jet_E", "columns": {"btag": "Jet_btag"}},
    "weight": "EventWeight",
}  # fmt: skip


@pytest.mark.parametrize("name", ["uproot-HZZ-zlib.root", "uproot-HZZ-zstd.root"])
def test_a_user_schema_reads_events_without_jets(name) -> None:
    jets = read_jets(sample(name), schema=HZZ)
    assert jets.num_jets == 2773
    assert 2421 - len(set(jets.jet["event_index"].tolist())) == 716
    assert jets.jet["jet_index"].max() == 4
    assert total(jets.jet["jet_energy"]) == pytest.approx(340153.7456417, rel=1e-6)
    particles = {"kind": "var", "px": "Jet_Px", "py": "Jet_Py", "pz": "Jet_Pz", "energy": "Jet_E"}
    events = {**HZZ, "jets": {}, "particles": particles}
    as_particles = read_jets(sample(name), schema=events)
    assert as_particles.num_jets == 2421
    assert total(as_particles.weight) == pytest.approx(16.9225214, rel=1e-6)
    assert np.array_equal(jets.weight, as_particles.weight[jets.jet["event_index"]]), "one weight an event for its jets"
    assert as_particles.p4.sum(axis=0) == pytest.approx(
        [3434.9179122, -948.5722007, -13406.9571962, 340153.7456417], rel=1e-6)  # fmt: skip


def test_no_layout_fits_and_the_nearest_is_named() -> None:
    with pytest.raises(DataError, match=r"no known layout fits.*x, y, z.*nearest is") as caught:
        read_jets(sample("uproot-empty.root"))
    assert caught.value.id == "NO-SCHEMA"
