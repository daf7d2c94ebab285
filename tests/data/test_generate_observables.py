"""Soft-drop mass and N-subjettiness against FastJet's own clustering, one jet at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from jetlego.data.generate.jets import round_mantissa
from jetlego.data.generate.observables import jet_columns
from jetlego.data.read import read_jets

fastjet = pytest.importorskip("fastjet._swig")
fastjet.ClusterSequence.set_fastjet_banner_stream(None)


@pytest.fixture(scope="module")
def jets():
    """Return 40 jets of 1 to 60 particles in up to five clumps, packed."""
    rng, parts = np.random.default_rng(5), []
    sizes = np.r_[1, 2, 3, 4, 5, rng.integers(6, 60, 35)]
    for size in sizes:
        clump = rng.normal(0, 0.4, (5, 2))[rng.integers(0, 5, size)]
        eta, phi = (clump + rng.normal(0, 0.08, (size, 2))).T
        pt = rng.exponential(10, size) + 0.5
        parts.append(np.stack([pt * np.cos(phi + 2), pt * np.sin(phi + 2), pt * np.sinh(eta), pt * np.cosh(eta)], 1))
    return np.concatenate(parts), np.r_[0, np.cumsum(sizes)]


def sequence(p4, algorithm, scheme):
    particles = fastjet.vectorPJ([fastjet.PseudoJet(*p) for p in p4.tolist()])
    return fastjet.ClusterSequence(particles, fastjet.JetDefinition(algorithm, 1000.0, scheme))


def groomed_mass(p4):
    clusters = sequence(p4, fastjet.cambridge_algorithm, fastjet.E_scheme)
    jet, a, b = clusters.inclusive_jets()[0], fastjet.PseudoJet(), fastjet.PseudoJet()
    while jet.has_parents(a, b):
        hard, soft = (a, b) if a.pt() >= b.pt() else (b, a)
        if soft.pt() / (soft.pt() + hard.pt()) > 0.1:
            break
        jet = fastjet.PseudoJet(hard)
    return jet.m()


def tau(p4, number):
    if len(p4) <= number:
        return 0.0
    clusters = sequence(p4, fastjet.kt_algorithm, fastjet.WTA_pt_scheme)
    axes = list(clusters.exclusive_jets(number))
    particles = [fastjet.PseudoJet(*p) for p in p4.tolist()]
    nearest = [min(p.delta_R(axis) for axis in axes) for p in particles]
    return sum(p.pt() * d for p, d in zip(particles, nearest, strict=True)) / sum(p.pt() for p in particles) / 0.8


def test_soft_drop_mass_is_fastjets(jets):
    p4, ptr = jets
    expected = [groomed_mass(p4[start:stop]) for start, stop in pairwise(ptr)]
    np.testing.assert_allclose(jet_columns(p4, ptr, radius=0.8)["jet_sdmass"], expected, rtol=1e-6, atol=1e-4)


def test_subjettiness_is_fastjets(jets):
    p4, ptr = jets
    columns = jet_columns(p4, ptr, radius=0.8)
    found = np.stack([columns[f"jet_tau{n}"] for n in (1, 2, 3, 4)], axis=1)
    expected = [[tau(p4[a:b], n) for n in (1, 2, 3, 4)] for a, b in pairwise(ptr)]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_the_embedded_jets_keep_their_stored_observables():
    """The sample was made once; what it stores must stay what this code computes, up to the bits it keeps."""
    stored = read_jets("sample://top/val", entries=(0, 200))
    columns = jet_columns(stored.p4, stored.jet_ptr, radius=0.8)
    for name in ("jet_pt", "jet_eta", "jet_energy", "jet_sdmass", "jet_tau1", "jet_tau2", "jet_tau3", "jet_tau4"):
        kept = round_mantissa(columns[name], 18).astype(np.float32)
        np.testing.assert_allclose(kept, stored.jet[name], rtol=2.0**-18, err_msg=name)


def test_columns_of_a_jet_do_not_depend_on_its_neighbors(jets):
    p4, ptr = jets
    together = jet_columns(p4, ptr, radius=0.8)
    alone = jet_columns(p4[ptr[20] : ptr[21]], np.array([0, ptr[21] - ptr[20]]), radius=0.8)
    for name, values in together.items():
        assert alone[name][0] == values[20], name
