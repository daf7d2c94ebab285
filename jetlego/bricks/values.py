"""Does a value of a spec suit the annotation of the argument it is for?"""

from __future__ import annotations

import collections.abc
import math
import types
import typing
from typing import Any, Literal, Union

_SEQUENCES = (list, tuple, collections.abc.Sequence)
_MAPPINGS = (dict, collections.abc.Mapping)


def mismatch(value: Any, hint: Any) -> str | None:
    """Return what is wanted instead of ``value``, or None if it suits ``hint``.

    Only JSON-able annotations are judged: bool, int, float, str, None, Literal, lists, mappings and unions of them;
    others accept everything. An int passes as a float; a bool passes as neither; NaN and infinity never pass.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return mismatch(value, arguments[0])
    if origin in (Union, types.UnionType):
        wanted = [mismatch(value, a) for a in arguments]
        return None if None in wanted else " or ".join(dict.fromkeys(str(w) for w in wanted))
    if origin is Literal:
        return None if value in arguments and type(value) in map(type, arguments) else _one_of(arguments)
    if origin in _SEQUENCES or hint in _SEQUENCES:
        return _list_mismatch(value, arguments)
    if origin in _MAPPINGS or hint in _MAPPINGS:
        return _mapping_mismatch(value, arguments)
    return _scalar_mismatch(value, hint)


def _one_of(choices: tuple[Any, ...]) -> str:
    return "one of " + ", ".join(repr(c) for c in choices)


def _scalar_mismatch(value: Any, hint: Any) -> str | None:
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number and math.isfinite(value) else "a finite number"
    if hint is int:
        return None if isinstance(value, int) and not isinstance(value, bool) else "an integer"
    if hint is bool:
        return None if isinstance(value, bool) else "true or false"
    if hint is str:
        return None if isinstance(value, str) else "a word"
    if hint in (None, type(None)):
        return None if value is None else "null"
    return None


def _list_mismatch(value: Any, arguments: tuple[Any, ...]) -> str | None:
    if not isinstance(value, list | tuple):
        return "a list"
    items = arguments[:1] if len(arguments) == 2 and arguments[1] is Ellipsis else arguments
    if len(items) > 1:
        if len(items) != len(value):
            return f"a list of {len(items)}"
        wanted = [mismatch(v, h) for v, h in zip(value, items, strict=True)]
    else:
        wanted = [mismatch(v, items[0]) for v in value] if items else []
    first = next((w for w in wanted if w), None)
    return f"a list, each {first}" if first else None


def _mapping_mismatch(value: Any, arguments: tuple[Any, ...]) -> str | None:
    if not isinstance(value, dict):
        return "a mapping"
    wanted = [mismatch(v, arguments[1]) for v in value.values()] if len(arguments) == 2 else []
    first = next((w for w in wanted if w), None)
    return f"a mapping, each value {first}" if first else None
