"""Eight jets clustered abreast, one in each vector lane: the merges of ``kernels.sequence``, bit for bit.

The lanes keep their own pace: in each round a jet either merges two nodes and measures the new one, or measures a node
again whose neighbor is gone. Both ask the same of ``lane_passes.measure``, which does all the work that grows with n^2;
what is left are a few numbers per round and jet, among them logarithms and angles, which eight jets take together.

Ties are rare and cost a loop of their own, see ``_choose``; the rule is that of ``kernels``.
"""

from __future__ import annotations

import math

import numpy as np

from jetlego.clustering.jit import dissolved, inner
from jetlego.clustering.kinematics import TWO_PI, rapidity_ratio, weight_of
from jetlego.clustering.lane_fill import ZERO, azimuth, begin, lay_out, rapidity, whole, write
from jetlego.clustering.lane_passes import (
    ASK_NODE,
    ASK_PHI,
    ASK_Y,
    BEST,
    BEST_SLOT,
    BEST_TIES,
    GONE,
    GONE_TOO,
    LANES,
    LEAST,
    LEAST_SLOT,
    LEAST_TIES,
    MOST_ABREAST,
    NEAR,
    NEIGHBOR,
    NEW_LOG,
    NEW_PHI,
    NEW_RATIO,
    NEW_X,
    NEW_Y,
    NEW_Z,
    NEXT,
    NOBODY,
    NODE,
    PHI,
    SCRATCH,
    SECOND,
    WEIGHT,
    Y,
    index,
    measure,
    meet,
)
from jetlego.clustering.precise import azimuths, logarithms

LEFT, MADE, FIRST_NODE, NEXT_MERGE, ASKED, IS_NEW = (index(k) for k in range(6))
"""Of each lane: number of slots, number of the next node, row of node 0, row of the next merge; slot that is being
measured, and whether its node is new."""

ONE, TWO, NO_SLOT = index(1), index(2), index(MOST_ABREAST)
ELSEWHERE = 1e150  # a rapidity from which nothing is near


def lane_scratch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the arrays ``r``, ``slot_of`` and ``lanes`` of :func:`recluster_abreast`."""
    lanes = int(LANES)
    return np.zeros(SCRATCH), np.zeros((lanes, 2 * MOST_ABREAST), np.uint64), np.zeros((lanes, 6), np.uint64)


@dissolved
def _rest(lane, r, lanes):
    """Ask nothing."""
    lanes[lane, ASKED], lanes[lane, IS_NEW] = NO_SLOT, ZERO
    r[ASK_Y + lane], r[ASK_PHI + lane], r[ASK_NODE + lane] = ELSEWHERE, 0.0, NOBODY
    r[GONE + lane], r[GONE_TOO + lane] = NOBODY, NOBODY


@dissolved
def _ask(lane, slot, node, is_new, r, lanes):
    """Ask for the neighbor of the node in a slot, which is out of reach until the answer is there."""
    at = slot * LANES + lane
    lanes[lane, ASKED], lanes[lane, IS_NEW] = slot, is_new
    r[ASK_Y + lane], r[ASK_PHI + lane], r[ASK_NODE + lane] = r[Y + at], r[PHI + at], node
    r[Y + at], r[NEAR + at], r[NEXT + at], r[NEIGHBOR + at] = math.inf, math.inf, math.inf, NOBODY


@dissolved
def _first_neighbor(lane, slots, r):
    """Return the smallest node at the distance that was found."""
    first = math.inf
    for slot in range(ZERO, slots):
        at = slot * LANES + lane
        dy, dphi = r[Y + at] - r[ASK_Y + lane], abs(r[PHI + at] - r[ASK_PHI + lane])
        dphi = min(dphi, TWO_PI - dphi)
        if dphi * dphi + dy * dy == r[BEST + lane] and r[NODE + at] < first:
            first = r[NODE + at]
    return first


@dissolved
def _answer(lane, r, lanes):
    """Write the neighbor of the node that was measured; return its weighted distance."""
    slot = lanes[lane, ASKED]
    if slot == NO_SLOT:
        return math.inf
    at = slot * LANES + lane
    if r[BEST_TIES + lane] > 0:
        neighbor = _first_neighbor(lane, lanes[lane, LEFT], r)
    else:
        neighbor = r[NODE + whole(r[BEST_SLOT + lane]) * LANES + lane]
    r[Y + at], r[NEIGHBOR + at] = r[ASK_Y + lane], neighbor
    r[NEAR + at], r[NEXT + at] = r[BEST + lane], r[SECOND + lane]
    return r[WEIGHT + at] * r[BEST + lane]


@dissolved
def _alone(lane, slot, r):
    """Whether the neighbor of a slot's node is gone, so that NEAR is but a lower bound."""
    return r[NEIGHBOR + slot * LANES + lane] == NOBODY


