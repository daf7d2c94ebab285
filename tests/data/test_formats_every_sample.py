"""Every sample file, each by name: it gives the totals of its producer, or is refused with the right words.

A new file in the folder fails the first test until it is listed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from oracles.shared_folder import shared

from jetlego.data.formats.jetsgame import read_declusterings
from jetlego.data.read import read_jets
from jetlego.errors import JetlegoError
from jetlego.physics import kinematics

FOLDER = "data/formats"


@dataclass(frozen=True)
class Totals:
    """What a file holds, read by ``schema``; None for what its producer does not tell.

    Parameters
    ----------
    closure
        Largest ``abs(pt(sum of constituents) / jet_pt - 1)``; None where the file has no constituents.
    """

    jets: int | None
    constituents: int | None
    sum_pt: float | None
    schema: object = "auto"
    closure: float | None = None


@dataclass(frozen=True)
class Refusal:
    """An error and words of it."""

    id: str
    words: str
    schema: object = "auto"
    columns: tuple[str, ...] | None = None


def events(radius: float, pt_min: float, base: str = "events", **more) -> dict:
    return {"base": base, "cluster": {"radius": radius, "pt_min": pt_min, **more}}


HZZ = {
    "format": "ntuple", "tree": "events", "weight": "EventWeight",
    "jets": {"px": "Jet_Px", "py": "Jet_Py", "pz": "Jet_Pz", "energy": "Jet_E"},
}  # fmt: skip
A_LIST = Refusal("BAD-FILE", "the first column counts 0, 1, 2, ...: a numbered list, not px py pz E")
NO_LAYOUT = Refusal("NO-SCHEMA", "no known layout fits")
NANO_DY = Totals(188, 0, 5737.7109375)
SUM = 1e-6

SAMPLES: dict[str, list[Totals | Refusal]] = {
    "JetClassII_example.parquet": [Totals(100, 4529, 91107.24217, closure=SUM)],
    "PHYSLITE_example.root": [
        Totals(881, 0, 37933.254397, "physlite:AnalysisJets"), Totals(97, 0, 17202.95),
        Refusal("NO-CONSTITUENTS", "constituents of AnalysisLargeRJets are not stored in this file",
                columns=("part_pt",)),
    ],
    "Pythia-PtMin1000-LHC-10ev.dat": [Totals(45, None, 23686.856864, events(0.4, 20), SUM)],
    "antikt_r0.4_escheme_best.ref": [A_LIST], "antikt_r1.0_escheme_best.ref": [A_LIST],
    "cam_r0.4_escheme_best.ref": [A_LIST], "cam_r1.0_escheme_best.ref": [A_LIST],
    "kt_r0.4_escheme_best.ref": [A_LIST], "kt_r1.0_escheme_best.ref": [A_LIST],
    "bad_delphes.root": [Refusal("NO-TREE", "contains no tree")],
    "boosted_top_event.dat": [Totals(2, None, 874.480 + 820.445, events(1.0, 200), SUM)],
    "events-ee-Z.hepmc3.gz": [Totals(238, None, 5333.510874, closure=SUM),
                              Totals(239, None, 5406.722149, events(0.4, 5, "hepmc", invisible=[]), SUM)],
    "events-pp-1TeV-5GeV.hepmc3.gz": [Totals(76, None, 528.385544, closure=SUM)],
    "events_delphes_higgs2p_example.root": [
        Totals(21, 606, 36674.967194, "delphes:JetPUPPIAK8", SUM),
        Totals(26, None, 37830.3425, "delphes:JetPUPPIAK15", 1e-4),
        Totals(21, None, 42057.793, "delphes:GenJetAK8", 1e-4),
        Refusal("COLLECTION-AMBIGUOUS", "several jet collections: GenJetAK8, GenJetAK15, JetPUPPIAK8, JetPUPPIAK15"),
    ],
    "example.ref": [Refusal("BAD-FILE", "of no known kind; it begins with '# read an event")],
    "jets.json": [Refusal("NO-CONSTITUENTS", "holds declusterings, not particles")],
    "nano_dy.root": [NANO_DY, Refusal("NO-CONSTITUENTS", "are not stored in this file", columns=("part_pt",))],
    "nano_dy_empty.root": [Refusal("NO-JETS", "gave 0 jets")],
    "nano_dy_rntuple.root": [NANO_DY],
    "nano_tt_v12.root": [Totals(1504, 0, 98137.1328125), Totals(116, 0, 29455.375, "nanoaod:FatJet")],
    "pfnano.root": [Totals(24, 1076, 30556.875), Totals(64, 1801, 31819.2109375, "pfnano:Jet")],
    "single-ee-event.dat": [Totals(None, 70, None, events(1000.0, 0.0))],
    "single-pp-event.dat": [Totals(1, 354, None, events(1000.0, 0.0))],
    "testHepMC.dat": [Totals(38, None, 529.919534, closure=SUM)],
    "uproot-HZZ-zlib.root": [Totals(2773, 0, None, HZZ), NO_LAYOUT],
    "uproot-HZZ-zstd.root": [Totals(2773, 0, None, HZZ), NO_LAYOUT],
    "uproot-empty.root": [NO_LAYOUT],
}  # fmt: skip
SLOW_TO_OPEN = ("PHYSLITE", "nano_", "pfnano", "events_delphes", "events-")
"""Files of some 1,500 branches, and long listings; other tests read each of them once and look closer."""


def cases() -> list:
    found = []
    for name, rows in SAMPLES.items():
        marks = [pytest.mark.slow] if name.startswith(SLOW_TO_OPEN) else []
        found += [pytest.param(name, row, marks=marks, id=f"{name}-{i}") for i, row in enumerate(rows)]
    return found


def test_every_file_of_the_folder_is_listed() -> None:
    folder = shared(f"{FOLDER}/single-pp-event.dat").parent
    assert sorted(path.name for path in folder.iterdir()) == sorted(SAMPLES)


@pytest.mark.filterwarnings("ignore:.*(UNITS|KINEMATICS|WEIGHTS)")  # particles along the beam; weights below 0
@pytest.mark.parametrize(("name", "row"), cases())
def test_sample(name, row) -> None:
    path = shared(f"{FOLDER}/{name}")
    if isinstance(row, Refusal):
        with pytest.raises(JetlegoError) as caught:
            read_jets(path, schema=row.schema, columns=row.columns)
        assert caught.value.id == row.id
        assert row.words in str(caught.value)
        assert str(path) in str(caught.value)
        return
    jets = read_jets(path, schema=row.schema)
    assert row.jets is None or jets.num_jets == row.jets
    assert row.constituents is None or len(jets.p4) == row.constituents
    if row.sum_pt is not None:
        assert jets.jet["jet_pt"].sum(dtype=np.float64) == pytest.approx(row.sum_pt, rel=1e-6)
    if row.closure is not None:
        summed = kinematics.pt(kinematics.jet_p4(jets.p4, jets.jet_ptr))
        np.testing.assert_allclose(summed, jets.jet["jet_pt"], rtol=row.closure)


@pytest.mark.filterwarnings("ignore:.*(UNITS|KINEMATICS)")
def test_single_events_add_up() -> None:
    names = [f"{FOLDER}/single-{kind}-event.dat" for kind in ("ee", "pp")]
    ee, pp = (read_jets(shared(name), schema=events(1000.0, 0.0)) for name in names)
    assert ee.p4[:, 3].sum() == pytest.approx(100, rel=1e-6)
    assert pp.p4[:, 3].sum() == pytest.approx(14000.0004, abs=5e-5)
    assert kinematics.pt(pp.p4).sum() == pytest.approx(2069.4773938, rel=1e-9)


def test_declusterings_are_read_as_such() -> None:
    found = read_declusterings(Path(shared(f"{FOLDER}/jets.json")))
    assert np.diff(found.jet_ptr).tolist() == [19, 16]
    assert found.columns["z"][:19].sum() == pytest.approx(1.155651389, rel=1e-8)
