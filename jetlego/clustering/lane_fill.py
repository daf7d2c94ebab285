"""How the lanes of ``abreast`` are filled: nodes of eight jets in rows of slots, with rapidity, azimuth and weight."""

from __future__ import annotations

import math

import numpy as np

from jetlego.clustering.jit import dissolved
from jetlego.clustering.kinematics import TWO_PI, rapidity_of, rapidity_ratio, weight_of
from jetlego.clustering.lane_passes import LANES, NEAR, NEIGHBOR, NEXT, NOBODY, NODE, PHI, WEIGHT, Y, index

ZERO = index(0)


@dissolved
def whole(x):
    """Return a node or slot as an index: unsigned, since numba lets signed ones count from the end."""
    return np.uint64(np.int64(x))


@dissolved
def write(r, at, y, phi, weight, near, next_, neighbor, node):
    """Write all rows of a slot."""
    r[Y + at], r[PHI + at], r[WEIGHT + at] = y, phi, weight
    r[NEAR + at], r[NEXT + at], r[NEIGHBOR + at], r[NODE + at] = near, next_, neighbor, node


@dissolved
def azimuth(phi, px, py):
    """Return the azimuth as ``kinematics.rapidity_phi`` does, from the answer of ``azimuths``."""
    if phi != phi:
        phi = math.atan2(py, px) if px * px + py * py > 0 else 0.0
    if phi < 0:
        phi += TWO_PI
    if phi >= TWO_PI:
        phi -= TWO_PI
    return phi


@dissolved
def rapidity(ratio, log, pz):
    """Return the rapidity as ``kinematics.rapidity_phi`` does, from the answer of ``logarithms``."""
    return rapidity_of(ratio, math.log(ratio) if log != log else log, pz)


@dissolved
def lay_out(lane, p4, start, n, most, r, node_p4, base):
    """Copy the constituents of a jet; what angles are taken from stands in rows Y, NEAR, NEIGHBOR and NODE."""
    for slot in range(ZERO, n):
        for axis in range(4):
            node_p4[base + slot, axis] = p4[start + slot, axis]
        at, px, py = slot * LANES + lane, p4[start + slot, 0], p4[start + slot, 1]
        r[NEAR + at], r[NEIGHBOR + at], r[NODE + at] = px, py, p4[start + slot, 2]
        r[Y + at] = rapidity_ratio(px * px + py * py, p4[start + slot, 2], p4[start + slot, 3])
    for slot in range(n, most):
        at = slot * LANES + lane
        r[NEAR + at], r[NEIGHBOR + at], r[Y + at] = 1.0, 1.0, 1.0


@dissolved
def begin(lane, n, most, power, r, slot_of):
    """Fill the slots of a lane; PHI and WEIGHT hold azimuths and logarithms."""
    for slot in range(ZERO, n):
        at = slot * LANES + lane
        px, py = r[NEAR + at], r[NEIGHBOR + at]
        y, phi = rapidity(r[Y + at], r[WEIGHT + at], r[NODE + at]), azimuth(r[PHI + at], px, py)
        write(r, at, y, phi, weight_of(px * px + py * py, power), math.inf, math.inf, NOBODY, float(slot))
        slot_of[lane, slot] = slot
    for slot in range(n, most):
        write(r, slot * LANES + lane, math.inf, 0.0, 1.0, math.inf, math.inf, NOBODY, NOBODY)
