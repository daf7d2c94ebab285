"""Azimuths of many momenta at once, each equal to the C library's ``atan2`` to the last bit.

The C library's function takes one pair at a time and branches on its values. Here the same number is computed without
branches in twice the precision, so that the compiler fills vector lanes with it; wherever the result lies so near to
the middle between two doubles that the library might round it the other way, the library is asked.

    atan(q) = atan(c) + atan((q - c) / (1 + q c)),   c the multiple of 1/64 nearest to q = min(|x|, |y|) / max(|x|, |y|)

A number in twice the precision is an unevaluated sum of two doubles (Dekker, doi:10.1007/BF01397083).
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np

from jetlego.clustering.jit import dissolved, fused, larger, smaller
from jetlego.clustering.kinematics import TWO_PI

STEPS = 64
HALF_PI, HALF_PI_REST = math.pi / 2, 6.123233995736766e-17
DOUBT = 2.0**-58
"""Relative; the last bit of a double is 2^-52 to 2^-53, and a good library misses half of it by less than 1 %."""

TINY, SMALLEST, LARGEST = 1e-300, 1e-130, 1e130
"""Where the smaller or larger of |x| and |y| is beyond the latter two, products might leave the range of doubles."""


def _table() -> np.ndarray:
    """Return atan(k / STEPS) as sums of two doubles: all first ones, then all second ones."""
    with localcontext() as context:
        context.prec = 60
        high, low = [], []
        for k in range(STEPS + 1):
            exact = _atan(Decimal(k) / STEPS)
            high.append(float(exact))
            low.append(float(exact - Decimal(high[-1])))
    return np.array(high + low)


def _atan(x: Decimal) -> Decimal:
    """Return atan(x) by halving the angle three times, then by its series."""
    for _ in range(3):
        x = x / (1 + (1 + x * x).sqrt())
    total, power, k = Decimal(0), x, 0
    while abs(power) > Decimal("1e-55"):
        total += power / (2 * k + 1) * (-1) ** k
        power *= x * x
        k += 1
    return 8 * total


TABLE = _table()
REST = np.uint64(STEPS + 1)


@dissolved
def azimuths(r, px, py, phi, sure, count):
    """Write row ``phi`` from rows ``px`` and ``py`` of ``r``, and 1.0 to row ``sure`` where it is atan2's for certain.

    Angles are in [-pi, pi]. Rows are given by where they start.
    """
    for i in range(count):
        x, y = r[px + i], r[py + i]
        across, along = abs(y), abs(x)
        a, b = smaller(across, along), larger(larger(across, along), TINY)
        q = a / b
        q_rest = fused(-q, b, a) / b
        k = np.float64(np.int64(q * STEPS + 0.5))
        c = k * (1.0 / STEPS)
        product = q * c
        den = 1.0 + product
        den_rest = product - (den - 1.0) + fused(q, c, -product) + q_rest * c
        num = q - c
        t = num / den
        t_rest = (fused(-t, den, num) + q_rest - t * den_rest) / den
        z = t * t
        series = t * z * (-1.0 / 3.0 + z * (1.0 / 5.0 + z * (-1.0 / 7.0 + z * (1.0 / 9.0))))
        at = np.uint64(np.int64(k))
        start = TABLE[at]
        high = start + t
        low = t - (high - start) + (TABLE[at + REST] + t_rest + series)
        steep = across > along
        turned = HALF_PI - high
        low = HALF_PI - turned - high + (HALF_PI_REST - low) if steep else low
        high = turned if steep else high
        back = x < 0
        turned = math.pi - high
        low = math.pi - turned - high + (2 * HALF_PI_REST - low) if back else low
        high = turned if back else high
        margin = DOUBT * high
        value = high + (low + margin)
        good = (value == high + (low - margin)) & (b < LARGEST) & (a > SMALLEST)
        r[phi + i] = math.copysign(value, y)
        r[sure + i] = 1.0 if good else 0.0


@dissolved
def azimuth_of(px, py, phi, sure):
    """Return the azimuth as ``kinematics.rapidity_phi`` does; ``phi`` and ``sure`` come from ``azimuths``."""
    if sure == 0.0:
        phi = math.atan2(py, px) if px * px + py * py > 0 else 0.0
    if phi < 0:
        phi += TWO_PI
    if phi >= TWO_PI:
        phi -= TWO_PI
    return phi
