"""Assemblies: named streams between parts, written as steps, checked before there are data."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from jetlego.bricks.chain import entry_of
from jetlego.bricks.homes import home_of
from jetlego.bricks.part import Part, fit
from jetlego.bricks.plan import plan
from jetlego.bricks.registry import Entry, brick
from jetlego.bricks.studs import Stud, adapters, fits
from jetlego.bricks.verbs import ITEMS, VERBS, Stream, Wire
from jetlego.bricks.wiring import Step, parse_steps
from jetlego.errors import ConfigError, did_you_mean

_MASKED = ITEMS | {"pair", "rows"}
_KEEPS_MASK = (ITEMS - {"slots"}) | {"pair", "rows", "same"}


@brick("assembly", takes={"x": "any"}, gives={"y": "any[out_dim]"}, dynamic=True)
class Assembly(nn.Module):
    """A sentence of bricks: parts by name, and steps such as ``y = head(pool(body(x)))``.

    Steps are written in the language of :mod:`jetlego.bricks.wiring`, with the verbs of :mod:`jetlego.bricks.verbs`. A
    name that is no part is a brick of its own, without arguments. A part called twice is one set of weights. Every join
    is checked by kind and width when the assembly is built; widths flow along the steps.

    Parameters
    ----------
    inputs
        {stream: stud with its width in numbers}, such as ``{"x": "set[7]", "bias": "pair[4]"}``; a stream without one
        is ``in_dim`` wide. One with a final ``?`` may be left out of a call.
    parts
        {name: part}.
    steps
        One assignment each.
    outputs
        {stream: kind it must have}; the first is the main one.
    in_dim, out_dim
        Width of inputs that do not tell theirs; width of the main output, for the part that makes it.
    """

    def __init__(self, *, inputs: dict[str, str], steps: list[str], outputs: dict[str, str],
                 parts: dict[str, Part] | None = None, in_dim: int | None = None,
                 out_dim: int | None = None) -> None:  # fmt: skip
        super().__init__()
        if not outputs:
            raise ValueError("an assembly needs an output")
        self.inputs = {name: _wire(text, in_dim) for name, text in inputs.items()}
        self.outputs, self.steps = dict(outputs), parse_steps(steps)
        self.parts = nn.ModuleDict()
        self._specs, self._sizes = dict(parts or {}), {}
        taken = [name for name in self._specs if hasattr(self.parts, name)]
        if taken:
            raise ValueError(f"'{taken[0]}' cannot be the name of a part, modules have it already; choose another")
        wires = dict(self.inputs)
        self._wires: list[tuple[Wire, ...]] = []
        for number, step in enumerate(self.steps):
            if step.calls not in self._specs and step.calls not in VERBS:
                step = self.steps[number] = replace(step, calls=f"{step.calls}_{number}")
            arguments = {key: _known(wires, name, step) for key, name in _arguments(step)}
            self._wires.append(tuple(arguments.values()))
            last = out_dim if next(iter(outputs)) in step.gives else None
            wires.update(zip(step.gives, self._join(step, arguments, last), strict=False))
        self.wires = wires
        self.out_dim = self._check_outputs()
        del self._specs, self._sizes  # plans are for building alone, and cannot be copied

    def forward(self, **inputs: Any) -> Any:
        """Return the output, or {name: output} where there are several.

        Every input is a tensor or a :class:`Stream`; ``<name>_mask`` tells the real items, ``mask`` those of the
        first.
        """
        found = self.streams(**inputs)
        if len(self.outputs) == 1:
            return found[next(iter(self.outputs))].value
        return {name: found[name].value for name in self.outputs}

    def streams(self, *, wanted: tuple[str, ...] = (), **inputs: Any) -> dict[str, Stream]:
        """Return streams by name, with their masks: all, or those that the ``wanted`` ones need."""
        needed = self.needed(wanted)
        streams = {name: self._given(name, inputs) for name in self.inputs if not wanted or name in needed}
        for step, wires in zip(self.steps, self._wires, strict=True):
            if wanted and needed.isdisjoint(step.gives):
                continue
            arguments = {key: streams[name] for key, name in _arguments(step)}
            if step.calls in VERBS:
                results = (VERBS[step.calls].run(wires, *arguments.values(), **step.constants),)
            else:
                results = _run(self.parts[step.calls], step.method, arguments)
            streams.update(zip(step.gives, results, strict=False))
        return streams

    def needed(self, wanted: tuple[str, ...]) -> set[str]:
        """Return the names of all streams that the wanted ones come from, themselves included."""
        needed = set(wanted)
        for step in reversed(self.steps):
            if not needed.isdisjoint(step.gives):
                needed.update(name for _, name in _arguments(step))
        return needed

    def _given(self, name: str, inputs: Mapping[str, Any]) -> Stream:
        if name not in inputs and self.inputs[name].optional:
            return Stream(None)
        value = inputs[name]
        if isinstance(value, Stream):
            return value
        first = name == next(iter(self.inputs))
        return Stream(value, inputs.get(f"{name}_mask", inputs.get("mask") if first else None))

    def _join(self, step: Step, wires: dict[str, Wire], out_dim: int | None) -> tuple[Wire, ...]:
        """Return what a step gives, having made its part if this is the first call."""
        if step.calls in VERBS:
            try:
                return (VERBS[step.calls].wire(*wires.values(), **step.constants),)
            except (ValueError, TypeError) as error:
                raise ConfigError("BAD-JOIN", f"step '{step.text}': {error}") from error
        part = self._part(step)
        entry = entry_of(part)
        if entry is None:
            raise ValueError(f"part '{step.calls}' is no brick, so its streams are unknown")
        fed = _by_stream(entry, wires, step)
        for name, wire in fed.items():
            _check_join(Stud(wire.kinds, None), entry, name, step)
        studs = {n: entry.takes[n].size for n in fed if n in entry.takes}
        sizes = {size: fed[n].width for n, size in studs.items() if size and fed[n].width is not None}
        if step.calls not in self.parts:
            more = {} if out_dim is None else {"out_dim": out_dim}
            self.parts[step.calls] = fit(part, **sizes, **more)
            self._sizes[step.calls] = sizes
        module = self.parts[step.calls]
        for size, width in sizes.items():
            had = getattr(module, size, self._sizes[step.calls].get(size, width))
            if had != width:
                what = f"step '{step.text}': {step.calls} has {size} {had}, it is fed {width}"
                raise ConfigError("BAD-JOIN", what)
        return _given_wires(module, entry, step, next(iter(fed.values())))

    def _part(self, step: Step) -> Any:
        """Return the module, or what it will be made from."""
        if step.calls in self.parts:
            return self.parts[step.calls]
        if step.calls in self._specs:
            spec = self._specs[step.calls]
            return plan(spec) if isinstance(spec, Mapping | str) else spec
        name = step.calls.rpartition("_")[0]
        try:
            return plan(name)
        except ConfigError as error:
            near = did_you_mean(name, [*self._specs, *VERBS, *home_of()])
            raise ConfigError(error.id, f"step '{step.text}': no part '{name}'", near) from error

    def _check_outputs(self) -> int | None:
        idle = self._specs.keys() - self.parts.keys()
        if idle:
            raise ValueError(f"no step uses {', '.join(sorted(idle))}")
        for name, kind in self.outputs.items():
            if name not in self.wires:
                raise ConfigError("BAD-VALUE", f"no step gives '{name}'", did_you_mean(name, self.wires))
            if not fits(Stud(self.wires[name].kinds), Stud.parse(kind)):
                raise ConfigError("BAD-JOIN", f"'{name}' is {self.wires[name]}, declared as {kind}")
        return self.wires[next(iter(self.outputs))].width


def _wire(text: str, in_dim: int | None) -> Wire:
    stud = Stud.parse(text)
    return Wire(stud.kinds, int(stud.size) if stud.size else in_dim, stud.optional)


def _arguments(step: Step) -> list[tuple[str, str]]:
    """Return (place or name, stream) of everything a step is given."""
    return [(str(i), name) for i, name in enumerate(step.streams)] + list(step.named)


def _known(wires: Mapping[str, Wire], name: str, step: Step) -> Wire:
    if name not in wires:
        raise ConfigError("BAD-VALUE", f"step '{step.text}': no stream '{name}'", did_you_mean(name, wires))
    return wires[name]


def _by_stream(entry: Entry, given: Mapping[str, Any], step: Step | None = None) -> dict[str, Any]:
    """Return what is given by the names of the brick's streams."""
    names = list(entry.takes)
    named = {}
    for key, value in given.items():
        name = names[int(key)] if key.isdigit() and int(key) < len(names) else key
        if name not in entry.takes and name != "state":
            where = f"step '{step.text}': " if step else ""
            raise ConfigError("BAD-JOIN", f"{where}{entry.name} takes {', '.join(names)}, not '{name}'")
        named[name] = value
    return named


