"""Delphes: references by unique number, against a dictionary a event and against the sample file's totals."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from oracles.shared_folder import shared

from jetlego.data.containers.root import open_trees
from jetlego.data.formats.delphes import DelphesReader, choose_collection
from jetlego.data.formats.layouts import Place
from jetlego.data.formats.ntuple import NtupleReader
from jetlego.data.formats.reader import Request
from jetlego.data.formats.references import OBJECT_NUMBER, references
from jetlego.data.jets import Jets
from jetlego.data.read import read_jets
from jetlego.data.schemas.load import load_schema
from jetlego.data.tally import Tally
from jetlego.errors import ConfigError, DataError, JetlegoWarning
from jetlego.physics import kinematics

PLACE = Place("made up", 0)


def resolve(refs: list, ids: list, tally: Tally | None = None):
    jets = np.array([len(event) for event in refs], np.int64)
    found = references(ak.Array(refs), ak.Array(ids), jets, PLACE, tally or Tally(), "Candidate")
    return found.counts.tolist(), found.pack(ak.local_index(ak.Array(ids)), "row").tolist()


@pytest.mark.parametrize(("byte_of_refs", "byte_of_ids"), [(0, 0), (1, 0), (0, 2), (3, 3)])
def test_references_with_and_without_process_number(byte_of_refs, byte_of_ids) -> None:
    rng = np.random.default_rng(5)
    numbers = [rng.permutation(1000)[:n] for n in (20, 0, 35)]
    ids = [[int(i) + (byte_of_ids << 24) for i in event] for event in numbers]
    refs = [[[int(i) + (byte_of_refs << 24) for i in rng.choice(event, size)] for size in sizes]
            for event, sizes in zip(numbers, ([3, 0, 5], [], [7, 1]), strict=True)]  # fmt: skip
    expected = []
    for event_refs, event_ids in zip(refs, ids, strict=True):
        table = {i & OBJECT_NUMBER: row for row, i in enumerate(event_ids)}
        expected += [table[r & OBJECT_NUMBER] for jet in event_refs for r in jet]
    assert resolve(refs, ids) == ([3, 0, 5, 7, 1], expected)


def test_the_full_number_wins_where_masked_ones_collide() -> None:
    assert resolve([[[0x02000007, 0x01000007]]], [[0x01000007, 0x02000007]]) == ([2], [1, 0])


def test_the_same_number_in_another_event_is_another_object() -> None:
    assert resolve([[[5]], [[5]]], [[9, 5], [5, 9]]) == ([1, 1], [1, 0])


def test_few_dangling_references_are_told_and_many_refused() -> None:
    ids = [list(range(200))]
    tally = Tally()
    counts, rows = resolve([[[*range(150), 999]]], ids, tally)
    assert (counts, rows) == ([150], list(range(150)))
    with pytest.warns(JetlegoWarning, match="1 references point to no object of Candidate"):
        tally.warn()
    with pytest.raises(DataError, match="3 of 5 references point to no object"):
        resolve([[[1, 2, 997, 998, 999]]], ids)


@pytest.fixture(scope="module")
def table():
    """Open the sample once: uproot takes a second to."""
    trees = open_trees(shared("data/formats/events_delphes_higgs2p_example.root"))
    yield next(t for t in trees if t.title == "Delphes")
    for tree in trees:
        tree.close()


def whole(reader) -> Jets:
    (jets,) = reader.chunks(0, None, None)
    return jets


def test_sample_file_sums_to_its_jets(table) -> None:
    for name, count, pt, largest, constituents in (
        ("JetPUPPIAK8", 21, 36674.967194, 2407.176, 606), ("JetPUPPIAK15", 26, 37830.3425, None, None),
        ("GenJetAK8", 21, 42057.793, None, None),
    ):  # fmt: skip
        jets = whole(DelphesReader(table.path, load_schema(f"delphes:{name}"), Request(), table=table))
        assert jets.num_jets == count
        assert jets.jet["jet_pt"].astype(np.float64).sum() == pytest.approx(pt, rel=1e-6)
        summed = kinematics.pt(kinematics.jet_p4(jets.p4, jets.jet_ptr))
        assert np.allclose(summed, jets.jet["jet_pt"], rtol=1e-6, atol=0)
        if constituents is not None:
            assert len(jets.p4) == constituents
            assert jets.jet["jet_pt"].max() == pytest.approx(largest, rel=1e-6)
            assert set(jets.jet["flavor"].tolist()) == {0}
            assert set(jets.label.tolist()) == {-1}
            assert np.bincount(jets.jet["event_index"]).max() == 3
    with pytest.raises(ConfigError, match=r"several jet collections: .*delphes:JetPUPPIAK8"):
        choose_collection(table, None)
    with pytest.raises(DataError, match=r"no jet collection 'FatJet'.*JetPUPPIAK8"):
        choose_collection(table, "FatJet")


def test_reading_by_name_tells_of_candidates_without_momentum() -> None:
    path = shared("data/formats/events_delphes_higgs2p_example.root")
    with pytest.warns(JetlegoWarning, match="38 constituents .* have pT = 0"):
        jets = read_jets(path, schema="delphes:JetPUPPIAK8")
    assert jets.num_jets == 21


def test_members_of_stored_objects(table) -> None:
    groomed = {f"groomed_{a}": {"column": "JetPUPPIAK8.SoftDroppedJet", "members": ["fP", f"f{a}"]} for a in "XY"}
    schema = load_schema({"tree": "Delphes", "jets": {"pt": "JetPUPPIAK8.PT", "columns": groomed}})
    jets = whole(NtupleReader(table.path, schema, Request(), table=table))
    ratio = np.hypot(jets.jet["groomed_X"], jets.jet["groomed_Y"]) / jets.jet["jet_pt"]
    assert 0.9 < np.median(ratio) < 1.001
    slow = {"column": "JetPUPPIAK8.Constituents", "members": ["fSize"]}
    schema = load_schema({"tree": "Delphes", "jets": {"pt": "JetPUPPIAK8.PT", "columns": {"number": slow}}})
    with pytest.warns(JetlegoWarning, match="unsplit object"):
        jets = whole(NtupleReader(table.path, schema, Request(), table=table))
    assert jets.jet["number"].sum() == 606
