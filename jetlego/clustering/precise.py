"""Azimuths and logarithms of many numbers at once, each equal to the C library's to the last bit.

The C library's functions take one number at a time and branch on its value. Here the same is computed without branches
in twice the precision, so that the compiler fills vector lanes with it; wherever the result lies so near to the middle
between two doubles that the library might round it the other way, the answer is NaN, and the library is asked.

    atan(q) = atan(c) + atan((q - c) / (1 + q c)),   c the multiple of 1/64 nearest to q = min(|x|, |y|) / max(|x|, |y|)
    log(2^e m) = e log 2 + log c + log(1 + (m - c) / c),   c the multiple of 1/64 nearest to m in [3/4, 3/2)

A number in twice the precision is an unevaluated sum of two doubles (Dekker, doi:10.1007/BF01397083).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np

from jetlego.clustering.jit import bits_of, dissolved, double_of, fused, larger, smaller

STEPS = 64
DOUBT = 2.0**-58
"""Relative; the last bit of a double is 2^-52 to 2^-53, and a good library misses half of it by less than 1 %."""

TINY, SMALLEST, LARGEST = 1e-300, 1e-130, 1e130
"""Beyond the latter two the library is asked, since products might leave the range of doubles."""


def _pairs(function: Callable[[Decimal], Decimal], steps: range) -> np.ndarray:
    """Return function(k / STEPS) as sums of two doubles: all first ones, then all second ones."""
    with localcontext() as context:
        context.prec = 60
        exact = [function(Decimal(k) / STEPS) for k in steps]
        first = [float(x) for x in exact]
        return np.array(first + [float(x - Decimal(y)) for x, y in zip(exact, first, strict=True)])


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


HALF_PI, HALF_PI_REST = math.pi / 2, 6.123233995736766e-17
ANGLES = _pairs(_atan, range(STEPS + 1))
ANGLE_REST = np.uint64(STEPS + 1)

LOGARITHMS = _pairs(Decimal.ln, range(48, 97))
LOGARITHM_REST = np.uint64(49)
LOG_2 = float.fromhex("0x1.62e42fefa3800p-1")  # the last bits are 0, so that a product with an exponent is exact
LOG_2_REST = float.fromhex("0x1.ef35793c76730p-45")
THREE_QUARTERS = np.int64(0x3FE8000000000000)  # its bits
EXPONENT = np.int64(52)


@dissolved
def _rounded(high, low):
    """Return the double nearest to a sum, NaN in doubt."""
    margin = DOUBT * abs(high)
    value = high + (low + margin)
    return value if value == high + (low - margin) else math.nan


@dissolved
def azimuths(r, px, py, phi, count):
    """Write atan2 of ``count`` pairs in rows of ``r``, NaN where the library has to be asked.

    Rows are given by where they start. Numbers must be finite.
    """
    for i in range(count):
        x, y = r[px + i], r[py + i]
        across, along = abs(y), abs(x)
        a, b = smaller(across, along), larger(larger(across, along), TINY)
        q = a / b
        q_rest = fused(-q, b, a) / b
        k = np.int64(q * STEPS + 0.5)
        c = k * (1.0 / STEPS)
        product = q * c
        den = 1.0 + product
        den_rest = product - (den - 1.0) + fused(q, c, -product) + q_rest * c
        num = q - c
        t = num / den
        t_rest = (fused(-t, den, num) + q_rest - t * den_rest) / den
        z = t * t
        series = t * z * (-1.0 / 3.0 + z * (1.0 / 5.0 + z * (-1.0 / 7.0 + z * (1.0 / 9.0))))
        at = np.uint64(k)
        start = ANGLES[at]
        high = start + t
        low = t - (high - start) + (ANGLES[at + ANGLE_REST] + t_rest + series)
        steep = across > along
        turned = HALF_PI - high
        low = HALF_PI - turned - high + (HALF_PI_REST - low) if steep else low
        high = turned if steep else high
        back = x < 0
        turned = math.pi - high
        low = math.pi - turned - high + (2 * HALF_PI_REST - low) if back else low
        high = turned if back else high
        good = (b < LARGEST) & (a > SMALLEST)
        r[phi + i] = math.copysign(_rounded(high, low), y) if good else math.nan


@dissolved
def logarithms(r, row, log, count):
    """Write the logarithms of ``count`` numbers in rows of ``r``, NaN where the library has to be asked."""
    for i in range(count):
        x = r[row + i]
        good = (x > SMALLEST) & (x < LARGEST)
        bits = bits_of(x if good else 1.0)
        e = (bits - THREE_QUARTERS) >> EXPONENT
        m = double_of(bits - (e << EXPONENT))
        k = np.int64(m * STEPS + 0.5)
        c = k * (1.0 / STEPS)
        num = m - c
        t = num / c
        t_rest = fused(-t, c, num) / c
        half = -0.5 * t
        square = half * t
        square_rest = fused(half, t, -square) - t * t_rest
        series = 1.0 / 7.0 + t * (-1.0 / 8.0 + t * (1.0 / 9.0 + t * (-1.0 / 10.0 + t * (1.0 / 11.0))))
        series = t * t * t * (1.0 / 3.0 + t * (-0.25 + t * (0.2 + t * (-1.0 / 6.0 + t * series))))
        at = np.uint64(k - 48)
        start = LOGARITHMS[at]
        ground = e * LOG_2
        one = ground + start
        two = one + t
        three = two + square
        rest = (start - (one - ground)) + (t - (two - one)) + (square - (three - two))
        rest += LOGARITHMS[at + LOGARITHM_REST] + e * LOG_2_REST + t_rest + square_rest + series
        r[log + i] = _rounded(three, rest) if good else math.nan
