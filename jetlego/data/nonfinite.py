"""NaN and infinite values on their way in: refused, dropped, set to zero or left to imputation, and always counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from jetlego.conventions import BoolArray
from jetlego.data.formats.reader import Request
from jetlego.data.jets import Jets
from jetlego.data.schemas.schema import Schema
from jetlego.errors import NonFiniteError, quoted

_TOLD = {"drop-particle": "dropped", "drop-jet": "dropped with their jets", "zero": "set to zero"}
_OF_COLUMNS = "set nonfinite: drop-particle, drop-jet, zero or impute, or name the columns to read: columns=[...]"


def finite_jets(jets: Jets, path: Path, schema: Schema, request: Request) -> Jets:
    """Return jets without NaN and infinite values, as ``request.nonfinite`` says.

    Notes
    -----
    Momenta cannot be imputed: ``"impute"`` refuses them and marks other values as NaN, for which scalers put the median
    of the training jets. A jet column has no particle to drop: ``"drop-particle"`` drops its jet.

    Raises
    ------
    NonFiniteError
        ``NONFINITE`` with branch, file, first entry and count.
    """
    jets = _finite_momenta(jets, path, schema, request)
    for name, bad in list(_bad_columns(jets)):
        jets = _finite_column(jets, name, bad, path, request)
    return jets


def _finite_momenta(jets: Jets, path: Path, schema: Schema, request: Request) -> Jets:
    bad: BoolArray = np.logical_not(np.isfinite(jets.p4).all(axis=1))
    if not bad.any():
        return jets
    how = request.nonfinite
    if how in ("error", "impute"):
        row = int(np.flatnonzero(bad)[0])
        component = int(np.flatnonzero(~np.isfinite(jets.p4[row]))[0])
        told = f"{_branch(schema, component)} of {_constituent(jets, row)}, is {jets.p4[row, component]}"
        raise NonFiniteError(f"{quoted(path)}: {told}; {bad.sum()} constituents of the chunk are not finite")
    request.tally.add("NONFINITE", f"{{n}} constituents with NaN or infinite momentum were {_TOLD[how]}", bad.sum())
    if how == "zero":
        return replace(jets, p4=np.where(bad[:, None], 0.0, jets.p4))
    return jets.select_constituents(~bad) if how == "drop-particle" else jets.select(~_owners(jets, bad))


def _bad_columns(jets: Jets) -> Iterator[tuple[str, bool]]:
    """Yield the names of columns with NaN or infinite values, and whether they are of constituents."""
    for of_constituents, columns in ((True, jets.constituents), (False, jets.jet)):
        for name, values in columns.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                yield name, of_constituents


def _finite_column(jets: Jets, name: str, of_constituents: bool, path: Path, request: Request) -> Jets:
    values = (jets.constituents if of_constituents else jets.jet)[name]
    bad = ~np.isfinite(values)
    if not bad.any():  # an earlier column took its row along
        return jets
    how = request.nonfinite
    if how == "error":
        row = int(np.flatnonzero(bad)[0])
        at = _constituent(jets, row) if of_constituents else _entry(jets, row)
        what = f"{quoted(path)}: '{quoted(name)}' of {at}, is {values[row]}; {bad.sum()} values of the chunk are not"
        raise NonFiniteError(f"{what} finite", _OF_COLUMNS)
    told = _TOLD.get(how, "left to imputation by the training median")
    request.tally.add("NONFINITE", f"{{n}} NaN or infinite values of '{quoted(name)}' were {told}", bad.sum())
    if how == "drop-particle" and of_constituents:
        return jets.select_constituents(~bad)
    if how.startswith("drop"):
        return jets.select(~(_owners(jets, bad) if of_constituents else bad))
    filled = np.where(bad, values.dtype.type(0 if how == "zero" else np.nan), values)
    if of_constituents:
        return replace(jets, constituents={**jets.constituents, name: filled})
    return replace(jets, jet={**jets.jet, name: filled})


def _owners(jets: Jets, bad: BoolArray) -> BoolArray:
    """Return (B,) whether any constituent of the jet is bad."""
    owner = np.repeat(np.arange(jets.num_jets), jets.num_constituents)
    return np.bincount(owner[bad], minlength=jets.num_jets) > 0


def _constituent(jets: Jets, row: int) -> str:
    jet = int(np.searchsorted(jets.jet_ptr, row, side="right")) - 1
    return f"constituent {row - jets.jet_ptr[jet]} of {_entry(jets, jet)}"


def _entry(jets: Jets, jet: int) -> str:
    event, place = (int(jets.jet[name][jet]) for name in ("event_index", "jet_index"))
    return f"entry {event}, jet {place}"


def _branch(schema: Schema, component: int) -> str:
    names = ("px", "py", "pz", "energy")
    particles = schema.particles
    if particles is None or particles.form is None:
        return names[component]
    if names[component] in particles.form:
        column = particles.quantities[names[component]]
        return "'" + quoted(column.column or column.expr) + "'"
    return "momentum from " + ", ".join(f"'{quoted(particles.quantities[key].column)}'" for key in particles.form)
