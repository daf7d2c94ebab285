"""Examples of a brick and its inputs, made from what the brick says it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.bricks.build import build
from jetlego.bricks.masks import pack, segment_index
from jetlego.bricks.registry import Entry, find_brick
from jetlego.bricks.studs import Stud

Inputs = dict[str, Any]

COUNTS = (5, 3, 0, 1)
"""Real items of the four sets of every example: full, partial, empty, single."""

_ITEMS = ("set", "sequence")
_ALONG = {"weight", "along"}  # a number, or a vector, for each item of the first set


@dataclass(frozen=True)
class Example:
    """A small spec of one brick, and how to feed it.

    Parameters
    ----------
    spec, given
        Arguments of :func:`jetlego.bricks.build.build`; sizes of a few units.
    inputs
        Makes the keyword arguments of ``forward`` (float64) from a generator; None makes them from ``takes``.
    extra
        Further keyword arguments of ``forward``, such as Python sizes.
    sizes
        Widths of streams that are neither in the spec nor among the given sizes.
    skip
        {check: reason why it cannot hold for this brick}.
    parameters
        Exact number of parameters, if known from elsewhere.
    causal
        Outputs may not see later inputs.
    """

    spec: Any
    given: Mapping[str, Any] = field(default_factory=dict)
    inputs: Callable[[torch.Generator], Inputs] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    skip: Mapping[str, str] = field(default_factory=dict)
    parameters: int | None = None
    causal: bool = False


def entry_of(name: str) -> Entry:
    """Return the entry of an example's name, ``brick`` or ``brick/variant``."""
    return find_brick(name.partition("/")[0])


def set_streams(entry: Entry) -> list[str]:
    """Return the streams that come as items with a mask; a brick for any kind is tried with sets."""
    return [name for name, stud in entry.takes.items() if {*stud.kinds} & {*_ITEMS, "any"}]


def outputs(entry: Entry) -> list[Stud]:
    """Return the studs of the outputs, in order."""
    return list(entry.gives.values())


def taken(entry: Entry, example: Example, *, grad: bool = False) -> Inputs:
    """Return inputs for an example: four sets of 5, 3, 0 and 1 items."""
    generator = torch.Generator().manual_seed(7)
    inputs = example.inputs(generator) if example.inputs else _made(entry, example, generator)
    inputs |= example.extra
    for value in inputs.values():
        if grad and isinstance(value, Tensor) and value.is_floating_point():
            value.requires_grad_()
    return inputs


def call(module: nn.Module, inputs: Inputs) -> list[Tensor]:
    """Call a module and return its tensors as a list."""
    result = module(**inputs)
    if isinstance(result, Tensor):
        return [result]
    return list(result.values() if isinstance(result, Mapping) else result)


def lengthened(entry: Entry, inputs: Inputs, *, extra: int) -> Inputs:
    """Return the inputs with ``extra`` more slots, all padding filled with NaN."""
    longer = dict(inputs)
    for name, stud in entry.takes.items():
        mask = inputs.get(_mask_name(entry, name))
        if name not in inputs or inputs[name] is None:
            continue
        if {*stud.kinds} & {*_ITEMS, "any"} and mask is not None:
            longer[name] = _spoil(_extend(inputs[name], (1,), extra), _extend(mask, (1,), extra))
            longer[_mask_name(entry, name)] = _extend(mask, (1,), extra)
        elif "pair" in stud.kinds:
            both = inputs["mask"].unsqueeze(2) & inputs["mask"].unsqueeze(1)
            longer[name] = _extend(inputs[name], (-2, -1), extra)
            longer[name] = longer[name].masked_fill(~_extend(both, (1, 2), extra).unsqueeze(1), torch.nan)
        elif {*stud.kinds} & _ALONG:
            longer[name] = _spoil(_extend(inputs[name], (1,), extra), _extend(inputs["mask"], (1,), extra))
    return longer


def shortened(value: Any, length: int) -> Any:
    """Return a stream without any slot: every axis of ``length`` after the first becomes empty."""
    if not isinstance(value, Tensor):
        return value
    for axis in range(1, value.dim()):
        if value.shape[axis] == length:
            value = value.narrow(axis, 0, 0)
    return value


def permuted(entry: Entry, inputs: Inputs) -> tuple[Inputs, list[Tensor]]:
    """Return the inputs with the real items of each set in another order, and the orders."""
    mask = inputs["mask"]
    generator = torch.Generator().manual_seed(3)
    orders = []
    for row in mask:
        count = int(row.sum())
        orders.append(torch.cat([torch.randperm(count, generator=generator), torch.arange(count, len(row))]))
    first = set_streams(entry)[0]
    shuffled = dict(inputs)
    for name, stud in entry.takes.items():
        if inputs.get(name) is None:
            continue
        if "pair" in stud.kinds:
            rows = [p[:, o][:, :, o] for p, o in zip(inputs[name], orders, strict=True)]
            shuffled[name] = torch.stack(rows)
        elif name == first or {*stud.kinds} & _ALONG:
            shuffled[name] = torch.stack([x[o] for x, o in zip(inputs[name], orders, strict=True)])
    return shuffled, orders


