"""Which columns of a table one read needs, by purpose, and what becomes of a column on its way to a jet."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import awkward as ak
import numpy as np

from jetlego.data.containers.table import Table
from jetlego.data.formats.reader import Request
from jetlego.data.labels import one_hot_columns
from jetlego.data.schemas.schema import COLUMN_TYPES, COLUMN_UNITS, Column, Momentum, Particles, Schema
from jetlego.data.selection import parsed
from jetlego.errors import ConfigError, DataError, JetlegoWarning, quoted

JET_QUANTITIES = ("pt", "eta", "phi", "energy", "mass")
_MOMENTA = frozenset({"part_px", "part_py", "part_pz", "part_energy"})


@dataclass(frozen=True)
class ColumnSet:
    """Columns by purpose; each map is {canonical name or quantity: column}.

    Parameters
    ----------
    momenta, constituents
        Of the particles.
    jet_momenta, jets
        Of the jets.
    one_hot
        {class: column}, None if the truth is not one-hot.
    label, weight, particle_weight
        Class number; jet weight; PUPPI weight.
    carried
        Source names asked for by the caller that the schema does not know.
    sources
        Every source name to read.
    """

    momenta: Mapping[str, Column]
    constituents: Mapping[str, Column]
    jet_momenta: Mapping[str, Column]
    jets: Mapping[str, Column]
    one_hot: Mapping[str, Column] | None
    label: Column | None
    weight: Column | None
    particle_weight: Column | None
    carried: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def column_set(table: Table, schema: Schema, request: Request) -> ColumnSet:
    """Return what to read from ``table``.

    Raises
    ------
    DataError
        ``NO-BRANCH`` for a required column that is not there.
    """
    particles, jets = schema.particles, schema.jets
    form = {key: particles.quantities[key] for key in particles.form or ()} if particles else {}
    jet_form = {key: jets.quantities[key] for key in jets.form or ()}
    stored = {f"jet_{key}": column for key, column in jets.quantities.items() if key in JET_QUANTITIES}
    label = schema.label
    hot = one_hot_columns(label, request.classes, table.names) if label and label.one_hot is not None else None
    found = ColumnSet(
        momenta=_found(form, table),
        constituents=_beside(particles, table, request),
        jet_momenta=_found(jet_form, table),
        jets=_found(stored, table) | _beside(jets, table, request),
        one_hot=None if hot is None else _found(hot, table),
        label=_label_column(schema, table),
        weight=_weight_column(schema, table),
        particle_weight=None if particles is None or particles.weight is None else in_table(particles.weight, table),
    )
    known = {*found.constituents, *found.jets, *_MOMENTA}
    asked = [*(request.columns or ()), *(name for name in request.cut_columns if table.has(name))]
    carried = tuple(dict.fromkeys(name for name in asked if name not in known))
    used = _used(found, schema)
    sources = tuple(dict.fromkeys([*_names(used), *_structural(particles), *carried]))
    if not sources:
        raise ConfigError("BAD-VALUE", f"schema '{schema.name}' names no column", "give jets or particles")
    _refuse_constituents(table, schema, request)
    for name in sources:
        table.require(name)
    for column in used:
        if column.members and column.column is not None and table.is_slow(column.column):
            what = f"{quoted(table.path)}: '{quoted(column.column)}' is an unsplit object, which is slow to read"
            warnings.warn(JetlegoWarning("SLOW-BRANCH", what), stacklevel=3)
    return replace(found, carried=carried, sources=sources)


def in_table(column: Column, table: Table) -> Column:
    """Return a column under the first of its names that the table has; under its own if there is none."""
    if column.column is None or table.has(column.column):
        return column
    other = next((name for name in column.also if table.has(name)), None)
    return column if other is None else column.model_copy(update={"column": other})


def _found(columns: Mapping[str, Column], table: Table) -> dict[str, Column]:
    return {name: in_table(column, table) for name, column in columns.items()}


def _used(found: ColumnSet, schema: Schema) -> list[Column]:
    """Return every column whose source must be read."""
    maps = (found.momenta, found.constituents, found.jets, found.jet_momenta, found.one_hot or {})
    particles = schema.particles
    cuts = (schema.select, particles.select if particles else None)
    single = [found.label, found.weight, found.particle_weight, schema.jets.raw_factor]
    if particles is not None and particles.pdg_mass:
        single.append(particles.columns["part_pdgid"])
    single += [Column(expr=text) for text in cuts if text is not None]
    return [column for columns in maps for column in columns.values()] + [c for c in single if c is not None]


def _refuse_constituents(table: Table, schema: Schema, request: Request) -> None:
    asked = [n for n in (*(request.columns or ()), *request.cut_columns) if n.startswith("part_") and not table.has(n)]
    if schema.particles is None and asked:
        owner = f" of {schema.collection}" if schema.collection else ""
        what = f"{quoted(table.path)}: '{quoted(asked[0])}': constituents{owner} are not stored in this file"
        raise DataError("NO-CONSTITUENTS", what, f"the layout '{schema.name}' holds jets alone")


def _beside(part: Momentum | None, table: Table, request: Request) -> dict[str, Column]:
    if part is None:
        return {}
    optional = _found(part.optional, table)
    present = {name: c for name, c in optional.items() if c.column is None or table.has(c.column)}
    given = {**present, **_found(part.columns, table)}
    return {name: column for name, column in given.items() if request.wants(name)}


def _label_column(schema: Schema, table: Table) -> Column | None:
    label = schema.label
    if label is None or (label.column is None and label.expr is None):
        return None
    column = in_table(label.column or Column(expr=label.expr), table)
    if label.optional and column.column is not None and not table.has(column.column):
        return None
    return column


def _weight_column(schema: Schema, table: Table) -> Column | None:
    if schema.weight is None:
        return None
    column = in_table(schema.weight, table)
    return None if column.optional and column.column is not None and not table.has(column.column) else column


def _structural(particles: Particles | None) -> Iterable[str]:
    if particles is None:
        return ()
    valid = particles.valid
    names = [particles.jet_index, particles.particle_index, particles.refs]
    names += ["candidate.id"] if particles.kind == "refs" else []
    names += [valid.column, *valid.any_nonzero] if valid else []
    return [name for name in names if name is not None]


def _names(columns: Iterable[Column]) -> Iterable[str]:
    for column in columns:
        if column.column is not None:
            yield column.column
        else:
            yield from parsed(str(column.expr)).names


def source_array(column: Column, raw: Mapping[str, Any]) -> Any:
    """Return the array that a column stands for, over the chunk's entries."""
    if column.column is not None:
        array = raw[column.column]
    else:
        array = evaluated(str(column.expr), raw)
    for member in column.members:
        array = array[member]
    return array if column.element is None else array[:, column.element]


def evaluated(text: str, raw: Mapping[str, Any]) -> Any:
    """Return the value of an expression over source columns; fixed-size arrays count as lists."""
    expression = parsed(text)
    columns = {name: raw[name] for name in expression.names}
    return expression.evaluate({name: _as_lists(array) for name, array in columns.items()})


def _as_lists(array: Any) -> Any:
    if array.ndim == 1:
        return array
    return ak.from_regular(ak.Array(np.ascontiguousarray(array)) if isinstance(array, np.ndarray) else array, axis=None)


def finished(values: np.ndarray, name: str, column: Column, schema: Schema) -> np.ndarray:
    """Return packed values in canonical unit and type."""
    unit = column.unit or COLUMN_UNITS.get(name, "none")
    scale = {"none": 1.0, "momentum": schema.momentum_scale, "length": schema.length_scale}[unit] ** column.power
    if scale != 1:
        values = (values * scale).astype(values.dtype if values.dtype.kind == "f" else np.float32)
    wanted = column.dtype or COLUMN_TYPES.get(name)
    if wanted is not None:
        return values.astype(wanted)
    return values.astype(np.float32) if values.dtype == np.float64 else values

