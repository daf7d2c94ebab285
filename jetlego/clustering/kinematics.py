"""Scalar kinematics for the kernels: rapidity and azimuth, weights, and how two momenta become one."""

from __future__ import annotations

import math

from jetlego.clustering.jit import inner

TWO_PI = 2 * math.pi
MAX_RAPIDITY = 1e5  # FastJet's MaxRap, given to momenta along the beam
LARGEST_WEIGHT = 1e150
E_SCHEME, PT_SCHEME, WTA_PT, PRUNING = 0, 1, 2, 3


@inner
def rapidity_phi(px, py, pz, energy):
    """Return rapidity and azimuth in [0, 2 pi), to the last bit as FastJet has them.

    The squared mass is clamped at zero before it enters, which keeps the rapidity of light, forward particles right
    (FastJet user manual, arXiv:1111.6097, PseudoJet).
    """
    pt2 = px * px + py * py
    phi = math.atan2(py, px) if pt2 > 0 else 0.0
    if phi < 0:
        phi += TWO_PI
    if phi >= TWO_PI:
        phi -= TWO_PI
    ratio = rapidity_ratio(pt2, pz, energy)
    return rapidity_of(ratio, math.log(ratio), pz), phi


@inner
def rapidity_ratio(pt2, pz, energy):
    """Return mT^2 / (E + |pz|)^2, whose logarithm is minus twice the size of the rapidity; -1 along the beam."""
    size = abs(pz)
    mt2 = pt2 + max(0.0, (energy + pz) * (energy - pz) - pt2)
    plus = energy + size
    if mt2 <= 0 or plus <= 0 or (pt2 == 0 and energy == size):
        return -1.0
    return mt2 / (plus * plus)


@inner
def rapidity_of(ratio, log, pz):
    """Return the rapidity that belongs to a ratio and its logarithm."""
    if ratio < 0:
        rapidity = MAX_RAPIDITY + abs(pz)
        return rapidity if pz >= 0 else -rapidity
    return -0.5 * log if pz > 0 else 0.5 * log


@inner
def weight_of(scale2, power):
    """Return scale2^power, capped where a vanishing pT or E would give infinity.

    FastJet caps at 1e300; half of its digits leave room for a squared distance between particles along the beam.
    """
    if power == 0:
        return 1.0
    if power == 1:
        return scale2
    if power == -1:
        return 1.0 / scale2 if scale2 > 1e-150 else LARGEST_WEIGHT
    if scale2 < 1e-300:
        scale2 = 1e-300
    return min(scale2**power, LARGEST_WEIGHT)


@inner
def add(p4, first, second, made):
    """Write the sum of two momenta (E-scheme)."""
    for axis in range(4):
        p4[made, axis] = p4[first, axis] + p4[second, axis]


@inner
def combine(p4, first, second, made, y1, phi1, y2, phi2, scheme, z_cut, wide2):
    """Write the momentum of a node merged in another scheme than E; return its rapidity, azimuth and 0.

    Rapidity and azimuth of the two nodes are given, since in these schemes they are not those of the momenta. Pruning
    drops the softer of two if it is softer than ``z_cut`` and farther than the square root of ``wide2``.
    """
    pt1, pt2 = math.hypot(p4[first, 0], p4[first, 1]), math.hypot(p4[second, 0], p4[second, 1])
    pt, mass = pt1 + pt2, 0.0
    if scheme == PRUNING:
        dphi = min(abs(phi1 - phi2), TWO_PI - abs(phi1 - phi2))
        add(p4, first, second, made)
        if dphi * dphi + (y1 - y2) ** 2 > wide2 and min(pt1, pt2) < z_cut * math.hypot(p4[made, 0], p4[made, 1]):
            for axis in range(4):
                p4[made, axis] = p4[first if pt1 >= pt2 else second, axis]
            return (y1, phi1, 0.0) if pt1 >= pt2 else (y2, phi2, 0.0)
    if scheme == PRUNING or pt == 0:
        add(p4, first, second, made)
        y, phi = rapidity_phi(p4[made, 0], p4[made, 1], p4[made, 2], p4[made, 3])
        return y, phi, 0.0
    if scheme == WTA_PT:
        y, phi = (y1, phi1) if pt1 >= pt2 else (y2, phi2)
        mass = _mass(p4[first if pt1 >= pt2 else second])
    else:
        phi2 += TWO_PI if phi1 - phi2 > math.pi else (-TWO_PI if phi1 - phi2 < -math.pi else 0.0)
        y, phi = (pt1 * y1 + pt2 * y2) / pt, (pt1 * phi1 + pt2 * phi2) / pt
        phi += TWO_PI if phi < 0 else (-TWO_PI if phi >= TWO_PI else 0.0)
    mt = math.sqrt(pt * pt + mass * mass)
    p4[made, 0], p4[made, 1] = pt * math.cos(phi), pt * math.sin(phi)
    p4[made, 2], p4[made, 3] = mt * math.sinh(y), mt * math.cosh(y)
    return y, phi, 0.0


@inner
def _mass(p):
    m2 = (p[3] + p[2]) * (p[3] - p[2]) - p[0] * p[0] - p[1] * p[1]
    return math.sqrt(max(0.0, m2))
