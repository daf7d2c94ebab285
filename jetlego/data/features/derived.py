"""Expressions over the columns of jets: derived columns, cuts and anything else a user writes as text.

Constituent columns look like jagged arrays to an expression and jet columns like flat ones, so ``part_pt / jet_pt`` and
``ak.sum(part_pt, axis=1) > 500`` mean what they say. ``label_<class>`` is 1 for the jets of a class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from jetlego.conventions import BoolArray
from jetlego.data.expressions import Expression, parse_expression
from jetlego.data.features.columns import Array
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, DataError

if TYPE_CHECKING:
    from jetlego.data.features.view import JetView


class _Columns(Mapping[str, Any]):
    """The columns of a view for the evaluator: constituents jagged, or everything flat and repeated."""

    def __init__(self, view: JetView, *, flat: bool) -> None:
        self.view, self.flat = view, flat

    def __getitem__(self, name: str) -> Any:
        try:
            constituent = self.view.level(name) == "constituent"
            values = self.view[name]
        except ConfigError as error:
            if error.id != "BAD-VALUE":
                raise
            raise KeyError(name) from None
        if self.flat:
            return values if constituent else self.view.per_constituent(name)
        return jagged(values, self.view.jets) if constituent else values

    def __iter__(self) -> Iterator[str]:
        return iter(self.view.names())

    def __len__(self) -> int:
        return len(self.view.names())


def jagged(values: Array, jets: Jets) -> ak.Array:
    """Return packed constituent values as rows of one jet each, without copying."""
    layout = ak.contents.ListOffsetArray(ak.index.Index64(jets.jet_ptr), ak.contents.NumpyArray(values))
    return ak.Array(layout)


def evaluate_on_view(view: JetView, expression: Expression) -> tuple[str, Array]:
    """Return ``("constituent", (P,))`` or ``("jet", (B,))``: what the expression is worth.

    Raises
    ------
    ConfigError
        ``EXPR-SHAPE`` if it gives neither one value a jet nor one a constituent.
    """
    jets = view.jets
    if expression.elementwise and any(view.level(name) == "constituent" for name in expression.names):
        return "constituent", np.asarray(expression.evaluate(_Columns(view, flat=True)))
    value = expression.evaluate(_Columns(view, flat=False), length=jets.num_jets)
    if isinstance(value, ak.Array) and value.ndim == 2:
        filled = ak.drop_none(value, axis=0)  # a jet without constituents may have become None
        if np.array_equal(ak.to_numpy(ak.fill_none(ak.num(value), 0)), jets.num_constituents):
            return "constituent", ak.to_numpy(ak.flatten(filled))
    elif np.ndim(value) == 0 and not isinstance(value, ak.Array):
        return "jet", np.full(jets.num_jets, value)
    elif value.ndim == 1 and len(value) == jets.num_jets:
        return "jet", _without_none(value)
    what = f"gives {_shape(value)} for {jets.num_jets} jets of {len(jets.p4)} constituents"
    raise expression.source.fault("EXPR-SHAPE", what, "one value a jet or one a constituent is needed")


def jet_mask(jets: Jets, text: str, *, where: str = "") -> BoolArray:
    """Return which jets pass a cut.

    Parameters
    ----------
    jets
        Jets; every stored or derivable column may be used by name.
    text
        Expression of one truth value a jet, such as ``(jet_pt > 500) & (abs(jet_eta) < 2)``.
    where
        Origin of the text, for messages.

    Returns
    -------
    BoolArray
        (B,), for ``jets.select``.

    Raises
    ------
    ConfigError
        ``EXPR-REFUSED`` and its kin; ``EXPR-SHAPE`` if it gives a value for each constituent.
    """
    from jetlego.data.features.view import JetView

    expression = parse_expression(text, where=where)
    level, value = evaluate_on_view(JetView(jets), expression)
    if level != "jet":
        hint = "reduce it, as in ak.any(..., axis=1)"
        raise expression.source.fault("EXPR-SHAPE", "gives a value for each constituent, a cut needs one a jet", hint)
    return value.astype(bool)


def _without_none(value: Any) -> Array:
    """Return a flat array; a missing value (the maximum of an empty jet, say) becomes NaN or, in a mask, False."""
    if isinstance(value, ak.Array) and ak.any(ak.is_none(value)):
        filled = ak.fill_none(value, False if "bool" in str(value.type.content) else np.nan)
        return ak.to_numpy(filled)
    return ak.to_numpy(value, allow_missing=False) if isinstance(value, ak.Array) else np.asarray(value)


def _shape(value: Any) -> str:
    return str(ak.type(value)) if isinstance(value, ak.Array) else f"an array of shape {np.shape(value)}"


def parse_derived(derived: Mapping[str, str] | None) -> dict[str, Expression]:
    """Return checked expressions of ``{name: text}``."""
    return {name: parse_expression(text, where=f"column '{name}'") for name, text in (derived or {}).items()}


def one_hot(jets: Jets, name: str) -> Array | None:
    """Return the 0/1 column ``label_<class>`` or ``<class>`` of a class, None if there is no such class.

    Raises
    ------
    DataError
        ``LABELS`` if the class exists but the jets carry no labels.
    """
    for at, known in enumerate(jets.classes):
        if name in (known, f"label_{known}"):
            if jets.label is None:
                raise DataError("LABELS", f"'{name}': these jets carry no labels")
            return (jets.label == at).astype(np.int32)
    return None
