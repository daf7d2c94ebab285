"""Columns of substructure equal FastJet's and fjcontrib's own, whatever the jet."""

from __future__ import annotations

from itertools import pairwise

import fastjet._ext
import numpy as np
import pytest
import uproot
from oracles.fastjet_oracle import fj, softdrop
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


def contrib(jets):
    """Return fjcontrib's results object, every jet one event that is one jet."""
    columns = [np.ascontiguousarray(column) for column in jets.p4.T]
    definition = fj.JetDefinition(fj.cambridge_algorithm, 1000.0)
    ends = jets.jet_ptr[:-1].astype(np.int32), jets.jet_ptr[1:].astype(np.int32)
    return fastjet._ext.interfacemulti(*columns, *ends, definition)


def test_high_level_columns_are_fjcontribs(golden):
    jets = golden[0].select(np.arange(60))
    theirs = contrib(jets)
    e2, e3 = (theirs.to_numpy_energy_correlators(1, 1.0, n, -1, 0.0, "generic", True) for n in (2, 3))
    tau = theirs.to_numpy_njettiness("NormalizedMeasure", "WTA_KT_Axes", [1, 2, 3, 4], 1.0, 0.8, 999.0, 999, 999.0)
    tau = np.reshape(tau[0], (60, 4))
    wanted = {
        "jet_e2": e2, "jet_e3": e3, "jet_C2": e3 / e2**2, "jet_D2": e3 / e2**3,
        **{f"jet_tau{n}": tau[:, n - 1] for n in (1, 2, 3, 4)},
        "jet_tau21": tau[:, 1] / tau[:, 0], "jet_tau32": tau[:, 2] / tau[:, 1],
    }  # fmt: skip
    found = jet_features(jets, list(wanted))
    for at, (name, expected) in enumerate(wanted.items()):
        np.testing.assert_allclose(found[:, at], expected, rtol=2e-6, atol=1e-9, err_msg=name)


def test_groomed_columns_are_fjcontribs(golden):
    jets = golden[0].select(np.arange(60))
    mass, zg, theta = jet_features(jets, ["jet_sdmass", "jet_zg", "jet_theta_g"]).T
    for b, (start, stop) in enumerate(pairwise(jets.jet_ptr)):
        theirs = softdrop(jets.p4[start:stop], z_cut=0.1, beta=0.0, radius=0.8)
        energy, *three = theirs["p4"][[3, 0, 1, 2]]
        assert mass[b] == pytest.approx(np.sqrt(max(energy**2 - np.square(three).sum(), 0)), rel=1e-4, abs=1e-2)
        if theirs["z"] > 0.1:
            assert (zg[b], theta[b] * 0.8) == pytest.approx((theirs["z"], theirs["delta"]), rel=1e-5)


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
    names = ["jet_sdmass", "jet_zg", "jet_theta_g", "jet_tau1", "jet_tau21", "jet_tau32", "jet_C2", "jet_D2"]
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