def _check_join(offered: Stud, entry: Entry, name: str, step: Step) -> None:
    if name == "state" or step.method == "step":
        return
    wanted = entry.takes[name]
    if not fits(offered, wanted):
        between = adapters(offered, wanted)
        what = f"step '{step.text}': {offered} cannot feed {entry.name}, whose '{name}' is {wanted}"
        raise ConfigError("BAD-JOIN", what, f"insert {' or '.join(between)}" if between else "")


def _given_wires(module: nn.Module, entry: Entry, step: Step, fed: Wire) -> tuple[Wire, ...]:
    if step.method == "features":
        return tuple(Wire(("image",), dim) for dim in module.map_dims)
    if step.method == "step":
        return Wire(("vector",), module.out_dim), Wire(("state",))
    wires = []
    for stud in entry.gives.values():
        kinds = fed.kinds if "same" in stud.kinds else stud.kinds
        kinds = (module.gives_kind,) if hasattr(module, "gives_kind") else kinds
        width = getattr(module, stud.size, None) if stud.size else None
        wires.append(Wire(kinds, width))
    return tuple(wires)


def _run(module: Any, method: str, given: Mapping[str, Stream]) -> tuple[Stream, ...]:
    """Call a part with its streams, and give what comes out the mask that goes with it."""
    entry = entry_of(module)
    assert entry is not None
    fed = {n: s for n, s in _by_stream(entry, given).items() if s.value is not None}
    call = getattr(module, method) if method else module
    known = _parameters(type(module), method or "forward")
    first = next(iter(fed.values()))
    items = [n for n, stud in entry.takes.items() if {*stud.kinds} & _MASKED]
    masks = {("mask" if n == items[0] else f"{n}_mask"): fed[n].mask for n in items if n in fed}
    arguments = {n: s.value for n, s in fed.items()} | {k: m for k, m in masks.items() if m is not None and k in known}
    if "plan" in known:
        arguments["plan"] = next((s.plan for s in fed.values() if s.plan is not None), None)
    result = call(**arguments)
    if method:
        return tuple(Stream(v) for v in result)
    several = result.values() if isinstance(result, Mapping) else result
    values = [result] if isinstance(result, Tensor) else list(several)
    mask = masks.get("mask")
    studs = entry.gives.values()
    return tuple(_masked(value, stud, mask, first) for value, stud in zip(values, studs, strict=False))


def _masked(value: Tensor, stud: Stud, mask: Tensor | None, first: Stream) -> Stream:
    if first.plan is not None and {*stud.kinds} & {"tree", "same"}:
        return first._replace(value=value)
    if first.packing is not None and "set" in stud.kinds:
        return Stream(first.packing.pad(value), first.packing.mask)
    if mask is None or not {*stud.kinds} & _KEEPS_MASK or value.dim() < 3:
        return Stream(value)
    if mask.dim() == 3 and "rows" not in stud.kinds:
        mask = mask.any(1)
    return Stream(value, mask)


@functools.cache
def _parameters(module: type, method: str) -> frozenset[str]:
    return frozenset(inspect.signature(getattr(module, method)).parameters)
