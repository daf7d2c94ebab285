"""Matrix products inside compiled loops: the BLAS that torch brings along, called without torch's overhead.

A product of eight rows takes a fifth of the time it takes through ``torch.mm``, so small levels of trees run near the
processor's peak. Where torch does not export a BLAS, SciPy's is used; where there is neither, callers fall back on
torch operations (:func:`gemm_address` returns 0).
"""

from __future__ import annotations

import ctypes
import functools
import pathlib
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INT = ir.IntType(32)


@functools.cache
def gemm_address(dtype: np.dtype) -> int:
    """Return where the Fortran routine ``sgemm`` or ``dgemm`` with 32-bit integers stands in memory; 0 if nowhere."""
    name = {"float32": "sgemm", "float64": "dgemm"}.get(np.dtype(dtype).name)
    return 0 if name is None else _in_torch(f"{name}_") or _in_scipy(name)


def _in_torch(name: str) -> int:
    folder = pathlib.Path(torch.__file__).parent / "lib"
    for library in folder.glob("libtorch_cpu.*"):
        try:
            routine = getattr(ctypes.CDLL(str(library)), name)
        except (OSError, AttributeError):
            continue
        return ctypes.cast(routine, ctypes.c_void_p).value or 0
    return 0


def _in_scipy(name: str) -> int:
    try:
        from scipy.linalg import cython_blas
    except ImportError:
        return 0
    capsule = cython_blas.__pyx_capi__[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return get_pointer(capsule, get_name(capsule)) or 0


@functools.cache
def _set_local_threads() -> Any:
    """Return MKL's setter of a thread's own limit, or None where BLAS is not MKL."""
    folder = pathlib.Path(torch.__file__).parent / "lib"
    for library in folder.glob("libtorch_cpu.*"):
        try:
            setter = ctypes.CDLL(str(library)).MKL_Set_Num_Threads_Local
        except (OSError, AttributeError):
            continue
        setter.argtypes, setter.restype = [ctypes.c_int], ctypes.c_int
        return setter
    return None


def limit_blas_threads(count: int) -> None:
    """Let BLAS use ``count`` threads when called from this thread."""
    setter = _set_local_threads()
    if setter is not None:
        setter(count)


@intrinsic
def fortran_gemm(typing, address, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """``c = alpha a b + beta c`` of column-major matrices by pointer; the routine's address comes first."""
    signature = types.void(types.intp, types.intp, types.intp, types.intp, types.intp, types.intp, alpha, types.intp,
                           types.intp, types.intp, types.intp, alpha, types.intp, types.intp)  # fmt: skip

    def codegen(context, builder, sig, args):
        void_ptr = cgutils.voidptr_t
        routine_type = ir.FunctionType(ir.VoidType(), [void_ptr] * 13)
        routine = builder.inttoptr(args[0], routine_type.as_pointer())
        packed = []
        for place, value in enumerate(args[1:], start=1):
            if place in (7, 9, 12):  # a, b, c
                packed.append(builder.inttoptr(value, void_ptr))
                continue
            if place in (1, 2):  # "N" or "T"
                value = builder.trunc(value, ir.IntType(8))
            elif place not in (6, 11):  # sizes; alpha and beta stay as they are
                value = builder.trunc(value, _INT)
            packed.append(builder.bitcast(cgutils.alloca_once_value(builder, value), void_ptr))
        builder.call(routine, packed)
        return context.get_dummy_value()

    return signature, codegen