@dissolved
def _mutual(lane, slot, r, slot_of):
    """Whether a node's neighbor has that node for neighbor, at the same weighted distance."""
    if _alone(lane, slot, r):
        return False
    at = slot * LANES + lane
    other = slot_of[lane, whole(r[NEIGHBOR + at])] * LANES + lane
    same = r[WEIGHT + at] * r[NEAR + at] == r[WEIGHT + other] * r[NEAR + other]
    return same and r[NEIGHBOR + other] == r[NODE + at]


@dissolved
def _first_slot(lane, slots, least, r, slot_of):
    """Return the slot whose pair comes first among those at a weighted distance, or one that has to search again."""
    low, high, chosen = math.inf, math.inf, ZERO
    for slot in range(ZERO, slots):
        at = slot * LANES + lane
        if r[WEIGHT + at] * r[NEAR + at] == least:
            if _alone(lane, slot, r):
                return slot
            one, two = min(r[NODE + at], r[NEIGHBOR + at]), max(r[NODE + at], r[NEIGHBOR + at])
            if one < low or (one == low and two < high):
                low, high, chosen = one, two, slot
    return chosen


@dissolved
def _choose(lane, r, slot_of, lanes):
    """Return the slot of the node that has the smallest weighted distance, and that distance.

    Two nodes that have each other for neighbor may have the same one: that is no tie.
    """
    mine = _answer(lane, r, lanes)
    least, slot, ties = r[LEAST + lane], whole(r[LEAST_SLOT + lane]), r[LEAST_TIES + lane]
    if mine < least:
        least, slot, ties = mine, lanes[lane, ASKED], 0.0
    elif mine == least:
        ties += 1
    if ties > 1 or (ties == 1 and not _mutual(lane, slot, r, slot_of)):
        slot = _first_slot(lane, lanes[lane, LEFT], least, r, slot_of)
    return slot, least


@dissolved
def _vacate(lane, slot, last, r, slot_of):
    """Fill a slot by the last one."""
    at, end = slot * LANES + lane, last * LANES + lane
    if slot != last:
        write(r, at, r[Y + end], r[PHI + end], r[WEIGHT + end], r[NEAR + end], r[NEXT + end],
              r[NEIGHBOR + end], r[NODE + end])  # fmt: skip
        slot_of[lane, whole(r[NODE + at])] = slot
    write(r, end, math.inf, 0.0, 1.0, math.inf, math.inf, NOBODY, NOBODY)


@dissolved
def _merge(lane, slot, least, power, r, slot_of, lanes, node_p4, parents, dij):
    """Merge a slot's node with its neighbor and ask for the neighbor of the new node, whose angles are to come."""
    at, merge = slot * LANES + lane, lanes[lane, NEXT_MERGE]
    one, two = whole(r[NODE + at]), whole(r[NEIGHBOR + at])
    first, second, made, base = min(one, two), max(one, two), lanes[lane, MADE], lanes[lane, FIRST_NODE]
    parents[merge, 0], parents[merge, 1], dij[merge] = first, second, least
    for axis in range(4):
        node_p4[base + made, axis] = node_p4[base + first, axis] + node_p4[base + second, axis]
    lanes[lane, LEFT] -= ONE
    lanes[lane, MADE] += ONE
    lanes[lane, NEXT_MERGE] += ONE
    if lanes[lane, LEFT] == ONE:
        _rest(lane, r, lanes)
        return
    _vacate(lane, slot_of[lane, second], lanes[lane, LEFT], r, slot_of)
    into, row = slot_of[lane, first], base + made
    r[GONE + lane], r[GONE_TOO + lane] = float(first), float(second)
    px, py = node_p4[row, 0], node_p4[row, 1]
    pt2 = px * px + py * py
    r[NEW_X + lane], r[NEW_Y + lane], r[NEW_Z + lane] = px, py, node_p4[row, 2]
    r[NEW_RATIO + lane] = rapidity_ratio(pt2, node_p4[row, 2], node_p4[row, 3])
    write(r, into * LANES + lane, 0.0, 0.0, weight_of(pt2, power), math.inf, math.inf, NOBODY, float(made))
    slot_of[lane, made] = into
    _ask(lane, into, float(made), ONE, r, lanes)


