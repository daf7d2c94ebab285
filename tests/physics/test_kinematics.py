import itertools

import fastjet
import numpy as np
import pytest
import vector

from jetlego.physics import kinematics as kin


@pytest.fixture
def p4():
    rng = np.random.default_rng(1)
    pt, eta = rng.exponential(20, 500) + 0.1, rng.normal(0, 2.5, 500)
    return kin.p4_from_pt_eta_phi_mass(pt, eta, rng.uniform(-np.pi, np.pi, 500), rng.exponential(1, 500))


def test_against_vector(p4):
    v = vector.array({"px": p4[:, 0], "py": p4[:, 1], "pz": p4[:, 2], "E": p4[:, 3]})
    for ours, theirs in [(kin.pt, v.pt), (kin.eta, v.eta), (kin.phi, v.phi), (kin.rapidity, v.rapidity),
                         (kin.momentum, v.p), (kin.energy, v.E)]:
        np.testing.assert_allclose(ours(p4), theirs, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(kin.mass_squared(p4), v.tau2, rtol=1e-6, atol=1e-6 * p4[:, 3].max())
    roll = np.roll(p4, 1, axis=0)
    w = vector.array({"px": roll[:, 0], "py": roll[:, 1], "pz": roll[:, 2], "E": roll[:, 3]})
    np.testing.assert_allclose(kin.delta_r(kin.eta(p4), kin.phi(p4), kin.eta(roll), kin.phi(roll)), v.deltaR(w))
    np.testing.assert_allclose(kin.opening_angle(p4, roll), v.deltaangle(w), atol=1e-7)


def test_against_fastjet(p4):
    edge = [[0, 0, 5, 5], [0, 0, -5, 5], [3, 4, 0, 5], [3, 4, 1, 4.9], [1e-9, 0, -100, 100], [0, 0, 2, 3], [0, 0, 0, 0]]
    for row in np.concatenate([p4, np.array(edge, float)]):
        jet = fastjet.PseudoJet(*row)
        assert kin.rapidity(row) == pytest.approx(jet.rap(), rel=1e-12, abs=1e-14)
        assert kin.pt(row) == pytest.approx(jet.pt(), rel=1e-14)
        assert kin.mass(row) == pytest.approx(max(jet.m(), 0), rel=1e-6, abs=1e-4)


def test_construction_round_trip():
    pt, eta, phi, mass = 50.0, np.array([-1.5, 0, 2]), np.array([3.0, -3.0, 0]), 5.0
    p4 = kin.p4_from_pt_eta_phi_mass(pt, eta, phi, mass)
    np.testing.assert_allclose(np.stack([kin.pt(p4), kin.eta(p4), kin.phi(p4), kin.mass(p4)]),
                               np.stack([np.full(3, pt), eta, phi, np.full(3, mass)]), atol=1e-12, rtol=1e-9)
    again = kin.p4_from_pt_eta_phi_energy(pt, eta, phi, p4[:, 3])
    np.testing.assert_array_equal(again, p4)
    np.testing.assert_allclose(kin.p4_from_pt_rapidity_phi_mass(pt, kin.rapidity(p4), phi, mass), p4, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_delta_phi_stays_inside(dtype):
    a = np.linspace(-10, 10, 4001).astype(dtype)
    d = kin.delta_phi(a, dtype(0))
    assert d.dtype == dtype
    assert d.min() >= dtype(-np.pi)
    assert d.max() < dtype(np.pi)
    np.testing.assert_allclose(np.exp(1j * d), np.exp(1j * a), atol=2e-6)
    assert kin.delta_phi(dtype(np.pi), dtype(0)) == dtype(-np.pi)
    assert kin.delta_phi(dtype(1e-20), dtype(0)) == dtype(1e-20)


def test_edges_are_finite():
    p4 = np.array([[0, 0, 0, 0], [0, 0, 7, 7], [0, 0, -7, 7], [1e-30, 0, 1, 1], [1, 0, 0, 0.5]], float)
    for f in (kin.pt, kin.eta, kin.phi, kin.rapidity, kin.mass, kin.momentum):
        assert np.isfinite(f(p4)).all()
    assert kin.mass(p4)[4] == 0
    np.testing.assert_array_equal(kin.eta(p4)[:3], [0, 1e5, -1e5])
    for f in (kin.pt, kin.eta, kin.phi, kin.rapidity, kin.mass):
        assert f(p4.astype(np.float32)).dtype == np.float32


def test_jet_sums_with_empty_jets(p4):
    ptr = np.array([0, 0, 3, 3, 500, 500])
    expected = [p4[a:b].sum(0) for a, b in itertools.pairwise(ptr)]
    np.testing.assert_allclose(kin.jet_p4(p4, ptr), expected)
    assert kin.jet_p4(np.zeros((0, 4)), np.array([0, 0])).tolist() == [[0, 0, 0, 0]]
    assert kin.jet_p4(np.zeros((0, 4)), np.array([0])).shape == (0, 4)
