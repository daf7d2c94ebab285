"""What must hold for any jets, drawn by Hypothesis: duplicates, grids, hard and soft particles among them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.slow_clustering import d_ij, leaf_sets, recluster

from jetlego.clustering.cluster import cluster
from jetlego.clustering.find_jets import find_jets
from jetlego.clustering.grooming import recursive_softdrop, softdrop
from jetlego.clustering.lund import primary_plane

ALGORITHMS = ["kt", "cambridge_aachen", "anti_kt"]
POWERS = {"kt": 1.0, "cambridge_aachen": 0.0, "anti_kt": -1.0}


def momentum(pt: float, y: float, phi: float, mass: float = 0.0) -> tuple[float, float, float, float]:
    mt = math.hypot(pt, mass)
    return pt * math.cos(phi), pt * math.sin(phi), mt * math.sinh(y), mt * math.cosh(y)


particles = st.builds(momentum, st.floats(1e-3, 1e3), st.floats(-4, 4), st.floats(-math.pi, math.pi), st.floats(0, 2))
jets = st.lists(particles, min_size=2, max_size=12)
several = st.lists(st.lists(particles, min_size=0, max_size=12), min_size=1, max_size=6)
on_a_grid = st.builds(momentum, st.sampled_from([1.0, 2.0]), st.integers(-3, 3).map(lambda i: 0.25 * i), st.just(0.5))


def packed(some):
    ptr = np.cumsum([0, *map(len, some)])
    return np.array([p for jet in some for p in jet]).reshape(-1, 4), ptr


def one_jet(jet, algorithm, **options):
    return cluster(np.array(jet).reshape(-1, 4), [0, len(jet)], algorithm=algorithm, **options)


def sets(history):
    """Return the constituents below each node of a history of one jet."""
    return leaf_sets([tuple(pair) for pair in history.parents.tolist()], int(history.jet_ptr[1]))


def decided(jet, algorithm, *, by=1e-6):
    """Whether at every step the smallest distance is smaller than the next by more than rounding."""
    history = one_jet(jet, algorithm)
    nodes, n = dict(enumerate(history.node_p4.tolist())), len(jet)
    open_nodes = list(range(n))
    for step, (i, j) in enumerate(history.parents.tolist()):
        again = one_jet([nodes[k] for k in open_nodes], algorithm)
        if len(open_nodes) > 2:
            others = one_jet_distances([nodes[k] for k in open_nodes], algorithm)
            if others[1] - others[0] <= by * others[1] or others[0] < 1e-9:
                return False
        assert again.dij[0] == history.dij[step]
        open_nodes = [k for k in open_nodes if k not in (i, j)] + [n + step]
    return True


def one_jet_distances(nodes, algorithm):
    pairs = [(p, q) for i, p in enumerate(nodes) for q in nodes[:i]]
    return sorted(d_ij(tuple(p), tuple(q), POWERS[algorithm], False) for p, q in pairs)[:2]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(some=several)
@settings(deadline=None, max_examples=40)
def test_many_jets_as_one_at_a_time(algorithm, some):
    p4, ptr = packed(some)
    together = cluster(p4, ptr, algorithm=algorithm, threads=2)
    for number, jet in enumerate(some):
        alone, part = one_jet(jet, algorithm, threads=1), together.select(np.array([number]))
        np.testing.assert_array_equal(part.parents, alone.parents)
        np.testing.assert_array_equal(part.dij, alone.dij)
        np.testing.assert_array_equal(part.node_p4, alone.node_p4)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(jet=jets)
@settings(deadline=None, max_examples=40)
def test_definition(algorithm, jet):
    history = one_jet(jet, algorithm)
    merges, dij = recluster(jet, power=POWERS[algorithm])
    if decided(jet, algorithm, by=1e-9):
        np.testing.assert_array_equal(history.parents, merges)
        np.testing.assert_allclose(history.dij, dij, rtol=1e-6)


@given(jet=st.lists(on_a_grid, min_size=2, max_size=12))
@settings(deadline=None, max_examples=60)
def test_ties_of_cambridge_aachen_are_broken_by_node_numbers(jet):
    merges, dij = recluster(jet, power=0.0)
    history = one_jet(jet, "cambridge_aachen")
    np.testing.assert_array_equal(history.parents, merges)
    np.testing.assert_allclose(history.dij, dij, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(jet=jets, data=st.data())
@settings(deadline=None, max_examples=30)
def test_reordering_relabels(algorithm, jet, data):
    order = data.draw(st.permutations(range(len(jet))))
    if decided(jet, algorithm):
        one, other = sets(one_jet(jet, algorithm)), sets(one_jet([jet[i] for i in order], algorithm))
        assert {frozenset(order[i] for i in members) for members in other} == set(one)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(jet=jets, turn=st.floats(-3, 3), push=st.floats(-1.5, 1.5), grow=st.floats(0.1, 10))
@settings(deadline=None, max_examples=30)
def test_turning_boosting_and_scaling_leave_the_tree(algorithm, jet, turn, push, grow):
    p4 = np.array(jet)
    moved = p4.copy()
    moved[:, 0] = math.cos(turn) * p4[:, 0] - math.sin(turn) * p4[:, 1]
    moved[:, 1] = math.sin(turn) * p4[:, 0] + math.cos(turn) * p4[:, 1]
    moved[:, 2] = math.cosh(push) * p4[:, 2] + math.sinh(push) * p4[:, 3]
    moved[:, 3] = math.cosh(push) * p4[:, 3] + math.sinh(push) * p4[:, 2]
    if decided(jet, algorithm):
        np.testing.assert_array_equal(one_jet(grow * moved, algorithm).parents, one_jet(jet, algorithm).parents)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(jet=jets, radius=st.floats(0.1, 3))
@settings(deadline=None, max_examples=30)
def test_the_radius_only_scales(algorithm, jet, radius):
    one, other = (one_jet(jet, algorithm, radius=r) for r in (1.0, radius))
    np.testing.assert_array_equal(one.parents, other.parents)
    np.testing.assert_allclose(other.dij * radius**2, one.dij, rtol=1e-14)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(some=several, radius=st.floats(0.2, 1.5))
@settings(deadline=None, max_examples=40)
def test_every_particle_is_in_one_jet(algorithm, some, radius):
    p4, ptr = packed(some)
    found = find_jets(p4, ptr, algorithm=algorithm, radius=radius)
    assert sorted(found.members) == list(range(len(p4)))
    sums = np.add.reduceat(p4[found.members], found.jet_ptr[:-1], axis=0) if found.num_jets else p4[:0]
    np.testing.assert_allclose(found.p4, sums, rtol=1e-9, atol=1e-9)
    event = np.searchsorted(ptr, found.members, side="right") - 1
    np.testing.assert_array_equal(event, np.repeat(found.event, np.diff(found.jet_ptr)))


@given(jet=jets, z_cut=st.floats(0.01, 0.4), beta=st.floats(0, 2))
@settings(deadline=None, max_examples=40)
def test_grooming_never_adds(jet, z_cut, beta):
    tree = one_jet(jet, "cambridge_aachen")
    once, further = softdrop(tree, z_cut=z_cut, beta=beta), recursive_softdrop(tree, z_cut=z_cut, beta=beta)
    assert set(further.kept_leaf) <= set(once.kept_leaf) <= set(range(len(jet)))
    assert len(once.kept_leaf) >= 1
    again = softdrop(once.history, z_cut=z_cut, beta=beta)
    assert not once.passed[0] or len(again.kept_leaf) == len(once.kept_leaf)
    assert np.isfinite(primary_plane(tree).coordinates.table()).all()
