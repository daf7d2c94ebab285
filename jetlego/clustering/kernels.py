"""Sequential recombination of one jet or event in O(n^2), on contiguous rows of float64.

Every active node has a slot in a few parallel rows; an emptied slot is filled by the last one, so that the rows stay
compact, and slots behind the last one hold sentinels, so that every loop runs over whole blocks of ``LANES`` slots
without a remainder and without branches: the compiler turns them into vector instructions.

What makes it fast beyond that:

- the smallest d_ij belongs to some node i with the smaller weight w_i and to its *geometrically* nearest neighbor j
  (anything nearer to i would give a smaller d), so that ``w_i * near_i`` is enough to find it (Cacciari, Salam,
  hep-ph/0512210);
- when the neighbor of i disappears, ``near_i`` stays as a lower bound and i is searched again only if that bound
  becomes the smallest of all. Most nodes are swallowed before that happens.

Ties: the smallest distance; among equal ones the pair with the smaller first, then second node number; the nearest
neighbor of a node at equal distances is the smaller node number; two nodes that merge go before one that ends as a jet.
"""

from __future__ import annotations

import math

import numpy as np

from jetlego.clustering.jit import exact, lanewise

LANES = 16
PAIR_BASE = 67108864.0  # 2^26: a pair (a, b) is ordered as a * 2^26 + b, exact in float64
MAX_RAPIDITY = 1e5  # FastJet's MaxRap, given to momenta along the beam
TWO_PI = 2 * math.pi

A, B, C, WEIGHT, NEAR, NEIGHBOR, NODE, DISTANCE, NUM_ROWS = range(9)
# A, B, C: rapidity, azimuth, unused; or the unit vector on the sphere. NEAR: squared distance to NEIGHBOR.

STALE, BEAM, ABSENT, NOBODY = -1.0, -2.0, -3.0, 67108863.0  # in NEIGHBOR; NOBODY marks sentinels, ordered last
TO_BEAM = 67108862  # in place of the first node of a pair
E_SCHEME, PT_SCHEME, WTA_PT = 0, 1, 2



@exact
def rapidity_phi(px, py, pz, energy):
    """Return rapidity and azimuth in [0, 2 pi) to the last bit as FastJet has them (formats.md, section 4)."""
    pt2 = px * px + py * py
    phi = math.atan2(py, px) if pt2 > 0 else 0.0
    if phi < 0:
        phi += TWO_PI
    if phi >= TWO_PI:
        phi -= TWO_PI
    size = abs(pz)
    mt2 = pt2 + max(0.0, (energy + pz) * (energy - pz) - pt2)
    plus = energy + size
    if mt2 <= 0 or plus <= 0 or (pt2 == 0 and energy == size):
        rapidity = MAX_RAPIDITY + size
        return (rapidity if pz >= 0 else -rapidity), phi
    rapidity = 0.5 * math.log(mt2 / (plus * plus))
    return (-rapidity if pz > 0 else rapidity), phi


@exact
def weight_of(scale2, power):
    """Return scale2^power, capped as FastJet caps it where a vanishing pT or E would give infinity."""
    if power == 0:
        return 1.0
    if power == 1:
        return scale2
    if power == -1:
        return 1.0 / scale2 if scale2 > 1e-300 else 1e300
    if scale2 <= 1e-300 and power < 0:
        scale2 = 1e-300
    return min(scale2**power, 1e300)


@exact
def _place(rows, slot, p, node, power, spherical, bound):
    """Write the coordinates and the weight of a momentum into a slot; nobody is known to be near."""
    rows[NEAR, slot], rows[NEIGHBOR, slot], rows[NODE, slot] = bound, BEAM, node
    if spherical:
        length = math.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
        inverse = 1.0 / length if length > 0 else 0.0
        rows[A, slot], rows[B, slot] = p[0] * inverse, p[1] * inverse
        rows[C, slot] = p[2] * inverse if length > 0 else 1.0
        rows[WEIGHT, slot] = weight_of(p[3] * p[3], power)
    else:
        rows[A, slot], rows[B, slot] = rapidity_phi(p[0], p[1], p[2], p[3])
        rows[WEIGHT, slot] = weight_of(p[0] * p[0] + p[1] * p[1], power)


@exact
def _empty(rows, slot):
    """Put a sentinel into a slot: infinitely far from everything, never the smallest."""
    rows[A, slot] = math.inf
    rows[B, slot] = 0.0
    rows[C, slot] = 0.0
    rows[WEIGHT, slot] = 1.0
    rows[NEAR, slot] = math.inf
    rows[NEIGHBOR, slot] = NOBODY
    rows[NODE, slot] = NOBODY


