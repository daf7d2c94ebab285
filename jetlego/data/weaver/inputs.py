"""The ``inputs`` of a weaver configuration: groups of variables, and the parameters of each variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jetlego.data.weaver.faults import Faults

AUTO = "auto"
_ITEMS = ("center", "scale", "min", "max", "pad_value")
_KEYS = ("length", "pad_mode", "vars")


@dataclass(frozen=True)
class Parameters:
    """How one variable becomes part of a tensor.

    ``x = clip((v - center) * scale, low, high)`` unless ``center`` is None, which means no change at all; ``"auto"`` is
    a center still to be measured. Rows are cut or filled to ``length`` with ``pad_value``, or (``wrap``) with
    themselves.
    """

    length: int | None
    wrap: bool
    center: float | str | None = None
    scale: float = 1.0
    low: float = -5.0
    high: float = 5.0
    pad_value: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether center and scale are still to be measured."""
        return self.center == AUTO

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters under weaver's names."""
        return {
            "length": self.length, "pad_mode": "wrap" if self.wrap else "constant", "center": self.center,
            "scale": self.scale, "min": self.low, "max": self.high, "pad_value": self.pad_value,
        }  # fmt: skip


@dataclass(frozen=True)
class Group:
    """One argument of the network: variables stacked to ``(N, variables, length)``."""

    name: str
    length: int | None
    variables: tuple[str, ...]


def read_inputs(
    inputs: Any, params: Mapping[str, Any] | None, *, automatic: bool, faults: Faults
) -> tuple[tuple[Group, ...], dict[str, Parameters]]:
    """Return groups and parameters; ``params`` are those of a finished ``.auto.yaml`` and win over inline numbers."""
    if not isinstance(inputs, dict):
        faults.add(("inputs",), "'inputs' must be a mapping of groups")
        return (), {}
    groups: list[Group] = []
    parameters: dict[str, Parameters] = {}
    places: dict[str, tuple[Any, ...]] = {}
    for name, options in inputs.items():
        group = _read_group(name, options, faults)
        if group is None:
            continue
        names = _read_variables(name, options, group, automatic, parameters, places, faults)
        groups.append(replace(group, variables=names))
    if params is not None:
        parameters = _finished(parameters, params, places, faults)
    return tuple(groups), parameters


def _read_group(name: str, options: Any, faults: Faults) -> Group | None:
    path = ("inputs", name)
    if not isinstance(options, dict) or not isinstance(options.get("vars"), list) or not options["vars"]:
        faults.add(path, f"group '{name}' needs 'length' and a list 'vars'")
        return None
    faults.unknown_keys(path, options, _KEYS)
    if "length" not in options:
        faults.add(path, f"group '{name}' has no 'length'", hint="a number, or null for no padding")
        return None
    length = options["length"]
    if length is not None and not (isinstance(length, int) and not isinstance(length, bool) and 0 < length <= 2**20):
        faults.add((*path, "length"), f"length {length!r} is not a positive integer or null")
        return None
    if _is_wrap(options, path, faults) and name.endswith("_mask"):
        faults.add((*path, "pad_mode"), f"group '{name}' ends in '_mask' and must be padded with a constant")
    return Group(name, length, ())


def _is_wrap(options: Mapping[str, Any], path: tuple[Any, ...], faults: Faults) -> bool:
    word = str(options.get("pad_mode", "constant")).lower()
    if word not in ("constant", "wrap"):
        faults.add((*path, "pad_mode"), f"pad_mode '{word}' is neither 'constant' nor 'wrap'")
    return word == "wrap"


def _read_variables(
    name: str, options: Mapping[str, Any], group: Group, automatic: bool, parameters: dict[str, Parameters],
    places: dict[str, tuple[Any, ...]], faults: Faults,
) -> tuple[str, ...]:  # fmt: skip
    """Read the variables of a group into ``parameters``, which all groups share."""
    wrap = str(options.get("pad_mode", "constant")).lower() == "wrap"
    names = []
    for at, item in enumerate(options["vars"]):
        path = ("inputs", name, "vars", at)
        read = _read_item(item, path, faults)
        if read is None:
            continue
        variable, given = read
        made = Parameters(group.length, wrap, **{"center": AUTO if automatic else None, **given})
        names.append(variable)
        if parameters.setdefault(variable, made) != made:
            other = faults.document.where(places[variable])
            what = f"variable '{variable}' stands with other numbers, length or pad_mode at {other}"
            faults.add(path, what, hint="give one of them another name by new_variables")
        places.setdefault(variable, path)
    return tuple(names)


def _read_item(item: Any, path: tuple[Any, ...], faults: Faults) -> tuple[str, dict[str, Any]] | None:
    parts = item if isinstance(item, list) else [item]
    if not parts or not isinstance(parts[0], str) or len(parts) > 1 + len(_ITEMS):
        faults.add(path, f"{item!r} is neither a name nor [name, center, scale, min, max, pad_value]")
        return None
    given = dict(zip(_ITEMS, parts[1:], strict=False))
    return parts[0], _numbers(given, path, faults)


def _numbers(given: Mapping[str, Any], path: tuple[Any, ...], faults: Faults) -> dict[str, Any]:
    """Return the parameters under our names; a center may be null or 'auto', everything else is a number."""
    ours = {"min": "low", "max": "high"}
    out: dict[str, Any] = {}
    for key, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
        if not (number or (key == "center" and (value is None or value == AUTO))):
            faults.add(path, f"{key} {value!r} is not a number")
            continue
        out[ours.get(key, key)] = float(value) if number else value
    return out


def _finished(
    inline: Mapping[str, Parameters], params: Any, places: Mapping[str, tuple[Any, ...]], faults: Faults
) -> dict[str, Parameters]:
    """Return the parameters of ``preprocess.params``, which must cover every input variable."""
    out = {}
    for name, own in inline.items():
        stored = params.get(name) if isinstance(params, dict) else None
        if not isinstance(stored, dict):
            what = f"variable '{name}' is missing in preprocess.params"
            faults.add(places[name], what, hint="remove params to remake them")
            continue
        path = ("preprocess", "params", name)
        faults.unknown_keys(path, stored, ("length", "pad_mode", *_ITEMS))
        numbers = _numbers({key: stored[key] for key in _ITEMS if key in stored}, path, faults)
        wrap = str(stored.get("pad_mode", "wrap" if own.wrap else "constant")).lower() == "wrap"
        out[name] = replace(own, length=stored.get("length", own.length), wrap=wrap, **numbers)
    return out
