import numpy as np
import pytest
import uproot
from oracles.shared_folder import shared

from jetlego.data.features import jet_features
from jetlego.data.jets import Jets


@pytest.fixture(scope="module")
def golden():
    tree = uproot.open(shared("golden/jetclass_mini.root"))["tree"]
    arrays = tree.arrays([f"part_{c}" for c in ("px", "py", "pz", "energy")], library="np")
    counts = np.array([len(row) for row in arrays["part_px"]])
    p4 = np.stack([np.concatenate(arrays[f"part_{c}"]) for c in ("px", "py", "pz", "energy")], axis=-1).astype(float)
    return Jets(p4, np.concatenate([[0], np.cumsum(counts)])), tree["jet_sdmass"].array(library="np")


def test_soft_drop_mass_equals_the_stored_one(golden):
    jets, stored = golden
    np.testing.assert_allclose(jet_features(jets, "jet_sdmass")[:, 0], stored, rtol=2e-3, atol=0.05)


def test_splitting_and_subjettiness_are_in_range(golden):
    names = ["jet_zg", "jet_theta_g", "jet_tau1", "jet_tau2", "jet_tau3", "jet_tau4"]
    zg, theta, *tau = jet_features(golden[0], names).T
    passed = zg > 0
    assert passed.mean() > 0.9
    assert zg[passed].min() > 0.1
    assert zg.max() <= 0.5
    assert theta.max() < 3
    assert (np.diff(np.stack(tau), axis=0) <= 1e-6).mean() > 0.98


def test_two_prongs_have_small_ratio():
    prongs = np.array([[100.0, 0, 0, 100], [100, 40, 0, np.hypot(100, 40)]])
    soft = np.array([[1.0, 0.1 * k, 0.05, np.hypot(1, np.hypot(0.1 * k, 0.05))] for k in range(5)])
    jets = Jets(np.concatenate([prongs, soft]), np.array([0, 7]))
    ratio, zg, mass = jet_features(jets, ["jet_tau21", "jet_zg", "jet_sdmass"])[0]
    assert ratio < 0.2
    assert 0.4 < zg <= 0.5
    assert mass > 30


def test_empty_and_single_constituent_jets():
    p4 = np.array([[3.0, 4, 0, 6]])
    jets = Jets(p4, np.array([0, 0, 1, 1]))
    names = ["jet_sdmass", "jet_zg", "jet_theta_g", "jet_tau1", "jet_tau21", "jet_tau32"]
    table = jet_features(jets, names)
    assert np.isfinite(table).all()
    assert table[1, 0] == pytest.approx(np.sqrt(11), rel=1e-6)
    assert not table[[0, 2]].any()
    nothing = Jets(np.zeros((0, 4)), np.array([0, 0]))
    assert not jet_features(nothing, names).any()


def test_stored_columns_win(golden):
    jets, _ = golden
    stored = Jets(jets.p4, jets.jet_ptr, {}, {"jet_tau1": np.full(200, 2.0), "jet_tau2": np.ones(200)})
    assert (jet_features(stored, "jet_tau21") == 0.5).all()
