"""Jets of events against FastJet's reference files, against FastJet itself, and by what must hold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from oracles.fastjet_oracle import exclusive_momenta
from oracles.shared_folder import shared

from jetlego.clustering.find_jets import exclusive_jets, find_jets
from jetlego.clustering.kinematics import rapidity_phi
from jetlego.errors import ConfigError, NonFiniteError

REFERENCE = list(itertools.product([("anti_kt", "antikt"), ("kt", "kt"), ("cambridge_aachen", "cam")], [0.4, 1.0]))


def event(name: str = "single-pp-event.dat") -> np.ndarray:
    return np.loadtxt(shared(f"data/formats/{name}"))


def ten_events() -> tuple[np.ndarray, np.ndarray]:
    lines = shared("data/formats/Pythia-PtMin1000-LHC-10ev.dat").read_text().split("#END")
    events = [np.loadtxt(text.splitlines(), ndmin=2) for text in lines if text.strip()]
    return np.concatenate(events), np.cumsum([0, *map(len, events)])


@pytest.mark.parametrize("engine", ["numba", "fastjet"])
@pytest.mark.parametrize(("names", "radius"), REFERENCE)
def test_reference_files(names, radius, engine):
    particles = event()
    expected = np.loadtxt(shared(f"data/formats/{names[1]}_r{radius}_escheme_best.ref"))[:, 1:]
    jets = find_jets(particles, [0, len(particles)], algorithm=names[0], radius=radius, engine=engine)
    found = [(*rapidity_phi(*p), np.hypot(p[0], p[1])) for p in jets.p4]
    assert np.abs(np.array(found) - expected).max() < 1e-8
    assert sorted(jets.members) == list(range(len(particles)))


@pytest.mark.parametrize("engine", ["numba", "fastjet"])
def test_figures_of_several_events(engine):
    p4, ptr = ten_events()
    assert len(p4) == 5460
    jets = find_jets(p4, ptr, algorithm="anti_kt", radius=0.4, pt_min=20, engine=engine)
    pt = np.hypot(jets.p4[:, 0], jets.p4[:, 1])
    assert jets.num_jets == 45
    assert pt.sum() == pytest.approx(23686.856864, abs=1e-5)
    np.testing.assert_allclose(pt[jets.event_ptr[:3]], [981.157, 1099.471, 1277.150], atol=1e-3)


@pytest.mark.parametrize("pt_min", [0, 5, 1e6])
@pytest.mark.parametrize(
    "choice",
    [
        {"algorithm": "kt", "radius": 0.6},
        {"algorithm": "genkt", "power": 0.3, "radius": 0.5},
        {"algorithm": "ee_genkt", "power": -1, "radius": 0.7},
        {"algorithm": "ee_genkt", "power": 0, "radius": 3.5},
    ],
)
def test_engines_agree(choice, pt_min):
    p4 = np.concatenate([event("single-ee-event.dat"), event()])
    ptr = [0, 0, 70, 70, len(p4), len(p4)]  # empty events before, between and after
    ours, theirs = (find_jets(p4, ptr, pt_min=pt_min, engine=e, **choice) for e in ("numba", "fastjet"))
    for field in ("event", "event_ptr", "members", "jet_ptr"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)
    np.testing.assert_allclose(ours.p4, theirs.p4, rtol=1e-13)


def test_an_event_does_not_see_its_neighbors():
    p4, ptr = ten_events()
    together = find_jets(p4, ptr, algorithm="kt", radius=0.7, threads=2)
    for number, (a, b) in enumerate(itertools.pairwise(ptr)):
        alone = find_jets(p4[a:b], [0, b - a], algorithm="kt", radius=0.7)
        first, last = together.event_ptr[number : number + 2]
        np.testing.assert_array_equal(together.p4[first:last], alone.p4)


@pytest.mark.parametrize("choice", [{"num_jets": 1}, {"num_jets": 3}, {"num_jets": 6}, {"d_cut": 10.0}, {"d_cut": 0.1}])
def test_exclusive_jets_of_an_electron_positron_event(choice):
    p4 = event("single-ee-event.dat")
    jets = exclusive_jets(p4, [0, len(p4)], algorithm="ee_kt", **choice)
    np.testing.assert_allclose(jets.p4, exclusive_momenta(p4, "ee_kt_algorithm", **choice), rtol=1e-9)
    assert sorted(jets.members) == list(range(len(p4)))


@pytest.mark.parametrize("choice", [{"num_jets": 2}, {"num_jets": 40}, {"d_cut": 400.0}, {"d_cut": 1e9}])
def test_exclusive_jets_of_a_hadron_event(choice):
    p4 = event()
    jets = exclusive_jets(p4, [0, len(p4)], algorithm="kt", radius=0.6, **choice)
    expected = exclusive_momenta(p4, "kt_algorithm", radius=0.6, **choice)
    np.testing.assert_allclose(jets.p4, expected, rtol=1e-12, atol=1e-12)
    members = [jets.members[a:b] for a, b in itertools.pairwise(jets.jet_ptr)]
    sums = np.reshape([p4[rows].sum(axis=0) for rows in members], (-1, 4))
    np.testing.assert_allclose(sums, jets.p4, rtol=1e-11, atol=1e-9)


def test_an_event_with_fewer_particles_than_jets_asked_for():
    p4 = event()[:3]
    assert exclusive_jets(p4, [0, 3], algorithm="kt", num_jets=5).num_jets == 3


def test_refusals():
    p4 = event()[:4]
    with pytest.raises(ConfigError, match="no beam"):
        find_jets(p4, [0, 4], algorithm="ee_kt", radius=1)
    with pytest.raises(ConfigError, match="exactly one"):
        exclusive_jets(p4, [0, 4], algorithm="kt")
    p4[2, 1] = np.inf
    for engine in ("numba", "fastjet"):
        with pytest.raises(NonFiniteError, match=r"py of constituent 0 of jet 1 \(row 2\) is inf"):
            find_jets(p4, [0, 2, 4], algorithm="kt", radius=1, engine=engine)
