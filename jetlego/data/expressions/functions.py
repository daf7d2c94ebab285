"""The functions an expression may call, each with how many and which arguments it takes.

The limits on arguments matter: ``np.log(x, x)`` would write into the column x through its second positional argument,
and so would ``out=`` or ``copy=False``. ``elementwise`` marks what gives each constituent its value from that
constituent alone, with the same dtype whether the array is jagged or flat; the fast path relies on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

from jetlego.data.expressions import arrays


class Function(NamedTuple):
    """A callable and what it accepts."""

    call: Callable[..., Any]
    positional: int
    keywords: frozenset[str] = frozenset()
    minimum: int = 1
    elementwise: bool = False
    is_type: bool = False
    needs_context: bool = False
    only_indexed: bool = False


MODULES = {"np": "np", "numpy": "np", "ak": "ak", "awkward": "ak", "math": "math"}

CONSTANTS: dict[str | tuple[str, str], Any] = {"pi": math.pi, "inf": math.inf, "nan": math.nan}
CONSTANTS |= {(module, name): value for module in ("np", "math") for name, value in list(CONSTANTS.items())
              if isinstance(name, str)}  # fmt: skip
CONSTANTS |= {("np", "e"): math.e, ("math", "e"): math.e, ("np", "newaxis"): None}

DTYPES = frozenset(
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]
)

_REDUCE = frozenset(["axis", "dtype", "keepdims"])
_NON_FINITE = frozenset(["nan", "posinf", "neginf"])
_AXIS = frozenset(["axis"])

_UFUNCS = """
abs absolute fabs sign sqrt cbrt square power exp expm1 exp2 log log2 log10 log1p sin cos tan arcsin arccos
arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh hypot deg2rad rad2deg floor ceil rint trunc minimum maximum fmin
fmax isnan isinf isfinite logical_and logical_or logical_not logical_xor mod fmod
"""

_MATH = """
fabs sqrt cbrt exp exp2 expm1 log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
floor ceil trunc isnan isinf isfinite
"""


def _ufunc(name: str) -> Function:
    function = getattr(np, name)
    return Function(function, function.nin, minimum=function.nin, elementwise=True)


def _reduction(name: str, *, dtype: bool = False) -> Function:
    keywords = _REDUCE if dtype else _REDUCE - {"dtype"}
    return Function(getattr(np, name), 2, keywords)


def _type(name: str) -> Function:
    return Function(arrays.caster(np.dtype(name.rstrip("_"))), 1, elementwise=True, is_type=True)


def _ak(names: str, positional: int, *keywords: str, **more: Any) -> dict[str, Function]:
    return {name: Function(getattr(ak, name), positional, frozenset(keywords), **more) for name in names.split()}


_NUMPY = {name: _ufunc(name) for name in _UFUNCS.split()}
_NUMPY |= {name: _reduction(name, dtype=True) for name in ("sum", "mean", "prod")}
_NUMPY |= {name: _reduction(name) for name in ("min", "max", "argmax", "argmin", "any", "all")}
_NUMPY |= {name: _type(name) for name in ("float32", "float64", "int32", "int64", "bool_")}
_NUMPY |= {
    "round": Function(arrays.rounded, 2, frozenset(["decimals"])),
    "clip": Function(arrays.clipped, 3, minimum=3),
    "where": Function(arrays.where, 3, minimum=3),
    "nan_to_num": Function(np.nan_to_num, 1, _NON_FINITE),
    "zeros_like": Function(np.zeros_like, 1, frozenset(["dtype"]), elementwise=True),
    "ones_like": Function(np.ones_like, 1, frozenset(["dtype"]), elementwise=True),
    "full_like": Function(np.full_like, 2, frozenset(["dtype", "fill_value"])),
    "stack": Function(arrays.stacked, 2, _AXIS),
    "concatenate": Function(arrays.concatenated, 2, _AXIS),
    "digitize": Function(arrays.digitized, 2, frozenset(["bins", "right"])),
}

_AWKWARD = (
    _ak("num is_none drop_none singletons from_regular to_regular local_index firsts flatten", 2, "axis")
    | _ak("count count_nonzero sum mean prod min max any all argmax argmin", 2, "axis", "keepdims", "mask_identity")
    | _ak("argsort sort", 2, "axis", "ascending", "stable")
    | _ak("fill_none", 3, "value", "axis")
    | _ak("unflatten", 3, "counts", "axis", minimum=2)
    | _ak("values_astype", 2, "to")
    | _ak("to_numpy", 1, "allow_missing")
    | _ak("broadcast_arrays", 64, only_indexed=True)
    | _ak("nan_to_num", 1, "nan", "posinf", "neginf")
    | _ak("mask", 2, "valid_when", minimum=2)
    | _ak("isclose", 2, "rtol", "atol", "equal_nan", minimum=2)
    | {name: _NUMPY[name] for name in ("ones_like", "zeros_like", "full_like", "where", "concatenate")}
    | {"pad_none": Function(arrays.padded_with_none, 3, frozenset(["axis", "clip"]), minimum=2)}
)

FUNCTIONS: dict[str, dict[str, Function]] = {
    "np": _NUMPY,
    "ak": _AWKWARD,
    "math": {name: Function(getattr(math, name), 1) for name in _MATH.split()}
    | {name: Function(getattr(math, name), 2) for name in ("log", "hypot", "atan2", "fmod")},
    "builtin": {
        "abs": Function(np.abs, 1, elementwise=True),
        "len": Function(len, 1),
        "min": Function(arrays.smallest, 64),
        "max": Function(arrays.largest, 64),
    },
}
"""{module: {name: function}}; ``builtin`` holds the four bare words."""

VECTOR_ATTRIBUTES = frozenset(
    ["pt", "eta", "phi", "mass", "energy", "px", "py", "pz", "x", "y", "z", "rapidity", "p", "theta"]
)
"""Attributes of the values that the ``_p4_from_*`` helpers give."""

METHODS = {
    "deltaphi": Function(lambda a, b: a.deltaphi(b), 1),
    "deltaeta": Function(lambda a, b: a.deltaeta(b), 1),
    "deltaR": Function(lambda a, b: a.deltaR(b), 1),
    "argmax": Function(arrays.argmax, 1, _AXIS, minimum=0),
}
"""Methods; the first three are those of four-vectors. The count of arguments is without the object itself."""