@dissolved
def _aim(r, lanes):
    """Write rapidity and azimuth of the nodes that this round has made."""
    azimuths(r, NEW_X, NEW_Y, NEW_PHI, LANES)
    logarithms(r, NEW_RATIO, NEW_LOG, LANES)
    for lane in range(ZERO, LANES):
        if lanes[lane, IS_NEW]:
            phi = azimuth(r[NEW_PHI + lane], r[NEW_X + lane], r[NEW_Y + lane])
            r[ASK_PHI + lane], r[PHI + lanes[lane, ASKED] * LANES + lane] = phi, phi
            r[ASK_Y + lane] = rapidity(r[NEW_RATIO + lane], r[NEW_LOG + lane], r[NEW_Z + lane])


@dissolved
def _start(jets, p4, jet_ptr, node_ptr, merge_ptr, power, r, slot_of, lanes, node_p4):
    """Fill the lanes with up to ``LANES`` jets; return the number of slots of the largest."""
    most = ZERO
    for jet in jets:
        most = max(most, np.uint64(jet_ptr[jet + 1] - jet_ptr[jet]))
    for lane in range(ZERO, LANES):
        filled = np.int64(lane) < len(jets)
        jet = np.uint64(jets[np.int64(lane) if filled else 0])
        n = np.uint64(jet_ptr[jet + ONE] - jet_ptr[jet]) if filled else ZERO
        lanes[lane, LEFT], lanes[lane, MADE] = n, n
        lanes[lane, FIRST_NODE], lanes[lane, NEXT_MERGE] = np.uint64(node_ptr[jet]), np.uint64(merge_ptr[jet])
        lay_out(lane, p4, np.uint64(jet_ptr[jet]), n, most, r, node_p4, np.uint64(node_ptr[jet]))
    azimuths(r, NEAR, NEIGHBOR, PHI, most * LANES)
    logarithms(r, Y, WEIGHT, most * LANES)
    for lane in range(ZERO, LANES):
        begin(lane, lanes[lane, LEFT], most, power, r, slot_of)
        _rest(lane, r, lanes)
    meet(r, most)
    return most


@inner
def recluster_abreast(
    order, p4, jet_ptr, node_ptr, merge_ptr, power, r, slot_of, lanes, node_p4, parents, dij
):
    """Recluster jets of at most ``MOST_ABREAST`` constituents with the E-scheme.

    ``order`` holds the numbers of the jets, best sorted by size, since eight take as long as the largest of them. Other
    arrays as in ``History``; ``dij`` is not yet divided by the scale.
    """
    for first in range(0, len(order), np.int64(LANES)):
        jets = order[first : first + np.int64(LANES)]
        most = _start(jets, p4, jet_ptr, node_ptr, merge_ptr, power, r, slot_of, lanes, node_p4)
        while most > ONE:
            measure(r, most)
            most = ZERO
            for lane in range(ZERO, LANES):
                if lanes[lane, LEFT] < TWO:
                    continue
                slot, least = _choose(lane, r, slot_of, lanes)
                if _alone(lane, slot, r):
                    _ask(lane, slot, r[NODE + slot * LANES + lane], ZERO, r, lanes)
                else:
                    _merge(lane, slot, least, power, r, slot_of, lanes, node_p4, parents, dij)
                most = max(most, lanes[lane, LEFT])
            _aim(r, lanes)
