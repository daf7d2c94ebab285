"""How the kernels of this room are compiled: once, into a cache beside the source, free of the GIL, IEEE to the letter.

``inner`` is for kernels that allocate nothing and are called per merge: without numba's runtime there is no counting of
references to their arguments, which took half of the time.

``smaller`` and ``larger`` are the minimum and maximum of two numbers of which neither is NaN. Unlike ``min`` and
``max`` they tell the compiler so, which is what it needs to keep a running minimum in vector lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_options: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
kernel = njit(**_options)
inner = njit(**_options, **{"_nrt": False})

_pair = types.float64(types.float64, types.float64)


def _call(name: str) -> Callable[..., Any]:
    """Return the code generator of a call of LLVM's intrinsic ``name`` on two doubles."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        double = ir.DoubleType()
        function = builder.module.declare_intrinsic(name, [double], ir.FunctionType(double, [double, double]))
        return builder.call(function, arguments, fastmath=("nnan", "nsz"))

    return generate


def _smaller(typing_context, a, b):
    """Return the smaller of two doubles that are not NaN."""
    return _pair, _call("llvm.minnum")


def _larger(typing_context, a, b):
    """Return the larger of two doubles that are not NaN."""
    return _pair, _call("llvm.maxnum")


smaller: Any = intrinsic(_smaller)
larger: Any = intrinsic(_larger)