@lanewise
def _measure(rows, slot, blocks, spherical):
    """Fill DISTANCE with squared distances to a slot and return the smallest; the slot itself is left out."""
    a, b, c = rows[A, slot], rows[B, slot], rows[C, slot]
    rows[A, slot] = math.inf
    smallest = math.inf
    a_row, b_row, c_row, out = rows[A], rows[B], rows[C], rows[DISTANCE]
    if spherical:
        for i in range(blocks * LANES):
            da, db, dc = a_row[i] - a, b_row[i] - b, c_row[i] - c
            d2 = 0.5 * (da * da + db * db + dc * dc)  # 1 - cos(theta) without cancellation
            out[i] = d2
            smallest = min(smallest, d2)
    else:
        for i in range(blocks * LANES):
            da = a_row[i] - a
            db = abs(b_row[i] - b)
            db = min(db, TWO_PI - db)
            d2 = db * db + da * da
            out[i] = d2
            smallest = min(smallest, d2)
    rows[A, slot] = a
    return smallest


@lanewise
def _first_at(rows, value, blocks):
    """Return the smallest node number whose DISTANCE is ``value``."""
    distance, node = rows[DISTANCE], rows[NODE]
    first = NOBODY
    for i in range(blocks * LANES):
        first = min(first, node[i] if distance[i] == value else NOBODY)
    return first


@exact
def _seek(rows, slot, blocks, bound, spherical):
    """Find the nearest neighbor of a slot, or the beam if nobody is nearer than ``bound``."""
    smallest = _measure(rows, slot, blocks, spherical)
    if smallest < bound:
        rows[NEAR, slot], rows[NEIGHBOR, slot] = smallest, _first_at(rows, smallest, blocks)
    else:
        rows[NEAR, slot], rows[NEIGHBOR, slot] = bound, BEAM


@exact
def _announce(rows, node, gone1, gone2, blocks):
    """Tell every slot about a new node at DISTANCE, and that two others are gone."""
    distance, near, neighbor = rows[DISTANCE], rows[NEAR], rows[NEIGHBOR]
    for i in range(blocks * LANES):
        nearer = distance[i] < near[i]
        lost = (neighbor[i] == gone1) | (neighbor[i] == gone2)
        neighbor[i] = node if nearer else (STALE if lost else neighbor[i])
        near[i] = distance[i] if nearer else near[i]


@lanewise
def _smallest(rows, blocks):
    """Return the smallest weighted distance, lower bounds included."""
    weight, near = rows[WEIGHT], rows[NEAR]
    smallest = math.inf
    for i in range(blocks * LANES):
        smallest = min(smallest, weight[i] * near[i])
    return smallest


@lanewise
def _choose(rows, value, blocks):
    """Return what to do at the smallest weighted distance: a pair, a beam, or a stale slot to search (negative)."""
    weight, near, neighbor, node = rows[WEIGHT], rows[NEAR], rows[NEIGHBOR], rows[NODE]
    chosen = PAIR_BASE * PAIR_BASE
    for i in range(blocks * LANES):
        low, high = min(node[i], neighbor[i]), max(node[i], neighbor[i])
        key = low * PAIR_BASE + high
        key = TO_BEAM * PAIR_BASE + node[i] if neighbor[i] == BEAM else key
        key = -1.0 - i if neighbor[i] == STALE else key
        chosen = min(chosen, key if weight[i] * near[i] == value else PAIR_BASE * PAIR_BASE)
    return chosen


@exact
def _next_event(rows, blocks, bound, spherical):
    """Return (distance, key) of the next merge, searching stale neighbors until none is in the way."""
    while True:
        value = _smallest(rows, blocks)
        key = _choose(rows, value, blocks)
        if key >= 0:
            return value, key
        _seek(rows, int(-1.0 - key), blocks, bound, spherical)


@exact
def _combine(p4, first, second, made, rows, slot1, slot2, scheme):
    """Write the momentum of a merged node; return rapidity and azimuth where the scheme decides them."""
    pt1 = math.sqrt(p4[first, 0] ** 2 + p4[first, 1] ** 2)
    pt2 = math.sqrt(p4[second, 0] ** 2 + p4[second, 1] ** 2)
    pt = pt1 + pt2
    if scheme == E_SCHEME or pt == 0:
        for axis in range(4):
            p4[made, axis] = p4[first, axis] + p4[second, axis]
        return rapidity_phi(p4[made, 0], p4[made, 1], p4[made, 2], p4[made, 3])
    y1, phi1, y2, phi2 = rows[A, slot1], rows[B, slot1], rows[A, slot2], rows[B, slot2]
    mass = 0.0
    if scheme == WTA_PT:
        harder = first if pt1 >= pt2 else second
        y, phi = (y1, phi1) if pt1 >= pt2 else (y2, phi2)
        m2 = (p4[harder, 3] + p4[harder, 2]) * (p4[harder, 3] - p4[harder, 2]) - max(pt1, pt2) ** 2
        mass = math.sqrt(max(0.0, m2))
    else:
        phi2 += TWO_PI if phi1 - phi2 > math.pi else (-TWO_PI if phi1 - phi2 < -math.pi else 0.0)
        y, phi = (pt1 * y1 + pt2 * y2) / pt, (pt1 * phi1 + pt2 * phi2) / pt
        phi += TWO_PI if phi < 0 else (-TWO_PI if phi >= TWO_PI else 0.0)
    mt = math.sqrt(pt * pt + mass * mass)
    p4[made, 0], p4[made, 1] = pt * math.cos(phi), pt * math.sin(phi)
    p4[made, 2], p4[made, 3] = mt * math.sinh(y), mt * math.cosh(y)
    return y, phi


