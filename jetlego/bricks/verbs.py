"""Verbs of assemblies: what needs no parameters, such as putting streams side by side or reading by a score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.bricks.masks import Packing, blank, masked_softmax, set_mean

ITEMS = frozenset({"set", "sequence", "graph", "slots", "any"})
_CHANNELS_FIRST = frozenset({"image", "pair"})


@dataclass(frozen=True)
class Wire:
    """What is known of a stream before there are data: its kinds, its width, whether it may be absent."""

    kinds: tuple[str, ...]
    width: int | None = None
    optional: bool = False

    @property
    def channel_axis(self) -> int:
        """Where the channels stand."""
        return 1 if {*self.kinds} & _CHANNELS_FIRST else -1

    def __str__(self) -> str:
        return "|".join(self.kinds) + (f"[{self.width}]" if self.width is not None else "")


class Stream(NamedTuple):
    """A stream with data: its value, which items are real, and for trees the plan and how leaves lie in padded jets."""

    value: Any
    mask: Tensor | None = None
    plan: Any = None
    packing: Packing | None = None


class Verb(NamedTuple):
    """``wire`` tells what comes out of which wires (ValueError if it cannot be); ``run`` does it."""

    wire: Callable[..., Wire]
    run: Callable[..., Stream]


def _beside(*wires: Wire) -> Wire:
    if any(set(w.kinds).isdisjoint(wires[0].kinds) for w in wires) or any(w.width is None for w in wires):
        raise ValueError(f"cannot put {', '.join(map(str, wires))} side by side")
    return replace(wires[0], width=sum(w.width or 0 for w in wires))


def _cat(wires: tuple[Wire, ...], *streams: Stream) -> Stream:
    return streams[0]._replace(value=torch.cat([s.value for s in streams], wires[0].channel_axis))


def _alike(*wires: Wire) -> Wire:
    if any(w.width != wires[0].width or set(w.kinds).isdisjoint(wires[0].kinds) for w in wires):
        raise ValueError(f"cannot add {', '.join(map(str, wires))}")
    return wires[0]


def _add(wires: tuple[Wire, ...], *streams: Stream) -> Stream:
    return streams[0]._replace(value=sum(s.value for s in streams))


def _reads(score: Wire, items: Wire) -> Wire:
    if "pair" not in score.kinds or not {*items.kinds} & ITEMS:
        raise ValueError(f"read wants a score and items, not {score} and {items}")
    return Wire(("slots", "set", "sequence"), items.width)


def _read(wires: tuple[Wire, ...], score: Stream, items: Stream) -> Stream:
    mask = None if items.mask is None else items.mask.unsqueeze(1)
    return Stream(masked_softmax(score.value, mask) @ blank(items.value, items.mask))


def _follow(wires: tuple[Wire, ...], items: Stream, order: Stream) -> Stream:
    """The items in the order of their numbers (B, T), -1 for none, one step late: nothing, first, second, ..."""
    x, index = blank(items.value, items.mask), order.value
    if x.shape[1] == 0:
        return Stream(x.new_zeros(*index.shape, x.shape[2]))
    taken = x.gather(1, index.clamp(min=0).unsqueeze(-1).expand(-1, -1, x.shape[2]))
    taken = blank(taken, index >= 0)
    return Stream(F.pad(taken, (0, 0, 1, 0))[:, :-1])


def _unflat(wires: tuple[Wire, ...], x: Stream, *, size: int) -> Stream:
    return Stream(x.value.unflatten(-1, (-1, size, size)))


def _unflat_wire(x: Wire, *, size: int) -> Wire:
    if x.width is None or x.width % size**2:
        raise ValueError(f"{x} is no image of {size} x {size}")
    return Wire(("image",), x.width // size**2)


def _enlarge(wires: tuple[Wire, ...], x: Stream, *, factor: int = 2) -> Stream:
    return Stream(x.value.repeat_interleave(factor, 2).repeat_interleave(factor, 3))


def _image(x: Wire, *, factor: int = 2) -> Wire:
    if "image" not in x.kinds:
        raise ValueError(f"enlarge wants an image, not {x}")
    return x


def _rows(*wires: Wire) -> Wire:
    if any(not {*w.kinds} & ITEMS for w in wires):
        raise ValueError(f"stack wants items, not {', '.join(map(str, wires))}")
    return replace(_alike(*wires), kinds=("rows",))


def _stack(wires: tuple[Wire, ...], *streams: Stream) -> Stream:
    return streams[0]._replace(value=torch.stack([s.value for s in streams], 1))


def _mean(wires: tuple[Wire, ...], x: Stream) -> Stream:
    return Stream(set_mean(x.value, x.mask))


def _spread(wires: tuple[Wire, ...], v: Stream, like: Stream) -> Stream:
    return Stream(blank(v.value.unsqueeze(1).expand(-1, like.value.shape[1], -1), like.mask), like.mask)


def _of_kind(*kinds: str) -> Callable[..., Wire]:
    return lambda x, *others, **constants: Wire(kinds, x.width)


VERBS: Mapping[str, Verb] = MappingProxyType({
    "cat": Verb(_beside, _cat),
    "add": Verb(_alike, _add),
    "stack": Verb(_rows, _stack),
    "read": Verb(_reads, _read),
    "follow": Verb(_of_kind("sequence"), _follow),
    "mean": Verb(_of_kind("vector"), _mean),
    "spread": Verb(lambda v, like: Wire(like.kinds, v.width), _spread),
    "one": Verb(_of_kind("slots"), lambda wires, x: Stream(x.value.unsqueeze(1))),
    "first": Verb(_of_kind("vector"), lambda wires, x: Stream(x.value[:, 0])),
    "repeat": Verb(_of_kind("sequence"), lambda wires, x, *, times: Stream(x.value.unsqueeze(1).expand(-1, times, -1))),
    "pairs": Verb(_of_kind("pair"), lambda wires, x: x._replace(value=x.value.movedim(-1, 1))),
    "mirrored": Verb(_of_kind("pair"), lambda wires, x: x._replace(value=(x.value + x.value.mT) / 2)),
    "relu": Verb(lambda x: x, lambda wires, x: x._replace(value=torch.relu(x.value))),
    "unflat": Verb(_unflat_wire, _unflat),
    "enlarge": Verb(_image, _enlarge),
})  # fmt: skip
"""``cat``, ``add``, ``stack``: side by side, summed, as rows of the same items. ``read(score, items)``: softmax over
the items, then their sum. ``follow(items, order)``: items in order, one step late. ``one``, ``first``: a vector as one
item, and back; ``mean(items)``, ``spread(v, items)``: a vector from items, and at each of them. ``repeat(v, times=3)``:
a vector at every step. ``pairs(x)``: (B, N, N, C) as pairs; ``mirrored``: pairs made symmetric; ``relu(x)``.
``unflat(v, size=4)``, ``enlarge(image, factor=2)``: from a vector to an image, and to a larger one."""
