import numpy as np
import pytest
from oracles.random_trees import random_history

from jetlego.structures.forest import grow_trees


@pytest.fixture(scope="module")
def forest():
    return grow_trees(random_history(11))


@pytest.mark.parametrize("index", [None, [3, 4, 0, 4], [1, 6], [2], []])
def test_rows_are_a_stable_sort_by_depth(forest, index):
    jets = np.arange(forest.num_jets) if index is None else np.array(index, np.int64)
    plan = forest.plan(None if index is None else jets, chunk=2)
    batch = forest.select(jets)
    node = plan.node_of_row.numpy()
    assert sorted(node) == list(range(batch.num_nodes))
    depth = batch.depth[node]
    assert (np.diff(depth) >= 0).all()
    assert np.array_equal(np.diff(plan.level_ptr), np.bincount(depth, minlength=plan.num_levels))
    assert (np.diff(batch.jet_of_node[node]) >= 0)[np.diff(depth) == 0].all()
    is_inner = ~batch.is_leaf[node]
    assert np.array_equal(plan.inner_row.numpy(), np.flatnonzero(is_inner))
    for level, (start, stop) in enumerate(zip(plan.level_ptr[:-1], plan.level_ptr[1:], strict=True)):
        assert plan.inner_ptr[level + 1] - plan.inner_ptr[level] == is_inner[start:stop].sum()


def test_children_of_inner_node_i_are_rows_two_i(forest):
    plan = forest.plan()
    node, inner = plan.node_of_row.numpy(), plan.inner_row.numpy()
    base = forest.node_ptr[forest.jet_of_node[node[inner]]]
    below = node[plan.num_roots :].reshape(-1, 2)
    assert np.array_equal(below, forest.children[node[inner]] + base[:, None])


def test_roots_and_leaves(forest):
    plan = forest.plan()
    node = plan.node_of_row.numpy()
    root = plan.root_row.numpy()
    filled = np.diff(forest.node_ptr) > 0
    assert (root[~filled] == plan.num_roots).all()
    assert np.array_equal(node[root[filled]], forest.root[filled])
    leaf = node[plan.leaf_row.numpy()]
    jet = np.repeat(np.arange(forest.num_jets), np.diff(forest.jet_ptr))
    assert np.array_equal(leaf - forest.node_ptr[jet], np.arange(len(leaf)) - forest.jet_ptr[jet])


def test_chunks_cut_every_level_by_jet(forest):
    plan = forest.plan(chunk=3)
    jet = forest.jet_of_node[plan.node_of_row.numpy()]
    for level, bounds in enumerate(plan.chunk_bounds):
        assert bounds[0] == plan.level_ptr[level]
        assert bounds[-1] == plan.level_ptr[level + 1]
        for chunk in range(4):
            assert (jet[bounds[chunk] : bounds[chunk + 1]] // 3 == chunk).all()
    assert np.array_equal(forest.plan(chunk=1000).node_of_row, plan.node_of_row)


def test_sizes_are_python_integers(forest):
    plan = forest.plan()
    numbers = [*plan.level_ptr, *plan.inner_ptr, plan.num_jets, plan.num_rows, plan.num_inner, plan.num_roots]
    assert {type(n) for n in numbers} == {int}
    assert forest.plan(np.array([], np.int64)).num_levels == 0
