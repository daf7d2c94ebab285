"""Parts: bricks that stand inside a brick, and the sizes that flow from parent to part.

A brick that holds others annotates the argument ``Part`` (or ``Annotated[Part, "set -> vector"]``, which also has the
kinds checked) and calls ``fit(part, in_dim=..., out_dim=...)``. In Python the part may be a ready module, a class, a
``functools.partial``; in a spec it is a nested spec or a bare brick name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from torch import Tensor, nn

_MARK = "jetlego.Part"

Part = Annotated[nn.Module | Callable[..., nn.Module] | Mapping[str, Any] | str, _MARK]
"""A module, something that makes one, a spec, or the name of a brick."""


def fit(part: Any, **sizes: Any) -> nn.Module:
    """Return ``part`` as a module, built with those of ``sizes`` that it has and its spec did not fix.

    Parameters
    ----------
    part
        A module (returned as it is), a planned spec, a spec, a brick's name, a class or a ``functools.partial``.
    **sizes
        What the parent knows: ``in_dim``, ``out_dim``, ``edge_dim`` and the like. Those the part does not have are
        left out.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` if the part lacks a size nobody gives, or if its spec fixes another value.
    """
    from jetlego.bricks.plan import Plan, plan

    if isinstance(part, nn.Module):
        return part
    if isinstance(part, Mapping | str):
        part = plan(part)
    if isinstance(part, Plan):
        return part.fit(sizes)
    fixed = part.keywords if isinstance(part, functools.partial) else {}
    has = inspect.signature(part).parameters
    return part(**{k: v for k, v in sizes.items() if k in has and k not in fixed})


def on_items(module: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    """Apply a part item by item, handing it the mask if its ``forward`` takes one (for a batch norm inside)."""
    return module(x, mask) if mask is not None and _takes_mask(type(module)) else module(x)


@functools.cache
def _takes_mask(module: type[nn.Module]) -> bool:
    return "mask" in inspect.signature(module.forward).parameters


def is_part(hint: Any) -> bool:
    """Return whether an annotation is ``Part``, with or without kinds."""
    return _MARK in getattr(hint, "__metadata__", ())


def part_kinds(hint: Any) -> str | None:
    """Return the ``"set -> vector"`` of ``Annotated[Part, "set -> vector"]``, or None."""
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, str) and m != _MARK), None)
