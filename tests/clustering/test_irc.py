"""What trees owe to perturbation theory: a collinear splitting adds one merge, a soft particle one leaf, no more."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.sample_jets import some_jets
from oracles.slow_clustering import leaf_sets

from jetlego.clustering.cluster import cluster
from jetlego.data.jets import Jets
from jetlego.data.stress import add_soft, split_collinear

ALGORITHMS = ["kt", "cambridge_aachen", "anti_kt"]


def jets():
    p4, ptr = some_jets(8)
    return Jets(p4=np.array(p4, np.float64), jet_ptr=np.array(ptr))


def node_sets(some, algorithm, number):
    """Return the constituents below each node of one jet's tree, and the history of the jet."""
    history = cluster(some.p4, some.jet_ptr, algorithm=algorithm).select([number])
    return leaf_sets([tuple(pair) for pair in history.parents.tolist()], int(history.jet_ptr[1])), history


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_collinear_twins_merge_first_and_nothing_else_changes(algorithm):
    before, after = jets(), split_collinear(jets())
    for number in range(before.num_jets):
        old, old_history = node_sets(before, algorithm, number)
        new, history = node_sets(after, algorithm, number)
        start, stop = after.jet_ptr[number : number + 2]
        split = np.argmax(np.hypot(*before.p4[before.jet_ptr[number] : before.jet_ptr[number + 1], :2].T))
        assert stop - start == len(old_history.node_p4) // 2 + 2
        assert tuple(history.parents[0]) == (split, split + 1)
        assert history.dij[0] == 0
        of_before = [frozenset(i - (i > split) for i in members) for members in new]
        assert set(of_before) == set(old)
        np.testing.assert_array_equal(history.dij[1:], old_history.dij)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_without_its_soft_leaves_the_tree_is_the_old_one(algorithm):
    before = jets()
    after = add_soft(before, count=5, pt=1e-9)
    for number in range(before.num_jets):
        old, _ = node_sets(before, algorithm, number)
        new, _ = node_sets(after, algorithm, number)
        n = int(before.num_constituents[number])
        without = {frozenset(i for i in members if i < n) for members in new}
        assert without - {frozenset()} == set(old)
