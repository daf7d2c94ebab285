"""HepMC and plain events: totals of third-party files, faults at their line, labels by the nearest parton."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from oracles.shared_folder import shared

from jetlego.data.jets import Jets
from jetlego.data.read import iterate_jets, read_jets
from jetlego.errors import DataError, JetlegoWarning
from jetlego.physics import kinematics


def sample(name: str):
    return shared(f"data/formats/{name}")


def total_pt(jets: Jets) -> float:
    return float(kinematics.pt(kinematics.jet_p4(jets.p4, jets.jet_ptr)).sum())


@pytest.mark.parametrize(("name", "visible", "everything"), [
    ("events-pp-1TeV-5GeV.hepmc3.gz", (76, 528.385544), (75, 526.175780)),
    ("events-ee-Z.hepmc3.gz", (238, 5333.510874), (239, 5406.722149)),
    ("testHepMC.dat", (38, 529.919534), (40, 667.556105)),
])  # fmt: skip
def test_jets_of_hepmc_listings(name, visible, everything) -> None:
    with_neutrinos = {"base": "hepmc", "cluster": {"invisible": []}}
    for schema, (count, pt) in (("auto", visible), (with_neutrinos, everything)):
        jets = read_jets(sample(name), schema=schema)
        assert jets.num_jets == count
        assert total_pt(jets) == pytest.approx(pt, rel=1e-8)
        assert not np.isin(jets.constituents["part_pdgid"], [2101, 1, 2, 21]).any(), "final particles alone"


@pytest.mark.filterwarnings("ignore:.*UNITS")  # particles along the beam are jets of pT = 0 here
def test_all_final_particles_are_read() -> None:
    """Without a cut on pT nothing is left out, so that sums are those of the events."""
    everything = {"base": "hepmc", "cluster": {"radius": 20.0, "pt_min": 0.0, "invisible": []}}
    for name, count, energy in (("testHepMC.dat", 1337, 42000), ("events-ee-Z.hepmc3.gz", 4305, 9118.76)):
        jets = read_jets(sample(name), schema=everything)
        assert len(jets.p4) == count
        assert jets.p4[:, 3].sum() == pytest.approx(energy, rel=1e-6)
    per_event = np.bincount(jets.jet["event_index"], weights=jets.num_constituents)
    assert len(per_event) == 100


@pytest.mark.filterwarnings("ignore:.*(UNITS|KINEMATICS)")  # an event with particles along the beam
def test_plain_events() -> None:
    jets = read_jets(sample("Pythia-PtMin1000-LHC-10ev.dat"), schema={"base": "events", "cluster": {"pt_min": 20}})
    assert jets.num_jets == 45
    assert total_pt(jets) == pytest.approx(23686.856864, rel=1e-8)
    leading = jets.jet["jet_pt"][jets.jet["jet_index"] == 0]
    assert leading[:3] == pytest.approx([981.157, 1099.471, 1277.150], abs=1e-3)
    assert len(leading) == 10
    top = {"base": "events", "cluster": {"radius": 1.0, "pt_min": 200}}
    boosted = read_jets(sample("boosted_top_event.dat"), schema=top)
    assert boosted.jet["jet_pt"] == pytest.approx([874.480, 820.445], abs=1e-3)
    assert boosted.jet["jet_mass"] == pytest.approx([182.501, 200.081], abs=1e-3)
    one = read_jets(sample("single-pp-event.dat"), schema={"base": "events", "cluster": {"pt_min": 20}})
    assert np.array_equal(one.p4, jets.select(jets.jet["event_index"] == 0).p4)
    electron = {"base": "events", "cluster": {"radius": 1e3, "pt_min": 0}}
    assert read_jets(sample("single-ee-event.dat"), schema=electron).p4[:, 3].sum() == pytest.approx(100, rel=1e-6)


def test_chunks_and_windows_count_events() -> None:
    path = sample("Pythia-PtMin1000-LHC-10ev.dat")
    whole = read_jets(path)
    parts = list(iterate_jets(path, step=3))
    assert len(parts) == 4
    assert np.array_equal(Jets.concatenate(parts).p4, whole.p4)
    some = read_jets([path, sample("boosted_top_event.dat")], entries=(8, 11))
    expected = np.isin(whole.jet["event_index"], [8, 9])
    assert np.array_equal(some.p4[: whole.num_constituents[expected].sum()], whole.select(expected).p4)
    assert set(some.jet["file_index"].tolist()) == {0, 1}
    assert set(some.jet["event_index"][some.jet["file_index"] == 1].tolist()) == {0}


PARTICLES = [  # pdgid, px, py, pz, E, m, status
    (6, 100.0, 0, 0, 200, 173, 3), (24, -100.0, 1, 0, 130, 80.4, 3), (211, 60.0, 1, 2, 60.1, 0.14, 1),
    (-211, 40.0, 2, 1, 40.1, 0.14, 1), (22, -90.0, 3, 1, 90.1, 0, 1), (12, 500.0, 0, 0, 500, 0, 1),
    (22, 0.0, 50, 3, 50.1, 0, 1),
]  # fmt: skip


def listing(version: int, *, unit: str = "U GEV MM\n", end: bool = True, scale: float = 1.0) -> str:
    name = {2: "HepMC::IO_GenEvent", 3: "HepMC::Asciiv3"}[version]
    lines = [f"\nHepMC::Version {version}.06", f"{name}-START_EVENT_LISTING"]
    for event in range(2):
        head = f"E {event} 1 -1 -1 -1 20 0 309 1 2 2 77 78 1 2.5" if version == 2 else f"E {event} 1 7"
        lines += [head, unit.strip(), *(["W 2.5"] if version == 3 else [])]
        for i, (code, *momentum, mass, status) in enumerate(PARTICLES):
            numbers = " ".join(repr(float(x) * scale) for x in (*momentum, mass))
            before = f"P {i + 1} {code}" if version == 2 else f"P {i + 1} 0 {code}"
            lines.append(f"{before} {numbers} {status}" + (" 0 0 0 0" if version == 2 else ""))
    return "\n".join([*lines, *([f"{name}-END_EVENT_LISTING"] if end else []), ""])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("unit", ["GEV", "MEV"])
@pytest.mark.parametrize("packed", [False, True])
def test_both_versions_units_and_compression(tmp_path, version, unit, packed) -> None:
    text = listing(version, unit=f"U {unit} MM\n", scale=1000.0 if unit == "MEV" else 1.0)
    path = tmp_path / ("a.hepmc.gz" if packed else "a.hepmc")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    jets = read_jets(path)
    assert jets.jet["event_index"].tolist() == [0, 0, 0, 1, 1, 1]
    assert jets.jet["jet_pt"][:3] == pytest.approx([np.hypot(100, 3), np.hypot(90, 3), 50], rel=1e-6)
    assert jets.constituents["part_pdgid"][:4].tolist() == [211, -211, 22, 22]
    assert jets.weight.tolist() == [2.5] * 6


def test_labels_by_the_nearest_parton(tmp_path) -> None:
    path = tmp_path / "a.hepmc"
    path.write_text(listing(3))
    rule = {"match": {"w": 24, "top": [6]}, "match_radius": 0.5}
    jets = read_jets(path, schema={"base": "hepmc", "cluster": rule})
    assert jets.classes == ("w", "top")
    assert jets.label.tolist() == [1, 0, -1] * 2
    swapped = read_jets(path, schema={"base": "hepmc", "cluster": rule}, classes={"t": "top", "v": "w"})
    assert swapped.label.tolist() == [0, 1, -1] * 2
    central = read_jets(path, schema={"base": "hepmc", "cluster": {"eta_max": 0.02}})
    assert central.jet["jet_pt"][:1] == pytest.approx([np.hypot(90, 3)], rel=1e-6)


def test_a_listing_without_its_last_line(tmp_path) -> None:
    path = tmp_path / "a.hepmc"
    path.write_text(listing(3, end=False))
    with pytest.warns(JetlegoWarning, match="ends without END_EVENT_LISTING"):
        assert read_jets(path).num_jets == 6


def test_an_event_without_units(tmp_path) -> None:
    path = tmp_path / "a.hepmc"
    path.write_text(listing(2, unit=""))
    with pytest.raises(DataError, match=r"a\.hepmc:4: the event does not say its momentum unit.*momentum_unit"):
        read_jets(path)
    assert read_jets(path, schema={"base": "hepmc", "momentum_unit": "GeV"}).num_jets == 6


@pytest.mark.parametrize(("old", "new", "words"), [
    (" 60.0 1.0 2.0 60.1 0.14 1 ", " 60.0 1.0 \n", r"a\.hepmc:8: a particle line of 5 columns"),
    (" 60.0 1.0 2.0 60.1 0.14 1 ", " 60.0 x 2.0 60.1 0.14 1 ", r"a\.hepmc:8: 'x' is not a number"),
    (" 60.0 1.0 2.0 60.1 0.14 1 ", " 60.0 nan 2.0 60.1 0.14 1 ", "is nan"),
])  # fmt: skip
def test_faults_in_particle_lines(tmp_path, old, new, words) -> None:
    path = tmp_path / "a.hepmc"
    text = listing(2)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=words):
        read_jets(path)


def test_a_damaged_gzip_end(tmp_path) -> None:
    path = tmp_path / "a.hepmc.gz"
    path.write_bytes(gzip.compress(listing(3).encode())[:-12])
    with pytest.raises(DataError, match="cannot be read beyond line") as caught:
        read_jets(path)
    assert caught.value.id == "BAD-FILE"


def test_faults_in_plain_events(tmp_path) -> None:
    path = tmp_path / "a.dat"
    path.write_text("1 2 3 4\n# note\n1 2 three 4\n#END\n")
    with pytest.raises(DataError, match=r"a\.dat:3: '1 2 three 4' is not px py pz E"):
        read_jets(path)
    path.write_text("30 2 3 40\n1 2 3\n")
    with pytest.raises(DataError, match=r"a\.dat:2"):
        read_jets(path)
