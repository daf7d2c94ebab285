"""Jets clustered abreast against the same jets one by one, against the definition, and large jets against FastJet."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit
from oracles.slow_clustering import recluster

from jetlego.clustering.cluster import cluster
from jetlego.clustering.lane_passes import MOST_ABREAST
from jetlego.clustering.precise import azimuths, logarithms

POWERS = {"kt": 1.0, "cambridge_aachen": 0.0, "anti_kt": -1.0, "genkt": 0.4}


def momenta(pt, y, phi, mass=0.0):
    mt = np.hypot(pt, mass)
    return np.stack(np.broadcast_arrays(pt * np.cos(phi), pt * np.sin(phi), mt * np.sinh(y), mt * np.cosh(y)), axis=-1)


def awkward_jets() -> list[np.ndarray]:
    """Return jets that break careless kernels: with ties, copies, collinear and forward particles, of many sizes."""
    rng = np.random.default_rng(5)
    jets = [np.empty((0, 4)), momenta(np.ones(1), 0.3, 1.0), momenta(np.array([1.0, 2.0]), np.array([0.1, 0.2]), 6.1)]
    for n in (2, 3, 9, 16, 17, 40, 40, 41, MOST_ABREAST, MOST_ABREAST + 1):
        jets.append(momenta(rng.exponential(5.0, n), rng.normal(0, 0.5, n), rng.normal(0, 0.5, n), 0.1))
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * 0.25
    jets.append(momenta(np.ones(20), grid[:, 0], grid[:, 1]))
    jets.append(np.repeat(momenta(np.array([1.0, 2.0, 5.0]), np.array([0.0, 0.1, -0.3]), 0.5), 4, axis=0))  # copies
    jets.append(np.outer([1.0, 2.0, 0.5, 8.0], momenta(np.float64(3.0), 0.7, -2.0)))  # collinear
    forward = rng.choice([-1, 1], 12) * rng.uniform(5, 12, 12)
    jets.append(momenta(rng.exponential(1.0, 12), forward, rng.uniform(0, 6, 12)))
    beam = np.array([[0.0, 0, 7, 7], [0, 0, -7, 7], [0, 0, 9, 9], [1, 0, 2, 3], [0, 0, 0, 0]])
    return [*jets, beam, momenta(rng.exponential(5.0, 30), 0.0, rng.uniform(0, 2 * math.pi, 30))]


def together(jets, **options):
    return cluster(np.concatenate(jets), np.cumsum([0, *map(len, jets)]), **options)


@pytest.mark.parametrize("algorithm", POWERS)
def test_abreast_as_one_by_one(algorithm):
    options = {"algorithm": algorithm, "power": POWERS["genkt"] if algorithm == "genkt" else None}
    jets = awkward_jets()
    for batch in (jets, jets[::-1], jets[3:8]):
        found = together(batch, threads=1, **options)
        for number, jet in enumerate(batch):
            alone, part = cluster(jet, [0, len(jet)], **options), found.select([number])
            np.testing.assert_array_equal(part.parents, alone.parents)
            np.testing.assert_array_equal(part.dij, alone.dij)
            np.testing.assert_array_equal(part.node_p4, alone.node_p4)


@pytest.mark.parametrize("seed", range(4))
def test_ties_abreast_as_defined(seed):
    rng = np.random.default_rng(seed)
    jets = [momenta(np.ones(n), 0.25 * rng.integers(-2, 3, n), np.full(n, 0.5)) for n in rng.integers(2, 13, 16)]
    found = together(jets, algorithm="cambridge_aachen")
    for number, jet in enumerate(jets):
        merges, dij = recluster([tuple(p) for p in jet.tolist()], power=0.0)
        part = found.select([number])
        np.testing.assert_array_equal(part.parents, merges)
        np.testing.assert_allclose(part.dij, dij, rtol=1e-12, atol=1e-300)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["kt", "cambridge_aachen", "anti_kt"])
def test_ten_thousand_particles_as_fastjet(algorithm):
    rng = np.random.default_rng(1)
    p4 = momenta(rng.exponential(2.0, 10_000), rng.uniform(-4, 4, 10_000), rng.uniform(-3, 3, 10_000))
    ours, theirs = (cluster(p4, [0, len(p4)], algorithm=algorithm, engine=engine) for engine in ("numba", "fastjet"))
    np.testing.assert_array_equal(ours.parents, theirs.parents)
    np.testing.assert_allclose(ours.dij, theirs.dij, rtol=1e-9)


@njit(error_model="numpy", cache=True)
def all_azimuths(px, py, out):
    n = np.uint64(len(px))
    r = np.concatenate((px, py, out))
    azimuths(r, np.uint64(0), n, n + n, n)
    out[:] = r[2 * len(px) :]


@njit(error_model="numpy", cache=True)
def all_logarithms(x, out):
    r = np.concatenate((x, out))
    logarithms(r, np.uint64(0), np.uint64(len(x)), np.uint64(len(x)))
    out[:] = r[len(x) :]


def asked(found, expected):
    """Check that what is not left to the library is the library's; return the share of what is left."""
    known = ~np.isnan(found)
    np.testing.assert_array_equal(found[known], np.array(expected)[known])
    return 1 - known.mean()


def test_azimuths_are_those_of_the_library():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 100_000)) * 10.0 ** rng.uniform(-9, 9, (2, 100_000))
    special = np.array([-3.0, -1.0, -0.0, 0.0, 1.0, 2.0, 5e-324, 1e-200, 1e-140, -1e140, 1e60, 1 + 2**-52])
    across, along = (a.ravel() for a in np.meshgrid(special, special))
    for px, py, most in ((x, y, 0.06), (along, across, 1.0)):
        found = np.empty(len(px))
        all_azimuths(px, py, found)
        assert asked(found, [math.atan2(b, a) for a, b in zip(px.tolist(), py.tolist(), strict=True)]) < most


def test_logarithms_are_those_of_the_library():
    rng = np.random.default_rng(4)
    special = np.array([1.0, 0.0, -1.0, 5e-324, 0.5, 0.75, 1.5, 2.0, 1 - 2**-53, 1 + 2**-52, 1e-300, 1e200])
    near_one = 1 + rng.normal(size=50_000) * 10.0 ** rng.uniform(-12, -2, 50_000)
    for x, most in ((10.0 ** rng.uniform(-30, 3, 100_000), 0.06), (near_one, 0.06), (special, 1.0)):
        found = np.empty(len(x))
        all_logarithms(x, found)
        assert asked(found, [math.log(v) if v > 0 else math.nan for v in x.tolist()]) < most
