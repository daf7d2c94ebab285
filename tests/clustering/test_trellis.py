"""The trellis against an enumeration of all trees."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from jetlego.clustering.history import History
from jetlego.clustering.trellis import posterior, trellis
from jetlego.errors import ConfigError


def all_trees(leaves: tuple):
    """Yield every binary tree as nested frozensets of leaves: (members, left, right) or (members,)."""
    if len(leaves) == 1:
        yield (frozenset(leaves),)
        return
    first, rest = leaves[0], leaves[1:]
    for size in range(len(rest)):
        for others in itertools.combinations(rest, size):
            left = (first, *others)
            right = tuple(x for x in rest if x not in others)
            for a, b in itertools.product(all_trees(left), all_trees(right)):
                yield (frozenset(leaves), a, b)


def mask(members) -> int:
    return sum(1 << i for i in members)


def weigh(tree, log_weight, leaf) -> float:
    if len(tree) == 1:
        return leaf[min(tree[0])]
    _, a, b = tree
    return log_weight(mask(a[0]), mask(b[0])) + weigh(a, log_weight, leaf) + weigh(b, log_weight, leaf)


def nodes(tree):
    yield mask(tree[0])
    for branch in tree[1:]:
        yield from nodes(branch)


@pytest.mark.parametrize(("n", "count"), [(1, 1), (2, 1), (3, 3), (4, 15), (5, 105), (6, 945)])
def test_number_of_trees(n, count):
    assert math.exp(trellis(n, lambda a, b: 0.0).total) == pytest.approx(count)
    assert sum(1 for _ in all_trees(tuple(range(n)))) == count


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
def test_sum_best_and_posterior(n):
    rng = np.random.default_rng(n)
    table, leaf = rng.normal(size=(1 << n, 1 << n)), rng.normal(size=n)

    def log_weight(a: int, b: int) -> float:
        return table[a, b]

    trees = list(all_trees(tuple(range(n))))
    weights = np.array([weigh(tree, log_weight, leaf) for tree in trees])
    found = trellis(n, log_weight, log_leaf=leaf)
    assert found.total == pytest.approx(np.logaddexp.reduce(weights))
    assert found.log_best[found.everything] == pytest.approx(weights.max())
    best = set(nodes(trees[int(weights.argmax())]))
    below = [1 << i for i in range(n)]
    for one, two in found.best_parents():
        below.append(below[one] | below[two])
    assert set(below) == best
    probability = np.zeros(1 << n)
    for tree, weight in zip(trees, weights, strict=True):
        probability[list(nodes(tree))] += np.exp(weight - found.total)
    np.testing.assert_allclose(posterior(found, log_weight), probability, atol=1e-12)


def test_best_parents_are_a_history():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(256, 256))
    merges = trellis(8, lambda a, b: table[a, b]).best_parents()
    assert History.from_parents(merges, np.ones((8, 4)), [0, 8]).node_p4[-1].tolist() == [8, 8, 8, 8]


def test_impossible_trees():
    assert trellis(3, lambda a, b: -math.inf).total == -math.inf
    with pytest.raises(ConfigError, match="from 1 to"):
        trellis(40, lambda a, b: 0.0)
