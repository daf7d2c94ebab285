"""A spec, checked word by word before any module is made.

:func:`plan` walks a spec depth first, looks every brick up, checks every argument against the signature and every
join against the studs, and collects *all* faults with their path (``model.head.hidden``). The result makes modules.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from torch import nn

from jetlego.bricks.part import is_part, part_kinds
from jetlego.bricks.registry import Entry, find_brick
from jetlego.bricks.studs import Stud, adapters, fits, parse_join
from jetlego.bricks.values import mismatch
from jetlego.errors import ConfigError, did_you_mean, quoted

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a spec; ``path`` leads to it, so that a reader of files can add line and column."""

    path: Path
    id: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{dotted(self.path)}: {self.what}"
        return f"{text}; {self.hint}" if self.hint else text


@dataclass(frozen=True)
class Plan:
    """A checked spec that still lacks the sizes its parent or the data know."""

    entry: Entry
    arguments: Mapping[str, Any]
    raw: Any = field(repr=False)
    path: Path = ()

    def __call__(self, **sizes: Any) -> nn.Module:
        """Same as :meth:`fit`, so that a plan stands where a class or a partial may."""
        return self.fit(sizes)

    def fit(self, sizes: Mapping[str, Any]) -> nn.Module:
        """Make the module, with those of ``sizes`` that the brick has and the spec did not fix."""
        given = {k: v for k, v in sizes.items() if k in self.entry.arguments and k not in self.arguments}
        self._check_sizes(sizes, given)
        try:
            module = self.entry.make(**self.arguments, **given)
        except ValueError as error:
            raise ConfigError("BAD-VALUE", f"{dotted(self.path)}: {self.entry.name}: {error}") from error
        module.__dict__["_brick"] = (self.entry.name, self.raw)
        return module

    def _check_sizes(self, sizes: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        name = self.entry.name
        for size in ("in_dim", "num_classes"):
            if size in sizes and self.arguments.get(size, sizes[size]) != sizes[size]:
                raise ConfigError(
                    "BAD-VALUE",
                    f"{dotted((*self.path, size))}: {name} is fed {size} {sizes[size]}, "
                    f"its spec says {self.arguments[size]}",
                    f"leave '{size}' out: it is known from what comes before",
                )
        for argument in self.entry.signature.parameters.values():
            absent = argument.name not in self.arguments and argument.name not in given
            if absent and argument.default is inspect.Parameter.empty:
                known = ", ".join(f"{k}={v}" for k, v in sizes.items()) or "nothing"
                raise ConfigError(
                    "BAD-VALUE", f"{dotted(self.path)}: {name} needs '{argument.name}'", f"known from outside: {known}"
                )


def plan(spec: Any, *, path: Path | None = None) -> Plan:
    """Check a spec and return its plan; raise one ConfigError that lists every fault, one a line."""
    result, faults = check_spec(spec, path=path)
    if faults:
        rest = "".join(f"\n{fault}" for fault in faults[1:])
        first = faults[0]
        raise ConfigError(first.id, f"{dotted(first.path)}: {first.what}", first.hint + rest)
    assert result is not None
    return result


def check_spec(spec: Any, *, path: Path | None = None) -> tuple[Plan | None, list[Fault]]:
    """Return the plan of a spec, None if it has none, and all faults found in it."""
    faults: list[Fault] = []
    if path is None:
        path = (spec if isinstance(spec, str) else str(spec.get("brick", "?")) if isinstance(spec, Mapping) else "?",)
    return _plan(spec, path, faults), faults


def dotted(path: Path) -> str:
    """Write a path as ``model.parts[1].hidden``."""
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
    return text.removeprefix(".")


def plain(value: Any) -> Any:
    """Return a spec as plain dicts, lists and scalars, copied."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


@functools.cache
def argument_hints(make: Callable[..., Any]) -> dict[str, Any]:
    """Return the evaluated annotations of a brick's arguments."""
    return typing.get_type_hints(make.__init__ if inspect.isclass(make) else make, include_extras=True)


def _plan(spec: Any, path: Path, faults: list[Fault]) -> Plan | None:
    if isinstance(spec, str):
        spec_map: Mapping[str, Any] = {"brick": spec}
    elif isinstance(spec, Mapping):
        spec_map = spec
    else:
        faults.append(Fault(path, "BAD-VALUE", f"wants a spec or a brick's name, not {quoted(spec)}"))
        return None
    name = spec_map.get("brick")
    if not isinstance(name, str):
        faults.append(Fault(path, "BAD-VALUE", "has no brick", "write 'brick: NAME'; `jetlego bricks` lists the names"))
        return None
    try:
        entry = find_brick(name)
    except ConfigError as error:
        where = (*path, "brick") if spec_map is spec else path
        faults.append(Fault(where, error.id, error.what, error.hint))
        return None
    arguments = {k: v for k, v in spec_map.items() if k != "brick"}
    return Plan(entry, _check_arguments(entry, arguments, path, faults), plain(spec), path)


def _check_arguments(entry: Entry, arguments: Mapping[str, Any], path: Path, faults: list[Fault]) -> dict[str, Any]:
    hints = argument_hints(entry.make)
    checked = {}
    for name, value in arguments.items():
        if name not in entry.arguments:
            what = f"{entry.name} has no argument '{name}'"
            faults.append(Fault((*path, name), "UNKNOWN-KEY", what, did_you_mean(str(name), entry.arguments)))
        else:
            checked[name] = _check_value(entry, value, hints.get(name), (*path, name), faults)
    return checked


def _check_value(entry: Entry, value: Any, hint: Any, path: Path, faults: list[Fault]) -> Any:
    """Return the value with every nested spec turned into a plan."""
    if is_part(hint):
        return _check_part(entry, value, hint, path, faults)
    inner = _members(hint)
    if isinstance(value, list | tuple) and (item := inner.get("list")):
        return [_check_value(entry, v, item, (*path, i), faults) for i, v in enumerate(value)]
    if isinstance(value, Mapping) and (item := inner.get("dict")) and "brick" not in value:
        return {k: _check_value(entry, v, item, (*path, k), faults) for k, v in value.items()}
    if value is not None and (item := inner.get("part")):
        return _check_part(entry, value, item, path, faults)
    if wanted := mismatch(value, hint):
        faults.append(Fault(path, "BAD-VALUE", f"{entry.name} wants {wanted}, not {_shown(value)}"))
    return plain(value)


def _check_part(entry: Entry, value: Any, hint: Any, path: Path, faults: list[Fault]) -> Any:
    if isinstance(value, nn.Module | Plan) or (callable(value) and not isinstance(value, Mapping | str)):
        return value
    part = _plan(value, path, faults)
    if part is not None and (kinds := part_kinds(hint)):
        _check_join(entry, part, kinds, faults)
    return part


def _check_join(parent: Entry, part: Plan, kinds: str, faults: list[Fault]) -> None:
    feeds, wants = parse_join(kinds)
    needs, gives = part.entry.first_takes, part.entry.first_gives
    if "same" in gives.kinds:
        gives = Stud(feeds.kinds, gives.size)
    for offered, wanted, text in (
        (feeds, needs, f"{parent.name} feeds {feeds}, which {part.entry.name} cannot take: it takes {needs}"),
        (gives, wants, f"{part.entry.name} gives {gives}, which {parent.name} cannot take: it takes {wants}"),
    ):
        if not fits(offered, wanted):
            between = adapters(offered, wanted)
            hint = f"insert {' or '.join(between)}" if between else ""
            faults.append(Fault(part.path, "BAD-JOIN", text, hint))


def _members(hint: Any) -> dict[str, Any]:
    """Find where parts may stand in a hint: {"part": Part, "list": hint of its items, "dict": hint of its values}."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_part(hint):
        return {"part": hint}
    if origin in (Union, types.UnionType):
        found: dict[str, Any] = {}
        for argument in arguments:
            found |= _members(argument)
        return found
    kind = "dict" if origin in (dict, typing.get_origin(Mapping[str, int])) else "list"
    item = arguments[-1] if kind == "dict" and arguments else arguments[0] if arguments else None
    return {kind: item} if item is not None and _members(item) else {}


def _shown(value: Any) -> str:
    return f"'{quoted(value)}'" if isinstance(value, str) else quoted(value)
