"""The registry of derived columns: a name, what it means, how it follows from others, how it is scaled by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

if TYPE_CHECKING:
    from jetlego.data.features.view import JetView

Array = npt.NDArray[Any]
Compute = Callable[["JetView"], Array]


class Transform(NamedTuple):
    """``clip((x - center) * scale, low, high)``, then NaN -> 0; a ``center`` of None leaves x as it is."""

    center: float | None = None
    scale: float = 1.0
    low: float = -5.0
    high: float = 5.0


RAW = Transform()
"""No subtraction, no scaling, no clipping."""


@dataclass(frozen=True)
class Column:
    """A derived column.

    Parameters
    ----------
    name
        ``part_*`` for constituents (values (P,)), ``jet_*`` for jets (values (B,)).
    about
        Meaning, with the unit.
    compute
        Function of a :class:`~jetlego.data.features.view.JetView`, which holds the stored and the other derived
        columns; None if it can only come from the data.
    transform
        What feature sets apply to it unless told otherwise.
    """

    name: str
    about: str
    compute: Compute | None = None
    transform: Transform = RAW


_CONSTITUENT: dict[str, Column] = {}
_JET: dict[str, Column] = {}


def column(name: str, about: str, *, transform: Transform = RAW) -> Callable[[Compute], Compute]:
    """Register the decorated function as the derived column ``name``; the prefix tells constituents from jets."""

    def register(compute: Compute) -> Compute:
        _add(Column(name, about, compute, transform))
        return compute

    return register


def stored_column(name: str, about: str, *, transform: Transform = RAW) -> None:
    """Register meaning and default transform of a column that only the data can give."""
    _add(Column(name, about, None, transform))


def _add(new: Column) -> None:
    table = _CONSTITUENT if new.name.startswith("part_") else _JET
    if new.name in table:
        raise ValueError(f"column '{new.name}' is registered twice")
    table[new.name] = new


def constituent_columns() -> dict[str, Column]:
    """Return the derived constituent columns by name."""
    return dict(_CONSTITUENT)


def jet_columns() -> dict[str, Column]:
    """Return the derived jet columns by name."""
    return dict(_JET)


def find_column(name: str) -> Column | None:
    """Return the derived column of that name, or None."""
    return _CONSTITUENT.get(name) or _JET.get(name)
