"""Cuts on jets: a function of `Jets`, or an expression over every column that jets have or that follows from one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import awkward as ak
import numpy as np

from jetlego.conventions import BoolArray
from jetlego.data.expressions import Expression, parse_expression
from jetlego.data.features.view import JetView
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, quoted

Where = str | Callable[[Jets], np.ndarray]


@lru_cache(maxsize=256)
def parsed(text: str) -> Expression:
    """Return a checked expression; the same text is parsed once."""
    return parse_expression(text)


def selected(jets: Jets, where: Where | None) -> Jets:
    """Return the jets that ``where`` keeps.

    Parameters
    ----------
    where
        A function of `Jets` that gives a (B,) bool mask, or an expression such as ``"(jet_pt > 600) & (label == 0)"``
        over ``jet_*`` and carried columns (B,), ``part_*`` columns (lists), ``label``, ``label_<class>``, ``weight``.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` unless the result is one bool a jet; ``EXPR-REFUSED`` as the evaluator says.
    """
    if where is None:
        return jets
    value = parsed(where).evaluate(JetColumns(jets), length=jets.num_jets) if isinstance(where, str) else where(jets)
    return jets.select(as_mask(value, jets.num_jets, where if isinstance(where, str) else "where"))


def as_mask(value: Any, length: int, told: str) -> BoolArray:
    """Return the value of a cut as (length,) bool."""
    mask = value if isinstance(value, ak.Array) and value.ndim > 1 else np.asarray(value)
    if mask.ndim != 1 or len(mask) != length or np.asarray(mask).dtype != bool:
        found = "lists" if isinstance(mask, ak.Array) else f"{mask.dtype} of shape {mask.shape}"
        raise ConfigError("BAD-VALUE", f"'{quoted(told)}' gave {found} for {length} jets", "it must be one bool a jet")
    return mask


class JetColumns(Mapping[str, Any]):
    """The columns of `Jets` by name as an expression sees them: (B,) of jets, lists of constituents."""

    def __init__(self, jets: Jets) -> None:
        self.jets, self.view = jets, JetView(jets)

    def __getitem__(self, name: str) -> Any:
        jets = self.jets
        if name in ("label", "weight"):
            value = getattr(jets, name)
            if value is not None:
                return value
        if jets.label is not None and name.removeprefix("label_") in jets.classes:
            return jets.label == jets.classes.index(name.removeprefix("label_"))
        values = self.view[name]
        if self.view.level(name) == "jet":
            return values
        return ak.unflatten(values, jets.num_constituents)

    def __contains__(self, name: object) -> bool:
        return name in set(self)

    def __iter__(self) -> Iterator[str]:
        yield from self.view.names()
        if self.jets.label is not None:
            yield "label"
            yield from (f"label_{name}" for name in self.jets.classes)
        if self.jets.weight is not None:
            yield "weight"

    def __len__(self) -> int:
        return len(list(iter(self)))
