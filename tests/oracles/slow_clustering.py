"""Sequential recombination written down from its definition: every pair at every step, pure Python, O(n^3)."""

from __future__ import annotations

import itertools
import math


def recluster(
    p4: list, *, power: float, radius: float = 1.0, spherical: bool = False
) -> tuple[list[tuple[int, int]], list[float]]:
    """Return the merges and their d_ij; the first of equal d_ij by node numbers (trees.md 1.2 and 1.3)."""
    nodes = dict(enumerate([tuple(map(float, p)) for p in p4]))
    merges, distances = [], []
    for made in range(len(nodes), 2 * len(nodes) - 1):
        d, i, j = min(
            (d_ij(nodes[i], nodes[j], power, spherical), i, j) for i, j in itertools.combinations(sorted(nodes), 2)
        )
        nodes[made] = tuple(a + b for a, b in zip(nodes.pop(i), nodes.pop(j), strict=True))
        merges.append((i, j))
        distances.append(d / (1 - math.cos(radius) if spherical else radius**2))
    return merges, distances


def d_ij(p: tuple, q: tuple, power: float, spherical: bool) -> float:
    """Return min(w_p, w_q) Delta^2 of two momenta."""
    if spherical:
        dot = sum(a * b for a, b in zip(p[:3], q[:3], strict=True))
        cross = math.dist(_cross(p, q), (0, 0, 0))
        angle = math.atan2(cross, dot)
        return min(p[3] ** 2, q[3] ** 2) ** power * 2 * math.sin(angle / 2) ** 2
    (y1, phi1), (y2, phi2) = rapidity_phi(p), rapidity_phi(q)
    dphi = abs(phi1 - phi2)
    dphi = min(dphi, 2 * math.pi - dphi)
    weights = [(a[0] ** 2 + a[1] ** 2) for a in (p, q)]
    return min(w**power for w in weights) * ((y1 - y2) ** 2 + dphi**2)


def rapidity_phi(p: tuple) -> tuple[float, float]:
    """Return rapidity by FastJet's formula (formats.md, section 4), so that exact ties stay exact, and azimuth."""
    px, py, pz, energy = p
    pt2 = px**2 + py**2
    m2 = max(0.0, (energy + pz) * (energy - pz) - pt2)
    y = 0.5 * math.log((pt2 + m2) / (energy + abs(pz)) ** 2)
    return (-y if pz > 0 else y), math.atan2(py, px) % (2 * math.pi)


def _cross(p: tuple, q: tuple) -> tuple[float, float, float]:
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]


def leaf_sets(merges: list[tuple[int, int]], n: int) -> list[frozenset]:
    """Return for each node the constituents below it."""
    below = [frozenset([i]) for i in range(n)]
    for i, j in merges:
        below.append(below[i] | below[j])
    return below
