"""Histories against FastJet's, against the definition, and by what must hold for any history."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from oracles.sample_jets import some_jets
from oracles.slow_clustering import leaf_sets, recluster

from jetlego.clustering.cluster import cluster
from jetlego.clustering.history import History
from jetlego.errors import ConfigError, DataError, NonFiniteError

PLANE = [
    {"algorithm": "kt"},
    {"algorithm": "cambridge_aachen", "radius": 0.8},
    {"algorithm": "anti_kt", "radius": 0.4},
    {"algorithm": "genkt", "power": 0.5},
    {"algorithm": "genkt", "power": -0.3},
]
SPHERE = [
    {"algorithm": "ee_kt"},
    {"algorithm": "ee_genkt", "power": -1, "radius": 0.7},
    {"algorithm": "ee_genkt", "power": 0.5, "radius": 4.0},
]
TREES = [{"algorithm": "random"}, {"algorithm": "asc_pt"}, {"algorithm": "desc_pt"}]


def assert_same(ours: History, theirs: History, *, rtol: float) -> None:
    np.testing.assert_array_equal(ours.parents, theirs.parents)
    np.testing.assert_allclose(ours.dij, theirs.dij, rtol=rtol)
    np.testing.assert_allclose(ours.node_p4, theirs.node_p4, rtol=rtol, atol=1e-11)
    np.testing.assert_array_equal(ours.node_ptr, theirs.node_ptr)


@pytest.mark.parametrize("choice", PLANE, ids=str)
def test_fastjet(choice):
    p4, ptr = some_jets()
    assert_same(cluster(p4, ptr, **choice), cluster(p4, ptr, engine="fastjet", **choice), rtol=1e-14)


@pytest.mark.parametrize("choice", SPHERE, ids=str)
def test_fastjet_on_the_sphere(choice):
    p4, ptr = some_jets(40)
    assert_same(cluster(p4, ptr, **choice), cluster(p4, ptr, engine="fastjet", **choice), rtol=1e-7)


@pytest.mark.parametrize("recombination", ["wta_pt", "pt_scheme"])
@pytest.mark.parametrize("algorithm", ["kt", "cambridge_aachen", "anti_kt"])
def test_fastjet_with_other_recombination(algorithm, recombination):
    p4, ptr = some_jets(40)
    p4 = p4.copy()
    p4[:, 3] = np.sqrt((p4[:, :3] ** 2).sum(axis=1) + 0.02)  # FastJet takes a negative squared mass for positive
    choice = {"algorithm": algorithm, "recombination": recombination}
    assert_same(cluster(p4, ptr, **choice), cluster(p4, ptr, engine="fastjet", **choice), rtol=1e-9)


def short_jets() -> tuple[np.ndarray, np.ndarray]:
    """The 22 hardest constituents of 8 jets; the definition takes n^3 steps."""
    p4, ptr = some_jets(4)
    counts = np.minimum(np.diff(ptr), 22)
    return np.concatenate([p4[a : a + n] for a, n in zip(ptr, counts, strict=False)]), np.cumsum([0, *counts])


@pytest.mark.parametrize("power", [1.0, 0.0, -1.0, 0.5])
def test_definition(power):
    p4, ptr = short_jets()
    history = cluster(p4, ptr, algorithm="genkt", power=power, radius=0.6)
    for jet, (a, b) in enumerate(itertools.pairwise(ptr)):
        merges, dij = recluster(p4[a:b], power=power, radius=0.6)
        rows = slice(*history.merge_ptr[jet : jet + 2])
        np.testing.assert_array_equal(history.parents[rows], merges)
        np.testing.assert_allclose(history.dij[rows], dij, rtol=1e-12)


def test_definition_on_the_sphere():
    p4, ptr = short_jets()
    history = cluster(p4, ptr, algorithm="ee_genkt", power=0.7, radius=1.2)
    for jet, (a, b) in enumerate(itertools.pairwise(ptr)):
        merges, dij = recluster(p4[a:b], power=0.7, radius=1.2, spherical=True)
        rows = slice(*history.merge_ptr[jet : jet + 2])
        np.testing.assert_array_equal(history.parents[rows], merges)
        np.testing.assert_allclose(history.dij[rows], dij, rtol=1e-9)


@pytest.mark.parametrize("choice", [*PLANE, *SPHERE, *TREES], ids=str)
def test_invariants(choice):
    p4, ptr = some_jets(30)
    history = cluster(p4, ptr, **choice)
    for jet in range(history.num_jets):
        one = history.select(np.array([jet]))
        n = int(one.num_constituents[0])
        assert (one.parents[:, 0] < one.parents[:, 1]).all()
        assert (one.parents[:, 1] < n + np.arange(n - 1)).all()
        assert sorted(one.parents.ravel()) == list(range(2 * n - 2))
        assert leaf_sets([tuple(pair) for pair in one.parents], n)[-1] == set(range(n))
        np.testing.assert_array_equal(one.node_p4[:n], p4[ptr[jet] : ptr[jet + 1]])
        np.testing.assert_allclose(one.node_p4[-1], p4[ptr[jet] : ptr[jet + 1]].sum(axis=0), rtol=1e-9)
        assert one.child[-1] == -1
        np.testing.assert_array_equal(one.child[one.parents], np.repeat(np.arange(n, 2 * n - 1), 2).reshape(-1, 2))


@pytest.mark.parametrize("choice", [*PLANE, SPHERE[0], *TREES], ids=str)
def test_threads_and_company_do_not_matter(choice):
    p4, ptr = some_jets(60)
    one, three = (cluster(p4, ptr, threads=threads, **choice) for threads in (1, 3))
    for field in ("parents", "dij", "node_p4"):
        np.testing.assert_array_equal(getattr(one, field), getattr(three, field))
    jet = 17
    alone = cluster(p4[ptr[jet] : ptr[jet + 1]], [0, ptr[jet + 1] - ptr[jet]], **choice)
    np.testing.assert_array_equal(alone.parents, one.select(np.array([jet])).parents)
    np.testing.assert_array_equal(alone.dij, one.select(np.array([jet])).dij)


@pytest.mark.parametrize("choice", [*PLANE, *SPHERE, *TREES], ids=str)
def test_jets_of_zero_one_and_two_constituents(choice):
    p4, ptr = some_jets(1)
    history = cluster(p4[: ptr[1] + 4], [0, 0, 1, 1, 3, 3 + ptr[1], 4 + ptr[1], 4 + ptr[1]], **choice)
    np.testing.assert_array_equal(np.diff(history.merge_ptr), [0, 0, 0, 1, ptr[1] - 1, 0, 0])
    np.testing.assert_array_equal(np.diff(history.node_ptr), [0, 1, 0, 3, 2 * ptr[1] - 1, 1, 0])
    np.testing.assert_array_equal(history.parents[0], [0, 1])
    assert cluster(p4[:0], [0], **choice).num_jets == 0
    assert cluster(p4[:0], [0, 0, 0], **choice).num_jets == 2


@pytest.mark.parametrize("algorithm", ["kt", "cambridge_aachen", "anti_kt", "ee_kt"])
def test_ties_go_to_the_lower_numbers(algorithm):
    p4 = np.repeat(some_jets(1)[0][:1], 6, axis=0)
    history = cluster(p4, [0, 6], algorithm=algorithm)
    assert history.parents.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


@pytest.mark.parametrize("algorithm", ["kt", "cambridge_aachen", "anti_kt", "ee_kt"])
def test_momenta_at_the_edge_of_what_exists(algorithm):
    rows = [[0, 0, 0, 0], [0, 0, 5, 5], [0, 0, -5, 5], [0, 0, 1e30, 1e30], [1e-200, 0, 0, 1e-200], [3, 4, 0, 4.9],
            [0, 0, 7, 6], [1, 2, -3, 0], [1e-160, 1e-160, 1, 1], [1e30, 1, 1, 1e30], [0, 0, 0, 0]]  # fmt: skip
    history = cluster(np.array(rows), [0, len(rows)], algorithm=algorithm)
    assert np.isfinite(history.dij).all()
    assert np.isfinite(history.node_p4).all()


def test_large_jets():
    rng = np.random.default_rng(1)
    p3 = rng.normal(size=(3000, 3))
    p4 = np.column_stack([p3, np.linalg.norm(p3, axis=1)])
    history = cluster(p4, [0, 3000], algorithm="kt")
    alone = cluster(p4[:300], [0, 300], algorithm="kt", engine="fastjet")
    assert_same(cluster(p4[:300], [0, 300], algorithm="kt"), alone, rtol=1e-13)
    np.testing.assert_allclose(history.node_p4[-1], p4.sum(axis=0), rtol=1e-9)


def test_float32_and_lists_are_taken():
    p4, ptr = some_jets(3)
    same = cluster(p4.astype(np.float32), ptr.tolist(), algorithm="kt")
    np.testing.assert_array_equal(same.parents, cluster(p4, ptr, algorithm="kt").parents)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("choice", [*PLANE[:1], {"algorithm": "kt", "engine": "fastjet"}, *TREES], ids=str)
def test_a_momentum_that_is_not_finite_names_its_place(choice, value):
    p4, ptr = some_jets(2)
    p4 = p4.copy()
    p4[ptr[2] + 3, 2] = value
    with pytest.raises(NonFiniteError, match=rf"pz of constituent 3 of jet 2 \(row {ptr[2] + 3}\)"):
        cluster(p4, ptr, **choice)


def test_refusals():
    p4, ptr = some_jets(2)
    with pytest.raises(ConfigError, match="did you mean 'anti_kt'"):
        cluster(p4, ptr, algorithm="anti_kz")
    with pytest.raises(ConfigError, match="needs a finite power"):
        cluster(p4, ptr, algorithm="genkt")
    with pytest.raises(ConfigError, match="fixed power"):
        cluster(p4, ptr, algorithm="kt", power=2)
    with pytest.raises(ConfigError, match="radius is -1"):
        cluster(p4, ptr, algorithm="kt", radius=-1)
    with pytest.raises(ConfigError, match=r"recombination 'wta'.*wta_pt"):
        cluster(p4, ptr, algorithm="kt", recombination="wta")
    with pytest.raises(ConfigError, match="use e_scheme"):
        cluster(p4, ptr, algorithm="ee_kt", recombination="wta_pt")
    with pytest.raises(ConfigError, match="threads is 0"):
        cluster(p4, ptr, algorithm="kt", threads=0)
    with pytest.raises(DataError, match="offsets"):
        cluster(p4, ptr[:-1], algorithm="kt")
    with pytest.raises(DataError, match="offsets"):
        cluster(p4, ptr[[0, 2, 1, 3, 4]], algorithm="kt")
    with pytest.raises(DataError, match="shape"):
        cluster(p4[:, :3], ptr, algorithm="kt")
    with pytest.raises(DataError, match="above 1e"):
        cluster(p4 * 1e70, ptr, algorithm="kt")
