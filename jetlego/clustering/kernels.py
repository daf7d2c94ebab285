"""Sequential recombination of one jet or event in O(n^2).

Every active node has a slot; slot i of row ROW of the scratch array ``r`` is ``r[ROW + i]``. An emptied slot is filled
by the last one, so that the rows stay compact, and slots behind the last one hold sentinels, so that every loop runs
over whole groups of ``LANES`` slots without remainder and without branches. With rows at a fixed distance the compiler
knows that they do not overlap, and turns each loop into vector instructions.

What makes it fast beyond that:

- the smallest d_ij belongs to some node i with the smaller weight w_i and to its *geometrically* nearest neighbor j
  (anything nearer to i would give a smaller d), so that ``w_i near_i`` is enough to find it (Cacciari, Salam,
  hep-ph/0512210);
- when the neighbor of i disappears, ``near_i`` stays as a lower bound and i is searched again only if that bound
  becomes the smallest of all. Most nodes are swallowed before that happens.

Ties: the smallest distance; among equal ones the pair with the smaller first, then second node number; the nearest
neighbor of a node at equal distances is the smaller node number; the beam counts as the largest number of all.
"""

from __future__ import annotations

import math

import numpy as np

from jetlego.clustering.jit import inner, larger, smaller
from jetlego.clustering.kinematics import E_SCHEME, TWO_PI, add, combine, rapidity_phi, weight_of

LANES = 16
MOST_NODES = 65536
"""Largest number of particles of a jet or event; the rows of the scratch array are that far apart."""

NUM_ROWS = 8
_ROW = MOST_NODES + LANES + 24  # not a multiple of a page, so that rows do not compete for the same cache lines
FIRST, SECOND, THIRD, WEIGHT, NEAR, NEIGHBOR, NODE, DISTANCE = (np.uint64(k * _ROW) for k in range(NUM_ROWS))
"""FIRST, SECOND: rapidity and azimuth; with THIRD: the unit vector on the sphere. NEAR: squared distance to NEIGHBOR.
Indices are unsigned, since numba lets signed ones count from the end, which costs a comparison."""

PAIR_BITS = 26
PAIR_BASE = float(1 << PAIR_BITS)  # the pair (a, b) is ordered as a * PAIR_BASE + b, exact in float64
STALE, ABSENT = -1.0, -3.0  # in NEIGHBOR: to be searched again; never there
NOBODY, BEAM = PAIR_BASE - 1, PAIR_BASE - 2  # larger than any node; NOBODY marks sentinels
LAST_PAIR = NOBODY * PAIR_BASE + NOBODY
FAR = 1e300  # beyond any squared distance, yet finite, since a weight may be 0


def scratch() -> np.ndarray:
    """Return an array of ``NUM_ROWS`` rows; only the pages that a jet needs are ever touched."""
    return np.empty(NUM_ROWS * _ROW)


@inner
def _coordinates(p, spherical):
    """Return rapidity, azimuth and 0; or on the sphere the unit vector."""
    if not spherical:
        y, phi = rapidity_phi(p[0], p[1], p[2], p[3])
        return y, phi, 0.0
    length = math.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
    if length == 0:
        return 0.0, 0.0, 1.0
    return p[0] / length, p[1] / length, p[2] / length


@inner
def _weight(p, power, spherical):
    return weight_of(p[3] * p[3] if spherical else p[0] * p[0] + p[1] * p[1], power)


@inner
def _write(r, slot, a, b, c, weight, near, neighbor, node):
    """Write all rows of a slot but DISTANCE."""
    r[FIRST + slot], r[SECOND + slot], r[THIRD + slot] = a, b, c
    r[WEIGHT + slot], r[NEAR + slot], r[NEIGHBOR + slot], r[NODE + slot] = weight, near, neighbor, node


@inner
def _empty(r, slot):
    """Put a sentinel into a slot: infinitely far from everything, never the smallest."""
    _write(r, slot, math.inf, 0.0, 0.0, 1.0, math.inf, NOBODY, NOBODY)


@inner
def _vacate(r, slot_of, slot, last):
    """Fill a slot by the last one."""
    if slot != last:
        for row in (FIRST, SECOND, THIRD, WEIGHT, NEAR, NEIGHBOR, NODE):
            r[row + slot] = r[row + last]
        slot_of[np.uint64(r[NODE + slot])] = slot
    _empty(r, last)


@inner
def _meet(r, n, spherical, slots):
    """Measure n nodes against each other, one against all at a time."""
    for j in range(n):
        a, b, c, node = r[FIRST + j], r[SECOND + j], r[THIRD + j], r[NODE + j]
        if spherical:
            for i in range(slots):
                d2 = _apart_on_sphere(r[FIRST + i] - a, r[SECOND + i] - b, r[THIRD + i] - c)
                near = r[NEAR + i]
                nearer = (d2 < near) & (r[NODE + i] != node)
                r[NEIGHBOR + i] = node if nearer else r[NEIGHBOR + i]
                r[NEAR + i] = d2 if nearer else near
        else:
            for i in range(slots):
                d2 = _apart(r[FIRST + i] - a, r[SECOND + i] - b)
                near = r[NEAR + i]
                nearer = (d2 < near) & (r[NODE + i] != node)
                r[NEIGHBOR + i] = node if nearer else r[NEIGHBOR + i]
                r[NEAR + i] = d2 if nearer else near


