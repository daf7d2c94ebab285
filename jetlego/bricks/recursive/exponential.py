"""An exponential that compiled loops can vectorise: float32 by polynomial, float64 by the C library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUND = np.float32(12582912.0)  # 1.5 * 2^23: adding and taking it away rounds to an integer
_HIGHEST, _LOWEST = np.float32(88.3), np.float32(-87.3)
_P0, _P1, _P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P3, _P4, _P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_ONE = np.float32(1.0)


@intrinsic
def _float_of_bits(typing, bits):
    """Return the float32 with the given bits."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), codegen


def exponential(x: Any) -> Any:
    """Return e^x; arguments are clipped to what float32 can hold, NaN passes."""
    return np.exp(x)


@overload(exponential)
def _compiled_exponential(x: Any) -> Any:
    """Cephes' polynomial for float32 (relative error 1e-7), since a call to the C library would stop vectorisation."""

    def float64_exponential(x: Any) -> Any:
        return math.exp(x)

    def float32_exponential(x: Any) -> Any:
        bounded = _HIGHEST if x > _HIGHEST else (_LOWEST if x < _LOWEST else x)
        power = (bounded * _LOG2E + _ROUND) - _ROUND
        r = bounded - power * _LN2_HIGH - power * _LN2_LOW
        p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
        scale = _float_of_bits(np.int32((np.int32(power) + np.int32(127)) << np.int32(23)))
        return (p * r * r + r + _ONE) * scale

    return float32_exponential if x == types.float32 else float64_exponential
