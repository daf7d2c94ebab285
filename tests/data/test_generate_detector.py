"""The detector: resolutions are what they say, cells merge, directions and impact parameters are exact geometry."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from jetlego.data.generate.calorimeter import COARSE, FINE
from jetlego.data.generate.detector import PT_THRESHOLD, reconstruct
from jetlego.data.generate.events import Events
from jetlego.data.generate.kinds import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from jetlego.data.generate.smear import log_normal
from jetlego.data.generate.tracker import FIELD, impact_errors, impact_parameters, measure_tracks, pt_resolution
from jetlego.physics.kinematics import eta, mass, phi, pt


def four_momenta(pt, eta, phi, mass=0.0):
    pt, eta, phi = np.broadcast_arrays(np.asarray(pt, float), eta, phi)
    three = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1)
    return np.concatenate([three, np.sqrt((three**2).sum(-1, keepdims=True) + mass**2)], axis=-1)


def events_of(pid, p4, vertex=None, event=None):
    number = len(pid)
    event = np.zeros(number, int) if event is None else np.asarray(event)
    ptr = np.searchsorted(event, np.arange(event.max() + 2))
    vertex = np.zeros((number, 3)) if vertex is None else vertex
    status, none = np.ones(number, int), np.zeros((number, 2), int)
    return Events(np.asarray(pid), status, none, p4, vertex, ptr, np.ones(len(ptr) - 1))


def test_log_normal_has_mean_and_width():
    values = log_normal(np.full(200_000, 3.0), np.full(200_000, 1.5), np.random.default_rng(1))
    assert (values > 0).all()
    assert values.mean() == pytest.approx(3.0, rel=0.01)
    assert values.std() == pytest.approx(1.5, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "at_pt", "at_eta"), [(CHARGED_HADRON, 100.0, 1.0), (MUON, 50.0, 2.0), (ELECTRON, 5.0, 0.1)]
)
def test_tracks_are_as_wide_as_their_resolution(kind, at_pt, at_eta):
    true = four_momenta(np.full(40_000, at_pt), at_eta, 0.3)
    number = np.full(len(true), kind, np.int8)
    charge, origin = np.ones(len(true), np.int8), np.zeros((len(true), 3))
    seen, impact = measure_tracks(true, number, charge, origin, np.random.default_rng(2))
    ratio = pt(seen) / at_pt
    assert ratio.mean() == pytest.approx(1.0, abs=3e-3)
    assert ratio.std() == pytest.approx(pt_resolution(true[:1], number[:1])[0], rel=0.03)
    np.testing.assert_allclose(eta(seen), at_eta)
    assert (impact[:, 0] / impact[:, 1]).std() == pytest.approx(1.0, abs=0.02)
    assert (impact[:, 2] / impact[:, 3]).std() == pytest.approx(1.0, abs=0.02)


def test_impact_errors_are_those_of_cms():
    """Values read off arXiv:1405.6569, figure 15: 1 and 100 GeV, central and forward."""
    d0, dz = impact_errors(four_momenta([1.0, 100.0, 1.0, 100.0], [0.3, 0.3, 2.0, 2.0], 0.0))
    np.testing.assert_allclose(d0, [0.0753, 0.0104, 0.1557, 0.0130], rtol=0.16)
    np.testing.assert_allclose(dz, [0.1113, 0.0283, 0.6695, 0.0820], rtol=0.16)


def test_electrons_take_the_better_of_track_and_calorimeter():
    electron = four_momenta([300.0], 0.2, 0.0)
    by_cells = FINE.resolution(electron)[0] / electron[0, 3]
    assert pt_resolution(electron, np.array([ELECTRON]))[0] == pytest.approx(by_cells)
    assert pt_resolution(electron, np.array([CHARGED_HADRON]))[0] == pytest.approx(np.hypot(0.01, 1.5e-4 * 300))


def test_d0_is_the_distance_of_the_circle_to_the_beam():
    rng = np.random.default_rng(3)
    p4 = four_momenta(rng.uniform(0.5, 20, 40), rng.uniform(-2, 2, 40), rng.uniform(-3, 3, 40))
    charge, vertex = rng.choice([-1, 1], 40), rng.normal(0, 30, (40, 3))
    d0, _ = impact_parameters(p4, charge, vertex)
    for row in range(40):
        turn = 1e3 * pt(p4[row]) / (0.299792458 * FIELD)

        def distance(angle, row=row, turn=turn):
            heading = phi(p4[row]) - charge[row] * angle  # positive charges turn clockwise
            x = vertex[row, 0] + turn * charge[row] * (np.sin(phi(p4[row])) - np.sin(heading))
            y = vertex[row, 1] - turn * charge[row] * (np.cos(phi(p4[row])) - np.cos(heading))
            return np.hypot(x, y)

        start = min(np.linspace(-np.pi, np.pi, 721), key=distance)
        bounds = (start - 0.02, start + 0.02)
        nearest = minimize_scalar(distance, bounds=bounds, method="bounded", options={"xatol": 1e-9})
        assert abs(d0[row]) == pytest.approx(nearest.fun, abs=1e-3)


def test_straight_tracks_have_textbook_impact_parameters():
    p4 = four_momenta([1e7], 1.0, 0.5)
    vertex = np.array([[0.3, -1.2, 4.0]])
    d0, dz = impact_parameters(p4, np.array([1]), vertex)
    x, y, z = vertex[0]
    assert d0[0] == pytest.approx((x * p4[0, 1] - y * p4[0, 0]) / pt(p4[0]), rel=1e-6)
    assert dz[0] == pytest.approx(z - (x * np.cos(0.5) + y * np.sin(0.5)) * np.sinh(1.0))


def test_particles_of_one_cell_are_one_candidate_per_event():
    p4 = four_momenta([20.0, 30.0, 40.0, 50.0], [0.01, 0.012, 0.011, 0.4], 0.001)
    seen, event = FINE.measure(p4, np.array([0, 0, 1, 1]), np.random.default_rng(4))
    assert event.tolist() == [0, 1, 1]
    assert seen[0, 3] == pytest.approx(50.0, rel=0.1)
    np.testing.assert_allclose(mass(seen), 0, atol=1e-5)


@pytest.mark.parametrize(("calorimeter", "energy"), [(FINE, 50.0), (COARSE, 200.0)])
def test_cells_keep_energy_on_average_and_position_within_a_cell(calorimeter, energy):
    at_eta, at_phi = np.full(20_000, 0.7), np.full(20_000, -2.0)
    p4 = four_momenta(energy / np.cosh(at_eta), at_eta, at_phi)
    seen, event = calorimeter.measure(p4, np.arange(20_000), np.random.default_rng(5))
    assert len(event) == 20_000
    assert seen[:, 3].mean() == pytest.approx(energy, rel=0.01)
    assert seen[:, 3].std() == pytest.approx(calorimeter.resolution(p4[:1])[0], rel=0.05)
    assert np.ptp(eta(seen)) == pytest.approx(calorimeter.cell_eta, rel=0.01)
    assert np.ptp(phi(seen)) == pytest.approx(2 * np.pi / calorimeter.num_phi, rel=0.01)


def test_what_is_seen_of_each_kind():
    pid = np.repeat([211, 22, 130, 11, 13, 12], 4000)
    charge = np.repeat([1, 0, 0, -1, -1, 0], 4000).astype(np.int8)
    rng = np.random.default_rng(6)
    p4 = four_momenta(np.full(24_000, 30.0), rng.uniform(-1.4, 1.4, 24_000), rng.uniform(-3, 3, 24_000))
    event = np.tile(np.arange(4000), 6)
    order = np.argsort(event, kind="stable")
    events = events_of(pid[order], p4[order], event=event[order])
    seen = reconstruct(events, charge[order], rng)
    share = np.bincount(seen.kind, minlength=5) / 4000
    np.testing.assert_allclose(share[[CHARGED_HADRON, ELECTRON, MUON]], [0.95, 0.95, 0.99], atol=0.015)
    assert share[PHOTON] == pytest.approx(1.05, abs=0.02)  # and the electrons without a track
    assert share[NEUTRAL_HADRON] == pytest.approx(1.05, abs=0.02)  # and the hadrons without one
    assert (seen.charge[seen.kind == PHOTON] == 0).all()
    assert (seen.impact[seen.charge == 0] == 0).all()
    assert (seen.impact[seen.charge != 0][:, [1, 3]] > 0).all()


def test_candidates_fall_in_pt_above_threshold():
    rng = np.random.default_rng(7)
    p4 = four_momenta(rng.exponential(1.0, 500), rng.uniform(-2.9, 2.9, 500), rng.uniform(-3, 3, 500))
    event = np.sort(rng.integers(0, 5, 500))
    seen = reconstruct(events_of(np.full(500, 22), p4, event=event), np.zeros(500, np.int8), rng)
    hardness = pt(seen.p4)
    assert hardness.min() > PT_THRESHOLD
    assert seen.event_ptr[-1] == len(hardness)
    for start, stop in zip(seen.event_ptr[:-1], seen.event_ptr[1:], strict=True):
        assert (np.diff(hardness[start:stop]) <= 0).all()
