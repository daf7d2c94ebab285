"""Trees that no distance decides."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.sample_jets import some_jets

from jetlego.clustering.cluster import cluster


def chain_by_definition(pt: list[float], ascending: bool) -> list[tuple[int, int]]:
    """Sort, then pop the last two and push their sum."""
    stack = sorted(range(len(pt)), key=lambda i: pt[i] if ascending else -pt[i])
    merges = []
    while len(stack) > 1:
        pair = stack.pop(), stack.pop()
        merges.append((min(pair), max(pair)))
        stack.append(len(pt) + len(merges) - 1)
    return merges


@pytest.mark.parametrize("order", ["asc_pt", "desc_pt"])
def test_chains(order):
    p4, ptr = some_jets(20)
    p4 = p4[np.random.default_rng(0).permutation(ptr[1])]
    merges = chain_by_definition(np.hypot(p4[:, 0], p4[:, 1]).tolist(), order == "asc_pt")
    assert cluster(p4, [0, ptr[1]], algorithm=order).parents.tolist() == [list(pair) for pair in merges]


def test_chain_distances_are_geometric():
    p4, _ = some_jets(1)
    chain = cluster(p4[:2], [0, 2], algorithm="desc_pt", radius=0.5)
    geometric = cluster(p4[:2], [0, 2], algorithm="cambridge_aachen", radius=0.5)
    assert chain.dij[0] == pytest.approx(geometric.dij[0], rel=1e-14)


def test_random_trees_draw_every_pair_equally():
    """Of 6 constituents any of 15 pairs may merge first; chi-square of 20,000 draws stays below its 99.99 % point."""
    jets = np.random.default_rng(3).normal(size=(20000, 6, 4))
    history = cluster(jets.reshape(-1, 4), np.arange(0, 120001, 6), algorithm="random", seed=5)
    first = history.parents.reshape(-1, 5, 2)[:, 0]
    counts = np.bincount(first[:, 0] * 6 + first[:, 1], minlength=36)
    counts = counts[counts > 0]
    expected = 20000 / 15
    assert len(counts) == 15
    assert ((counts - expected) ** 2 / expected).sum() < 42.6


def test_random_trees_depend_on_seed_and_jet_alone():
    p4, ptr = some_jets(5)
    one, other = (cluster(p4, ptr, algorithm="random", seed=seed) for seed in (1, 2))
    assert (one.parents != other.parents).any()
    reverse = one.select(np.arange(one.num_jets)[::-1])
    again = cluster(reverse.node_p4[:0], [0], algorithm="random", seed=1)
    assert again.num_jets == 0
    last = cluster(p4[ptr[-2] :], [0, ptr[-1] - ptr[-2]], algorithm="random", seed=1)
    np.testing.assert_array_equal(last.parents, reverse.select(np.array([0])).parents)
