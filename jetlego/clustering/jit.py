"""How the kernels of this room are compiled: once, into a cache beside the source, free of the GIL, IEEE to the letter.

``inner`` is for kernels that allocate nothing and are called per merge: without numba's runtime there is no counting of
references to their arguments, which took half of the time. ``dissolved`` ones stand in their caller's code: handing
over an array, seven numbers on the stack, takes longer than a small kernel does.

``smaller`` and ``larger`` are the minimum and maximum of two numbers of which neither is NaN. Unlike ``min`` and
``max`` they tell the compiler so, which is what it needs to keep a running minimum in vector lanes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def _fingerprint(folders: tuple[Path, ...]) -> str:
    """Return a hash of the files that hold kernels."""
    sources = [path.read_bytes() for folder in folders for path in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(text for text in sources if b"jit" in text)).hexdigest()


def compiler(*folders: Path, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator like ``njit``, whose cache is void when any file with kernels in these folders has changed.

    Numba itself looks at the file of the cached kernel only, not at those of the kernels that it has swallowed.
    """
    sources = _fingerprint(folders)

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(cache=True, **_OPTIONS, **options)(function)
        index: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        if not hasattr(index, "_source_stamp"):  # another numba: rather no cache than a stale one
            return njit(**_OPTIONS, **options)(function)
        index._source_stamp = (index._source_stamp, sources)
        return dispatcher

    return decorate


HERE = Path(__file__).parent
kernel = compiler(HERE)
inner = compiler(HERE, _nrt=False)
dissolved = compiler(HERE, _nrt=False, forceinline=True)

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


def _fused(typing_context, a, b, c):
    """Return a b + c, rounded once."""
    signature = types.float64(types.float64, types.float64, types.float64)
    return signature, lambda context, builder, _, arguments: builder.fma(*arguments)


def _bits_of(typing_context, x):
    """Return the bits of a double as an integer."""
    signature = types.int64(types.float64)
    return signature, lambda context, builder, _, arguments: builder.bitcast(*arguments, ir.IntType(64))


def _double_of(typing_context, bits):
    """Return the double with these bits."""
    signature = types.float64(types.int64)
    return signature, lambda context, builder, _, arguments: builder.bitcast(*arguments, ir.DoubleType())


smaller: Any = intrinsic(_smaller)
larger: Any = intrinsic(_larger)
fused: Any = intrinsic(_fused)
bits_of: Any = intrinsic(_bits_of)
double_of: Any = intrinsic(_double_of)