@exact
def _vacate(rows, slot_of, slot, last):
    """Fill a slot by the last one."""
    if slot != last:
        for row in range(DISTANCE):
            rows[row, slot] = rows[row, last]
        slot_of[int(rows[NODE, slot])] = slot
    _empty(rows, last)


@exact
def sequence(p4, n, power, spherical, bound, scheme, rows, slot_of, parents, dij):
    """Merge the nodes of one jet until one is left, or of one event until none is.

    Parameters
    ----------
    p4
        (2n - 1, 4); rows ``0 .. n-1`` are given, those of the merges are written.
    bound
        Squared distance of the beam in units of the weight: infinity for a jet, the scale of R for an event.
    rows, slot_of
        Scratch: (NUM_ROWS, >= n + 2 LANES) float64 and (2n,) int64.
    parents, dij
        (n, 2) int64 and (n,), written: the two nodes, or a node and -1 for the beam; the weighted distance.

    Returns
    -------
    int
        Number of nodes, constituents included.
    """
    _insert_all(p4, n, power, spherical, bound, rows, slot_of)
    made, last_step = n, (n if bound < math.inf else n - 1)
    for step in range(last_step):
        last = n - 1 - step
        blocks = last // LANES + 1
        dij[step], key = _next_event(rows, blocks, bound, spherical)
        first = int(key // PAIR_BASE)
        second = int(key - first * PAIR_BASE)
        if first == TO_BEAM:
            parents[step, 0], parents[step, 1] = second, -1
            _vacate(rows, slot_of, slot_of[second], last)
            _forget(rows, float(second), blocks)
            continue
        parents[step, 0], parents[step, 1] = first, second
        y, phi = _combine(p4, first, second, made, rows, slot_of[first], slot_of[second], scheme)
        _vacate(rows, slot_of, slot_of[second], last)
        slot = slot_of[first]
        _place(rows, slot, p4[made], float(made), power, spherical, bound)
        if not spherical and scheme != E_SCHEME:
            rows[A, slot], rows[B, slot] = y, phi
        slot_of[made] = slot
        _seek(rows, slot, blocks, bound, spherical)
        _announce(rows, float(made), float(first), float(second), blocks)
        made += 1
    return made


@exact
def _insert_all(p4, n, power, spherical, bound, rows, slot_of):
    """Fill the slots with the n constituents, each measured against those before it."""
    for slot in range((n // LANES + 1) * LANES):
        _empty(rows, slot)
    for i in range(n):
        blocks = i // LANES + 1
        slot_of[i] = i
        _place(rows, i, p4[i], float(i), power, spherical, bound)
        _seek(rows, i, blocks, bound, spherical)
        _announce(rows, float(i), ABSENT, ABSENT, blocks)


@exact
def _forget(rows, gone, blocks):
    """Tell every slot that a node has become a jet."""
    neighbor = rows[NEIGHBOR]
    for i in range(blocks * LANES):
        neighbor[i] = STALE if neighbor[i] == gone else neighbor[i]


@exact
def recluster_jets(
    p4, jet_ptr, node_ptr, merge_ptr, first, last, power, spherical, bound, scheme, node_p4, parents, dij
):
    """Recluster jets ``first .. last - 1``; arrays as in ``History``, ``dij`` not yet divided by the scale."""
    most = 1
    for jet in range(first, last):
        most = max(most, jet_ptr[jet + 1] - jet_ptr[jet])
    rows, slot_of = np.empty((NUM_ROWS, most + 2 * LANES)), np.empty(2 * most, np.int64)
    for jet in range(first, last):
        start, n = jet_ptr[jet], jet_ptr[jet + 1] - jet_ptr[jet]
        nodes = node_p4[node_ptr[jet] : node_ptr[jet + 1]]
        for i in range(n):
            for axis in range(4):
                nodes[i, axis] = p4[start + i, axis]
            if scheme != E_SCHEME:
                nodes[i, 3] = _massless_energy(nodes[i], scheme)
        merges = slice(merge_ptr[jet], merge_ptr[jet + 1])
        sequence(nodes, n, power, spherical, bound, scheme, rows, slot_of, parents[merges], dij[merges])


@exact
def _massless_energy(p, scheme):
    """Return the energy with which a constituent enters: |p| in the pt_scheme, its own otherwise."""
    return math.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]) if scheme == PT_SCHEME else p[3]