@inner
def _apart(dy, dphi):
    """Return the squared distance in rapidity and azimuth."""
    dphi = abs(dphi)
    dphi = smaller(dphi, TWO_PI - dphi)
    return dphi * dphi + dy * dy


@inner
def _apart_on_sphere(dx, dy, dz):
    """Return 1 - cos(theta) from the difference of two unit vectors, so that nothing cancels."""
    return 0.5 * (dx * dx + dy * dy + dz * dz)


@inner
def _enter_plane(r, a, b, node, gone1, gone2, slots):
    """Measure a new node against all, tell each whether it is nearer, and that two others are gone.

    The slot that still holds ``gone1`` is left out. Return the smallest distance, and the smallest weighted distance
    of the others: one pass for most of the work.
    """
    best, least = math.inf, math.inf
    for i in range(slots):
        d2 = _apart(r[FIRST + i] - a, r[SECOND + i] - b)
        alive = r[NODE + i] != gone1
        d2 = d2 if alive else math.inf
        r[DISTANCE + i] = d2
        best = smaller(best, d2)
        near, neighbor = r[NEAR + i], r[NEIGHBOR + i]
        lost = (neighbor == gone1) | (neighbor == gone2)
        r[NEIGHBOR + i] = node if d2 < near else (STALE if lost else neighbor)
        near = smaller(near, d2)
        r[NEAR + i] = near
        least = smaller(least, r[WEIGHT + i] * near if alive else math.inf)
    return best, least


@inner
def _enter_sphere(r, a, b, c, node, gone1, gone2, slots):
    """Do the same on the sphere."""
    best, least = math.inf, math.inf
    for i in range(slots):
        d2 = _apart_on_sphere(r[FIRST + i] - a, r[SECOND + i] - b, r[THIRD + i] - c)
        alive = r[NODE + i] != gone1
        d2 = d2 if alive else math.inf
        r[DISTANCE + i] = d2
        best = smaller(best, d2)
        near, neighbor = r[NEAR + i], r[NEIGHBOR + i]
        lost = (neighbor == gone1) | (neighbor == gone2)
        r[NEIGHBOR + i] = node if d2 < near else (STALE if lost else neighbor)
        near = smaller(near, d2)
        r[NEAR + i] = near
        least = smaller(least, r[WEIGHT + i] * near if alive else math.inf)
    return best, least


@inner
def _search_plane(r, a, b, node, slots):
    """Measure an old node against all others; return as ``_enter_plane``."""
    best, least = math.inf, math.inf
    for i in range(slots):
        other = r[NODE + i] != node
        d2 = _apart(r[FIRST + i] - a, r[SECOND + i] - b)
        d2 = d2 if other else math.inf
        r[DISTANCE + i] = d2
        best = smaller(best, d2)
        least = smaller(least, r[WEIGHT + i] * r[NEAR + i] if other else math.inf)
    return best, least


@inner
def _search_sphere(r, a, b, c, node, slots):
    """Do the same on the sphere."""
    best, least = math.inf, math.inf
    for i in range(slots):
        other = r[NODE + i] != node
        d2 = _apart_on_sphere(r[FIRST + i] - a, r[SECOND + i] - b, r[THIRD + i] - c)
        d2 = d2 if other else math.inf
        r[DISTANCE + i] = d2
        best = smaller(best, d2)
        least = smaller(least, r[WEIGHT + i] * r[NEAR + i] if other else math.inf)
    return best, least


@inner
def _firsts(r, distance, least, hidden, slots):
    """Return the smallest node at a DISTANCE, and the first pair at a weighted distance, as one number.

    The pair is negative if a stale slot has that weighted distance. The slot of ``hidden`` is left out.
    """
    first, pair = NOBODY, LAST_PAIR
    for i in range(slots):
        node, neighbor = r[NODE + i], r[NEIGHBOR + i]
        first = smaller(first, node if r[DISTANCE + i] == distance else NOBODY)
        here = smaller(node, neighbor) * PAIR_BASE + larger(node, neighbor)
        chosen = (r[WEIGHT + i] * r[NEAR + i] == least) & (node != hidden)
        pair = smaller(pair, here if chosen else LAST_PAIR)
    return first, pair


@inner
def _settle(r, weight, node, hidden, best, least, bound, slots):
    """Return a node's nearest neighbor and distance, the smallest weighted distance of all, and its first pair.

    The node is that of the slot in which ``hidden`` stands.
    """
    near = min(best, bound)
    mine = weight * near
    least = min(least, mine)
    neighbor, pair = _firsts(r, best, least, hidden, slots)
    if best >= bound:
        neighbor = BEAM
    if mine == least:
        pair = min(pair, min(node, neighbor) * PAIR_BASE + max(node, neighbor))
    return near, neighbor, least, pair


