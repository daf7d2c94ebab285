"""All binary trees over a few constituents at once: their sum and the best of them, by dynamic programming.

    Z({i}) = leaf(i)        Z(S) = sum over splits S = A + B of w(A, B) Z(A) Z(B)

Every unordered split is met once: A holds the lowest constituent of S. There are (2n - 3)!! trees over n constituents
and the cost is O(3^n), so that n <= 12 or so is exact in seconds (Macaluso et al., arXiv:2002.11661).
Sets of constituents are integers whose bit i tells whether constituent i is in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import ConfigError

MOST_LEAVES = 14

LogWeight = Callable[[int, int], float]


@dataclass(frozen=True)
class Trellis:
    """Sums over all trees below each set of constituents.

    Parameters
    ----------
    log_z
        (2^n,) logarithm of the sum over the trees below a set; -inf for the empty one.
    log_best
        (2^n,) logarithm of the weight of the best tree below a set.
    best_split
        (2^n,) the half of a set, in its best tree, that holds its lowest constituent.
    num_leaves
        n.
    """

    log_z: FloatArray
    log_best: FloatArray
    best_split: IntArray
    num_leaves: int

    @property
    def everything(self) -> int:
        """The set of all constituents."""
        return (1 << self.num_leaves) - 1

    @property
    def total(self) -> float:
        """Logarithm of the sum over all trees."""
        return float(self.log_z[self.everything])

    def best_parents(self) -> list[tuple[int, int]]:
        """Return the best tree as merges in the numbering of ``History``; deeper ones first."""
        merges: list[tuple[int, int]] = []

        def node_of(members: int) -> int:
            if members & (members - 1) == 0:
                return members.bit_length() - 1
            half = int(self.best_split[members])
            pair = sorted((node_of(half), node_of(members ^ half)))
            merges.append((pair[0], pair[1]))
            return self.num_leaves + len(merges) - 1

        node_of(self.everything)
        return merges


def splits(members: int) -> Iterator[int]:
    """Yield each proper part of a set that holds its lowest constituent: one for every unordered split."""
    lowest = members & -members
    rest = members ^ lowest
    part = rest
    while part:
        part = (part - 1) & rest
        yield part | lowest


def trellis(num_leaves: int, log_weight: LogWeight, *, log_leaf: FloatArray | None = None) -> Trellis:
    """Return the sum over all binary trees, and the best one.

    Parameters
    ----------
    num_leaves
        n, at least 1.
    log_weight
        Function of two disjoint sets A and B, A with the lowest constituent; the logarithm of w(A, B), -inf allowed.
    log_leaf
        (n,) logarithms of the leaf terms; 0 by default.
    """
    if not 1 <= num_leaves <= MOST_LEAVES:
        raise ConfigError("BAD-VALUE", f"a trellis over {num_leaves} constituents", f"from 1 to {MOST_LEAVES}")
    leaf = np.zeros(num_leaves) if log_leaf is None else log_leaf
    log_z, log_best = np.full(1 << num_leaves, -np.inf), np.full(1 << num_leaves, -np.inf)
    best_split = np.zeros(1 << num_leaves, np.int64)
    for i in range(num_leaves):
        log_z[1 << i] = log_best[1 << i] = leaf[i]
    for members in range(1, 1 << num_leaves):
        if members & (members - 1) == 0:
            continue
        terms = []
        for half in splits(members):
            weight = log_weight(half, members ^ half)
            terms.append(weight + log_z[half] + log_z[members ^ half])
            best = weight + log_best[half] + log_best[members ^ half]
            if best > log_best[members]:
                log_best[members], best_split[members] = best, half
        log_z[members] = _log_sum(terms)
    return Trellis(log_z, log_best, best_split, num_leaves)


def posterior(table: Trellis, log_weight: LogWeight) -> FloatArray:
    """Return (2^n,) probability that a set of constituents is a node of the tree.

    The sum over trees outside of a set is passed down from the root: out(A) = sum over B of out(A + B) w(A, B) Z(B).
    """
    outside = np.full(len(table.log_z), -np.inf)
    outside[table.everything] = 0.0
    for members in range(table.everything, 0, -1):
        if outside[members] == -np.inf or members & (members - 1) == 0:
            continue
        for half in splits(members):
            other = members ^ half
            weight = outside[members] + log_weight(half, other)
            outside[half] = np.logaddexp(outside[half], weight + table.log_z[other])
            outside[other] = np.logaddexp(outside[other], weight + table.log_z[half])
    return np.exp(outside + table.log_z - table.total)


def _log_sum(terms: list[float]) -> float:
    largest = max(terms)
    if largest == -math.inf:
        return -math.inf
    return largest + math.log(sum(math.exp(term - largest) for term in terms))
