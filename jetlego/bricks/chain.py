"""A chain of bricks, each fed with what the one before it gives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.plan import Plan, dotted, plan
from jetlego.bricks.registry import Entry, brick, find_brick
from jetlego.bricks.studs import Stud, adapters, fits
from jetlego.errors import ConfigError

_ITEMS = {"set", "sequence", "graph"}


@brick("chain", takes={"x": "any[in_dim]"}, gives={"y": "any[out_dim]"}, views=("padded", "packed"))
class Chain(nn.Module):
    """``part_L(... part_2(part_1(x)))``; a join that does not fit is refused when it is built.

    Mask and offsets go along as long as what flows is items; the first part that gives a vector ends that.

    Parameters
    ----------
    in_dim
        Width of what comes in.
    parts
        The bricks; each is told the width of the one before it.
    out_dim
        Width of the last one, if it asks for one.
    """

    def __init__(self, *, in_dim: int, parts: list[Part], out_dim: int | None = None) -> None:
        super().__init__()
        if not parts:
            raise ValueError("a chain needs a part")
        parts = [plan(p) if isinstance(p, Mapping | str) else p for p in parts]
        _check_joins(parts)
        self.parts = nn.ModuleList()
        width = in_dim
        for i, part in enumerate(parts):
            last = {"out_dim": out_dim} if out_dim is not None and i == len(parts) - 1 else {}
            self.parts.append(fit(part, in_dim=width, **last))
            width = getattr(self.parts[-1], "out_dim", width)
        self.out_dim = width

    def forward(self, x: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None, n_max: int = 0) -> Tensor:
        """Return what the last part makes of ``x``, (B, N, in_dim) with ``mask``, or packed, ``ptr`` and ``n_max``."""
        along: dict[str, Any] = {"mask": mask, "ptr": ptr, "n_max": n_max}
        for part in self.parts:
            x = part(x, **{k: along[k] for k in _known(type(part)) & along.keys()})
            if not _gives_items(part):
                along = {}
        return x


def entry_of(part: Any) -> Entry | None:
    """Return the word that a part, planned or made, goes by; None for plain modules."""
    if isinstance(part, Plan):
        return part.entry
    name = part.__dict__.get("_brick", ("",))[0] if isinstance(part, nn.Module) else ""
    return find_brick(name) if name else None


def _gives_items(part: nn.Module) -> bool:
    """Return whether what a part gives still has one entry for each item, so that mask and offsets hold for it."""
    if hasattr(part, "gives_kind"):  # depends on the arguments of the brick
        return part.gives_kind in _ITEMS
    entry = entry_of(part)
    return entry is None or bool({*entry.first_gives.kinds} & {*_ITEMS, "same", "any"})


def _check_joins(parts: Sequence[Any]) -> None:
    """Refuse the first join that does not fit, by both names."""
    flowing: Stud | None = None
    before = ""
    for part in parts:
        entry = entry_of(part)
        if entry is None:
            flowing = None
            continue
        if flowing is not None and not fits(flowing, entry.first_takes):
            where = f"{dotted(part.path)}: " if isinstance(part, Plan) else ""
            what = f"{where}{before} gives {flowing}, which {entry.name} cannot take: it takes {entry.first_takes}"
            between = adapters(flowing, entry.first_takes)
            raise ConfigError("BAD-JOIN", what, f"insert {' or '.join(between)}" if between else "")
        same = "same" in entry.first_gives.kinds
        kinds = flowing.kinds if same and flowing is not None else entry.first_gives.kinds
        flowing, before = Stud(kinds, entry.first_gives.size), entry.name


@functools.cache
def _known(module: type[nn.Module]) -> frozenset[str]:
    return frozenset(inspect.signature(module.forward).parameters)
