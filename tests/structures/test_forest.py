import numpy as np
import pytest
from oracles import golden_recnn
from oracles.random_trees import MIXED, random_history

from jetlego.errors import ConfigError, DataError
from jetlego.structures.forest import Forest, grow_trees


def _walk(children, root):
    """Depth-first, as anyone would write it: {node: depth}, leaves."""
    depths, leaves, stack = {}, set(), [(root, 0)]
    while stack:
        node, depth = stack.pop()
        depths[node] = depth
        left, right = children[node]
        if left < 0:
            leaves.add(node)
        else:
            stack += [(int(left), depth + 1), (int(right), depth + 1)]
    return depths, leaves


@pytest.mark.parametrize("algorithm", golden_recnn.ALGORITHMS)
def test_trees_of_the_reference_implementation(algorithm):
    golden = golden_recnn.reference()
    forest = grow_trees(golden_recnn.history(golden, algorithm))
    assert np.array_equal(forest.children, golden[f"{algorithm}/children"])
    stored = Forest.from_children(golden[f"{algorithm}/children"], golden_recnn.node_ptr(golden))
    for name in ("node_ptr", "jet_ptr", "depth", "order", "leaf", "level_size", "level_ptr"):
        assert np.array_equal(getattr(forest, name), getattr(stored, name)), name


def test_depth_order_and_levels_equal_a_plain_walk():
    forest = grow_trees(random_history(3))
    for jet, count in enumerate(MIXED):
        nodes = slice(forest.node_ptr[jet], forest.node_ptr[jet + 1])
        if not count:
            assert nodes.start == nodes.stop
            assert forest.root[jet] == -1
            continue
        root = forest.root[jet] - nodes.start
        depths, leaves = _walk(forest.children[nodes], int(root))
        assert forest.depth[nodes].tolist() == [depths[n] for n in range(2 * count - 1)]
        assert leaves == set(range(count))
        order = forest.order[nodes]
        assert sorted(order) == list(range(2 * count - 1))
        assert (np.diff(forest.depth[nodes][order]) >= 0).all()
        sizes = forest.level_size[forest.level_ptr[jet] : forest.level_ptr[jet + 1]]
        assert sizes.tolist() == np.bincount(forest.depth[nodes]).tolist()
        inner = order[forest.children[nodes][order, 0] >= 0]
        assert order[1:].tolist() == forest.children[nodes][inner].ravel().tolist()  # siblings side by side
        assert np.where(order < count, order, -1).tolist() == forest.leaf[nodes].tolist()


def test_harder_child_left_and_history_order():
    history = random_history(5)
    pt = np.hypot(history.node_p4[:, 0], history.node_p4[:, 1])
    forest, raw = grow_trees(history), grow_trees(history, order="history")
    inner = np.flatnonzero(~forest.is_leaf)
    pair = forest.node_ptr[forest.jet_of_node[inner], None] + forest.children[inner]
    assert (pt[pair[:, 0]] >= pt[pair[:, 1]]).all()
    assert np.array_equal(np.sort(forest.children[inner], axis=1), raw.children[inner])
    assert (raw.children[inner, 0] < raw.children[inner, 1]).all()


def test_equal_pt_keeps_the_lower_number_left():
    history = random_history(0, (2,))
    history.node_p4[1] = history.node_p4[0]
    assert grow_trees(history).children[2].tolist() == [0, 1]


def test_nodes_in_any_order():
    children = np.array([[2, 1], [-1, -1], [3, 4], [-1, -1], [-1, -1]])  # root first, as some files have it
    forest = Forest.from_children(children, np.array([0, 5]))
    assert forest.order.tolist() == [0, 2, 1, 3, 4]
    assert forest.leaf.tolist() == [-1, -1, 0, 1, 2]
    assert forest.depth.tolist() == [0, 1, 1, 2, 2]


def test_select_equals_growing_the_selected():
    history = random_history(7)
    index = np.array([4, 1, 4, 0, 9])
    chosen, regrown = grow_trees(history).select(index), grow_trees(history.select(index))
    for name in ("children", "node_ptr", "jet_ptr", "depth", "order", "leaf", "level_size", "level_ptr"):
        assert np.array_equal(getattr(chosen, name), getattr(regrown, name)), name


@pytest.mark.parametrize(
    ("children", "words"),
    [
        ([[-1, -1], [0, 3], [-1, -1]], "a child that the jet does not have"),
        ([[-1, -1], [0, -1], [-1, -1]], "has one child"),
        ([[-1, -1], [0, 0], [-1, -1]], "is the child of two nodes"),
        ([[-1, -1], [-1, -1]], "cannot be reached"),
        ([[1, 2], [0, 3], [-1, -1], [-1, -1]], "cannot be reached"),
        ([[-1, -1], [2, 3], [1, 4], [-1, -1], [-1, -1]], "cannot be reached"),
    ],
)
def test_what_is_no_tree_is_refused(children, words):
    empty_first = np.array([0, 0, len(children)])
    with pytest.raises(DataError, match=f"of jet 1 .*{words}"):
        Forest.from_children(np.array(children), empty_first)


def test_unknown_order_is_told_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'harder_left'"):
        grow_trees(random_history(0), order="harder_lft")
