"""The packed history: derived arrays, selection, and trees that somebody else has built."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.sample_jets import some_jets

from jetlego.clustering.cluster import cluster
from jetlego.clustering.history import History
from jetlego.errors import DataError


def test_small_history_by_hand():
    p4 = np.arange(24.0).reshape(6, 4)
    history = History.from_parents([[2, 0], [3, 1], [1, 0]], p4, [0, 3, 3, 4, 6])
    assert history.parents.tolist() == [[0, 2], [1, 3], [0, 1]]
    assert history.merge_ptr.tolist() == [0, 2, 2, 2, 3]
    assert history.node_ptr.tolist() == [0, 5, 5, 6, 9]
    assert history.child.tolist() == [3, 4, 3, 4, -1, -1, 2, 2, -1]
    assert history.num_jets == 4
    assert history.num_constituents.tolist() == [3, 0, 1, 2]
    np.testing.assert_array_equal(history.node_p4[3:6], [p4[0] + p4[2], p4[:3].sum(axis=0), p4[3]])
    np.testing.assert_array_equal(history.node_p4[-1], p4[4] + p4[5])
    assert history.dij.tolist() == [0, 0, 0]


def test_rebuilding_from_parents_gives_the_same_history():
    p4, ptr = some_jets(20)
    history = cluster(p4, ptr, algorithm="anti_kt")
    again = History.from_parents(history.parents[:, ::-1], p4, ptr, dij=history.dij)
    for field in ("parents", "dij", "node_ptr", "jet_ptr", "node_p4"):
        np.testing.assert_array_equal(getattr(again, field), getattr(history, field))


@pytest.mark.parametrize("index", [[3, 0, 7, 3], [], [-1]])
def test_selecting_jets(index):
    p4, ptr = some_jets(5)
    history = cluster(p4, ptr, algorithm="kt")
    chosen = history.select(np.array(index, int))
    counts = np.diff(ptr)[np.array(index, int)]
    rows = [np.arange(ptr[i % 10], ptr[i % 10 + 1]) for i in index]
    alone = cluster(p4[np.concatenate([[], *rows]).astype(int)], np.cumsum([0, *counts]), algorithm="kt")
    for field in ("parents", "dij", "node_ptr", "jet_ptr", "node_p4", "merge_ptr", "child"):
        np.testing.assert_array_equal(getattr(chosen, field), getattr(alone, field))


def test_selecting_by_mask():
    history = cluster(*some_jets(5), algorithm="kt")
    mask = history.num_constituents > np.median(history.num_constituents)
    np.testing.assert_array_equal(history.select(mask).dij, history.select(np.flatnonzero(mask)).dij)


def test_running_maximum():
    history = cluster(*some_jets(10), algorithm="anti_kt")
    pieces = np.split(history.dij, history.merge_ptr[1:-1])
    np.testing.assert_array_equal(history.running_max_dij, np.concatenate([np.maximum.accumulate(d) for d in pieces]))
    assert (history.running_max_dij > history.dij).any()


@pytest.mark.parametrize(
    ("parents", "complaint"),
    [
        ([[0, 1], [0, 2]], "node 0 of jet 0 merges twice"),
        ([[0, 3], [1, 2]], "merge 0 of jet 0 uses a node that is not made"),
        ([[-1, 1], [2, 3]], "merge 0 of jet 0"),
        ([[0, 1]], "offsets"),
    ],
)
def test_bad_trees(parents, complaint):
    with pytest.raises(DataError, match=complaint):
        History.from_parents(parents, np.ones((3, 4)), [0, 3])