def reordered(stud: Stud, value: Tensor, orders: list[Tensor], *, both_axes: bool) -> Tensor:
    """Return an output as it must be if the items come in another order; pairs of one set turn along both axes."""
    if stud.kinds[0] == "pair":
        rows = [p.index_select(-2, o) for p, o in zip(value, orders, strict=True)]
        return torch.stack([r.index_select(-1, o) if both_axes else r for r, o in zip(rows, orders, strict=True)])
    if stud.kinds[0] == "rows":
        return torch.stack([x[:, o] for x, o in zip(value, orders, strict=True)])
    if stud.kinds[0] in ("set", "same", "any") and value.shape[1] == len(orders[0]):
        return torch.stack([x[o] for x, o in zip(value, orders, strict=True)])
    return value


def packed_call(module: nn.Module, entry: Entry, inputs: Inputs) -> list[Tensor]:
    """Call a module with its sets packed: ``ptr`` in place of ``mask`` (left out where ``forward`` has no ``ptr``)."""
    import inspect

    mask = inputs["mask"]
    total = int(mask.sum())
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), mask.sum(1).cumsum(0)])
    fed = {k: v for k, v in inputs.items() if k != "mask"}
    for name, stud in entry.takes.items():
        if fed.get(name) is not None and ({*stud.kinds} & {*_ITEMS, *_ALONG, "any"}):
            fed[name] = pack(fed[name], mask, total)
    if "ptr" in inspect.signature(module.forward).parameters:
        fed["ptr"] = ptr
    if "n_max" in inspect.signature(module.forward).parameters:
        fed["n_max"] = mask.shape[1]
    return call(module, fed)


def items_of(stud: Stud, value: Tensor, inputs: Inputs, entry: Entry) -> Tensor:
    """Return an output without the slots that the original inputs did not have."""
    length = inputs["mask"].shape[1]
    if stud.kinds[0] in ("set", "sequence", "same", "any") and value.dim() > 1:
        return value[:, :length]
    if stud.kinds[0] == "pair":
        return value[..., :length, :length]
    if stud.kinds[0] == "rows":
        return value[:, :, :length]
    return value


def node_owner(ptr: Tensor, total: int) -> Tensor:
    """Return the graph of each node."""
    return segment_index(ptr, total)


def _made(entry: Entry, example: Example, generator: torch.Generator) -> Inputs:
    inputs: Inputs = {}
    for name, stud in entry.takes.items():
        width = _width(stud, example)
        if {*stud.kinds} & {*_ITEMS, "any"}:
            x, mask = _items(width, generator)
            inputs[name], inputs[_mask_name(entry, name)] = x, mask
        elif "image" in stud.kinds:
            inputs[name] = _draw((len(COUNTS), width, 6, 5), generator)
        elif "vector" in stud.kinds:
            inputs[name] = _draw((len(COUNTS), width), generator)
        elif "weight" in stud.kinds:
            inputs[name] = _draw((len(COUNTS), max(COUNTS)), generator).abs() * inputs["mask"]
        elif "along" in stud.kinds:
            inputs[name] = _draw((len(COUNTS), max(COUNTS), width), generator) * inputs["mask"].unsqueeze(-1)
        elif "pair" in stud.kinds:
            inputs[name] = _draw((len(COUNTS), width, max(COUNTS), max(COUNTS)), generator)
        elif not stud.optional:
            raise ValueError(f"{entry.name}: an example with {stud} must make its own inputs")
    return inputs


def _items(width: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    mask = torch.arange(max(COUNTS)) < torch.tensor(COUNTS).unsqueeze(1)
    return _draw((len(COUNTS), max(COUNTS), width), generator) * mask.unsqueeze(-1), mask


def _draw(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def _width(stud: Stud, example: Example) -> int:
    spec = example.spec if isinstance(example.spec, Mapping) else {}
    for known in (example.sizes, example.given, spec):
        if stud.size in known:
            return int(known[stud.size])
    with torch.device("meta"):
        value = getattr(build(example.spec, **example.given), stud.size, None) if stud.size else 1
    if value is None:
        raise ValueError(f"no width '{stud.size}' in the example; name it in sizes")
    return int(value)


def _mask_name(entry: Entry, stream: str) -> str:
    return "mask" if stream == set_streams(entry)[0] else f"{stream}_mask"


def _extend(x: Tensor, axes: tuple[int, ...], extra: int) -> Tensor:
    for axis in axes:
        shape = list(x.shape)
        shape[axis] = extra
        x = torch.cat([x, x.new_zeros(shape)], axis)
    return x


def _spoil(x: Tensor, mask: Tensor) -> Tensor:
    if not x.is_floating_point():
        return x
    return x.masked_fill(~mask.reshape(*mask.shape, *(1,) * (x.dim() - 2)), torch.nan)