@inner
def _enter(r, slot, a, b, c, weight, node, gone1, gone2, bound, spherical, slots):
    """Write a new node into the slot of ``gone1``; return the smallest weighted distance and its first pair."""
    if spherical:
        best, least = _enter_sphere(r, a, b, c, node, gone1, gone2, slots)
    else:
        best, least = _enter_plane(r, a, b, node, gone1, gone2, slots)
    near, neighbor, least, pair = _settle(r, weight, node, gone1, best, least, bound, slots)
    _write(r, slot, a, b, c, weight, near, neighbor, node)
    return least, pair


@inner
def _search(r, slot, bound, spherical, slots):
    """Find the nearest neighbor of a stale slot; return the smallest weighted distance and its first pair."""
    a, b, c, weight, node = r[FIRST + slot], r[SECOND + slot], r[THIRD + slot], r[WEIGHT + slot], r[NODE + slot]
    if spherical:
        best, least = _search_sphere(r, a, b, c, node, slots)
    else:
        best, least = _search_plane(r, a, b, node, slots)
    near, neighbor, least, pair = _settle(r, weight, node, node, best, least, bound, slots)
    r[NEAR + slot], r[NEIGHBOR + slot] = near, neighbor
    return least, pair


@inner
def _forget(r, gone, slots):
    """Tell every slot that a node has become a jet; return the smallest weighted distance and its first pair."""
    least = math.inf
    for i in range(slots):
        neighbor = r[NEIGHBOR + i]
        r[NEIGHBOR + i] = STALE if neighbor == gone else neighbor
        least = smaller(least, r[WEIGHT + i] * r[NEAR + i])
    return least, _firsts(r, -1.0, least, ABSENT, slots)[1]


@inner
def _padded(count):
    """Return the number of slots to loop over for ``count`` nodes."""
    return (np.uint64(count) + np.uint64(LANES - 1)) // np.uint64(LANES) * np.uint64(LANES)


@inner
def _begin(p4, n, power, spherical, bound, r, slot_of):
    """Fill the slots with the constituents; return the smallest weighted distance and its first pair."""
    for slot in range(np.uint64(n), _padded(n)):
        _empty(r, slot)
    for slot in range(np.uint64(n)):
        a, b, c = _coordinates(p4[slot], spherical)
        _write(r, slot, a, b, c, _weight(p4[slot], power, spherical), bound, BEAM, np.float64(slot))
        slot_of[slot] = slot
    _meet(r, np.uint64(n), spherical, _padded(n))
    return _forget(r, ABSENT, _padded(n))


@inner
def sequence(p4, n, power, spherical, bound, beam, scheme, z_cut, wide2, r, slot_of, parents, dij):
    """Merge the nodes of one jet until one is left, or with the beam until none is.

    Parameters
    ----------
    p4
        (2n - 1, 4); rows ``0 .. n-1`` are given, those of the merges are written.
    bound
        Squared distance beyond which nobody is a neighbor: ``FAR``, or with the beam the scale of R.
    z_cut, wide2
        Of pruning, see ``combine``.
    r, slot_of
        ``scratch()``, and (2n,) uint64.
    parents, dij
        (n, 2) int64 and (n,), written: the two nodes, or a node and -1 for the beam; the weighted distance.
    """
    least, pair = _begin(p4, n, power, spherical, bound, r, slot_of)
    made = n
    for left in range(n, 0 if beam else 1, -1):
        last, slots, step = np.uint64(left - 1), _padded(left), n - left
        while pair < 0:  # (STALE, node)
            least, pair = _search(r, slot_of[np.uint64(pair + PAIR_BASE)], bound, spherical, slots)
        code = np.uint64(pair)
        first, second = code >> np.uint64(PAIR_BITS), code & np.uint64((1 << PAIR_BITS) - 1)
        dij[step], parents[step, 0], parents[step, 1] = least, first, second
        if second == BEAM:
            parents[step, 1] = -1
            _vacate(r, slot_of, slot_of[first], last)
            least, pair = _forget(r, np.float64(first), slots)
            continue
        slot1, slot2 = slot_of[first], slot_of[second]
        y1, phi1, y2, phi2 = r[FIRST + slot1], r[SECOND + slot1], r[FIRST + slot2], r[SECOND + slot2]
        _vacate(r, slot_of, slot2, last)
        if scheme == E_SCHEME:
            add(p4, first, second, made)
            a, b, c = _coordinates(p4[made], spherical)
        else:
            a, b, c = combine(p4, first, second, made, y1, phi1, y2, phi2, scheme, z_cut, wide2)
        weight, slot = _weight(p4[made], power, spherical), slot_of[first]
        least, pair = _enter(
            r, slot, a, b, c, weight, np.float64(made), np.float64(first), np.float64(second), bound, spherical, slots
        )
        slot_of[made] = slot
        made += 1
