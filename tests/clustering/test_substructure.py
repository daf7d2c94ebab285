"""N-subjettiness and energy correlators against fjcontrib and against sums written out."""

from __future__ import annotations

import itertools
import math

import fastjet._ext
import numpy as np
import pytest
from oracles.fastjet_oracle import fj
from oracles.sample_jets import some_jets
from oracles.slow_clustering import rapidity_phi

from jetlego.clustering.correlators import energy_correlators
from jetlego.clustering.nsubjettiness import nsubjettiness
from jetlego.errors import ConfigError


def found_whole(p4, ptr):
    """FastJet's results object with every jet as one event of one jet."""
    columns = [np.ascontiguousarray(column) for column in p4.T]
    definition = fj.JetDefinition(fj.cambridge_algorithm, 1000.0)
    return fastjet._ext.interfacemulti(*columns, ptr[:-1].astype(np.int32), ptr[1:].astype(np.int32), definition)


def contrib_tau(p4, ptr, axes, beta):
    how = "NormalizedMeasure", axes, [1, 2, 3, 4], beta, 0.8, 999.0, 999, 999.0
    return np.reshape(found_whole(p4, ptr).to_numpy_njettiness(*how)[0], (len(ptr) - 1, 4))


@pytest.mark.parametrize("beta", [1.0, 2.0])
@pytest.mark.parametrize(("axes", "theirs"), [("kt", "KT_Axes"), ("wta_kt", "WTA_KT_Axes")])
def test_tau_of_fjcontrib(axes, theirs, beta):
    p4, ptr = some_jets(40)
    tau = nsubjettiness(p4, ptr, axes=axes, beta=beta)
    np.testing.assert_allclose(tau, contrib_tau(p4, ptr, theirs, beta), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize(("axes", "theirs"), [("kt", "OnePass_KT_Axes"), ("wta_kt", "OnePass_WTA_KT_Axes")])
@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_minimized_tau_of_fjcontrib(axes, theirs, beta):
    """Both stop near a minimum within their accuracy; where there are several, they need not be the same."""
    p4, ptr = some_jets(40)
    start, tau = (nsubjettiness(p4, ptr, axes=axes, beta=beta, minimize=m) for m in (False, True))
    assert (tau <= start).all()
    ratio = tau / contrib_tau(p4, ptr, theirs, beta)
    assert abs(np.median(ratio) - 1) < 1e-3
    assert np.mean(np.abs(ratio - 1) < 0.02) > 0.85


def test_tau_written_out():
    p4, ptr = some_jets(1)
    jet = p4[: ptr[1]]
    y, phi = np.array([rapidity_phi(p) for p in jet]).T
    pt = np.hypot(jet[:, 0], jet[:, 1])
    axis = rapidity_phi(jet.sum(axis=0))
    dphi = np.abs(phi - axis[1])
    delta = np.hypot(y - axis[0], np.minimum(dphi, 2 * math.pi - dphi))
    tau = nsubjettiness(jet, [0, len(jet)], num_axes=(1, 500), axes="kt", radius=0.6)
    np.testing.assert_allclose(tau, [[(pt * delta).sum() / (pt.sum() * 0.6), 0]], atol=1e-15)


def test_more_winner_take_all_axes_never_raise_the_sum():
    tau = nsubjettiness(*some_jets(20), axes="wta_kt")
    assert (np.diff(tau, axis=1) <= 1e-15).all()


@pytest.mark.parametrize("beta", [1.0, 2.0, 0.5])
def test_correlators_written_out(beta):
    p4, ptr = some_jets(3)
    found = energy_correlators(p4, ptr, beta=beta)
    for jet, (a, b) in enumerate(itertools.pairwise(ptr)):
        y, phi = np.array([rapidity_phi(p) for p in p4[a:b]]).T
        z = np.hypot(p4[a:b, 0], p4[a:b, 1])
        z = z / z.sum()
        dphi = np.abs(phi[:, None] - phi)
        r = np.hypot(y[:, None] - y, np.minimum(dphi, 2 * math.pi - dphi)) ** beta
        e2 = np.einsum("i,j,ij->", z, z, r) / 2
        e3 = np.einsum("i,j,k,ij,ik,jk->", z, z, z, r, r, r, optimize=True) / 6
        assert found.e2[jet] == pytest.approx(e2, rel=1e-12)
        assert found.e3[jet] == pytest.approx(e3, rel=1e-12)
        assert found.c2[jet] == pytest.approx(e3 / e2**2, rel=1e-12)
        assert found.d2[jet] == pytest.approx(e3 / e2**3, rel=1e-12)


def test_correlators_of_fjcontrib():
    p4, ptr = some_jets(15)
    found, theirs = energy_correlators(p4, ptr), found_whole(p4, ptr)
    for points, ours in ((2, found.e2), (3, found.e3)):
        expected = theirs.to_numpy_energy_correlators(1, 1.0, points, -1, 0.0, "generic", True)
        np.testing.assert_allclose(ours, expected, rtol=1e-9)


def test_small_jets_and_threads():
    p4, ptr = some_jets(30)
    one, three = (nsubjettiness(p4, ptr, threads=count, minimize=True) for count in (1, 3))
    np.testing.assert_array_equal(one, three)
    one, three = (energy_correlators(p4, ptr, threads=count).e3 for count in (1, 3))
    np.testing.assert_array_equal(one, three)
    assert (nsubjettiness(p4[:3], [0, 0, 1, 3])[:, 1:] == 0).all()
    small = energy_correlators(p4[:3], [0, 0, 1, 3])
    assert (small.e3 == 0).all()
    assert small.e2[2] > 0
    assert np.isfinite(small.d2).all()


def test_refusals():
    p4, ptr = some_jets(1)
    with pytest.raises(ConfigError, match="wta_kt"):
        nsubjettiness(p4, ptr, axes="wta")
    with pytest.raises(ConfigError, match="beta is 0"):
        nsubjettiness(p4, ptr, beta=0)
    with pytest.raises(ConfigError, match="beta is -1"):
        energy_correlators(p4, ptr, beta=-1)
