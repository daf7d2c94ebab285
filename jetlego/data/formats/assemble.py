"""From the raw columns of one chunk to `Jets`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.data import labels
from jetlego.data.formats import layouts
from jetlego.data.formats.closure import CLOSURE_JETS, Closure, compare
from jetlego.data.formats.columns import ColumnSet, evaluated, finished, source_array
from jetlego.data.formats.layouts import Layout, Place, per_jet
from jetlego.data.formats.reader import Request
from jetlego.data.formats.references import references
from jetlego.data.jets import Jets
from jetlego.data.momenta import four_momenta
from jetlego.data.packing import depth_of, ragged
from jetlego.data.pdg import mass_of
from jetlego.data.schemas.schema import Column, Schema
from jetlego.data.selection import as_mask
from jetlego.data.tally import Tally
from jetlego.errors import DataError
from jetlego.physics import kinematics

Raw = Mapping[str, Any]


def assemble(
    columns: ColumnSet, schema: Schema, request: Request, raw: Raw, place: Place, *, weighted: bool = False
) -> Jets:
    """Return the jets of one chunk of a table.

    Parameters
    ----------
    columns
        What was read and why.
    raw
        {source name: array over the chunk's entries}.
    place
        The file and the chunk's first entry.
    weighted
        Whether momenta are multiplied by the weight of the candidate.
    """
    entries = len(next(iter(raw.values())))
    layout = find_layout(columns, schema, request, raw, place)
    p4 = constituent_momenta(columns, schema, raw, layout)
    keep = np.ones(len(p4), bool)
    constituents = {name: finished(layout.pack(source_array(column, raw), name), name, column, schema)
                    for name, column in columns.constituents.items()}  # fmt: skip
    if columns.particle_weight is not None:
        constituents["part_weight"] = layout.pack(source_array(columns.particle_weight, raw), "weight")
        if weighted:
            p4 = p4 * constituents["part_weight"][:, None]
            keep &= constituents["part_weight"] > 0  # PUPPI: no part of this jet
    _mark_missing_tracks(constituents)
    keep &= _chosen(schema, request, raw, layout, place)
    jet = jet_columns(columns, schema, raw, layout, place)
    for name in columns.carried:
        _carry(name, raw[name], columns, raw, layout, place, constituents, jet)
    jet = {**own_jet_columns(columns, schema, raw, layout, place), **jet}
    jet |= positions(layout.per_entry, entries, place.start)
    label, classes = truth(columns, schema, request, raw, layout, place)
    weight = None
    if columns.weight is not None:
        weight = _of_jet(columns.weight, "weight", raw, layout, place).astype(np.float32)
    jets = Jets(p4, offsets_of(layout.counts), constituents, jet, label, classes, weight)
    jets = jets if keep.all() else jets.select_constituents(keep)
    if schema.select is None:
        return jets
    kept = _of_jet(Column(expr=schema.select), "select", raw, layout, place)
    return jets.select(as_mask(kept, jets.num_jets, schema.select))


def _mark_missing_tracks(constituents: dict[str, np.ndarray]) -> None:
    """Set impact parameter and error to 0 where the error is negative: CMS writes -1 for candidates without a track."""
    for value, error in (("part_d0val", "part_d0err"), ("part_dzval", "part_dzerr")):
        if value in constituents and error in constituents:
            missing = constituents[error] < 0
            if missing.any():
                constituents[value] = np.where(missing, 0, constituents[value])
                constituents[error] = np.where(missing, 0, constituents[error])


def _chosen(schema: Schema, request: Request, raw: Raw, layout: Layout, place: Place) -> BoolArray:
    """Return which constituents the schema keeps; the others are counted."""
    if schema.particles is None or schema.particles.select is None:
        return np.ones(int(layout.counts.sum()), bool)
    text = schema.particles.select
    keep = as_mask(layout.pack(evaluated(text, raw), text), int(layout.counts.sum()), text)
    request.tally.add("DROPPED", f"{place}: {{n}} constituents ({{share}} of all) fail '{text}'", (~keep).sum())
    return keep


def find_layout(columns: ColumnSet, schema: Schema, request: Request, raw: Raw, place: Place) -> Layout:
    """Return how constituents belong to the jets of this chunk."""
    particles = schema.particles
    first = next(iter(columns.momenta.values()), None)
    if particles is None or first is None:
        per_entry = _jets_per_entry(columns, raw)
        total = int(per_entry.sum()) if per_entry is not None else len(next(iter(raw.values())))
        return Layout(np.zeros(total, np.int64), per_entry, lambda array, name: np.empty(0))
    if particles.kind == "padded" and particles.valid is not None:
        return layouts.padded(raw, particles.valid, place)
    if particles.kind in ("table", "refs"):
        per_entry = _jets_per_entry(columns, raw)
        if per_entry is None:
            what = f"{place}: an index table needs jet columns with one list an event"
            raise DataError("TYPE-MISMATCH", what)
        if particles.kind == "refs":
            tried = ", ".join(name for group in particles.candidates for name in group)
            return references(raw[str(particles.refs)], raw["candidate.id"], per_entry, place, request.tally, tried)
        return layouts.table(raw[str(particles.jet_index)], raw[str(particles.particle_index)], per_entry,
                             source_array(first, raw), place, request.tally)  # fmt: skip
    depth = 3 if particles.kind == "var-var" else 2
    return layouts.lists({str(first.column): source_array(first, raw)}, place, depth=depth)


def _jets_per_entry(columns: ColumnSet, raw: Raw) -> IntArray | None:
    """Return the number of jets of each entry by the first jet column; None if each entry is one jet."""
    for name, column in {**columns.jet_momenta, **columns.jets}.items():
        array = source_array(column, raw)
        return ragged(array, name)[1][0] if depth_of(array) == 2 else None
    return None


def constituent_momenta(columns: ColumnSet, schema: Schema, raw: Raw, layout: Layout) -> FloatArray:
    """Return (P, 4) float64 in GeV."""
    form = tuple(columns.momenta)
    if not form:
        return np.empty((0, 4))
    values = {key: layout.pack(source_array(column, raw), _told(column)) for key, column in columns.momenta.items()}
    if schema.particles is not None and schema.particles.pdg_mass and "mass" not in form:
        code = schema.particles.columns["part_pdgid"]
        values["mass"] = mass_of(layout.pack(source_array(code, raw), "part_pdgid"))
        form = (*form, "mass")
    p4 = four_momenta(form, values)
    return p4 if schema.momentum_scale == 1 else p4 * schema.momentum_scale


def _told(column: Column) -> str:
    return column.column or str(column.expr)


def _of_jet(column: Column, name: str, raw: Raw, layout: Layout, place: Place) -> np.ndarray:
    return per_jet(source_array(column, raw), name, layout.per_entry, place)


def jet_columns(columns: ColumnSet, schema: Schema, raw: Raw, layout: Layout, place: Place) -> dict[str, np.ndarray]:
    """Return the jet columns that the file stores, in canonical units."""
    return {name: finished(_of_jet(column, name, raw, layout, place), name, column, schema)
            for name, column in columns.jets.items()}  # fmt: skip


def _carry(
    name: str, array: Any, columns: ColumnSet, raw: Raw, layout: Layout, place: Place,
    constituents: dict[str, np.ndarray], jet: dict[str, np.ndarray],
) -> None:  # fmt: skip
    """Put a column that the schema does not know with the constituents or with the jets, by its shape."""
    model = next(iter(columns.momenta.values()), None)
    like_particles = model is not None and depth_of(array) == depth_of(source_array(model, raw)) > 1
    if like_particles and layout.per_entry is not None and depth_of(array) == 2:
        like_particles = not np.array_equal(ragged(array, name)[1][0], layout.per_entry)
    if like_particles:
        constituents[name] = layout.pack(array, name)
    else:
        jet[name] = per_jet(array, name, layout.per_entry, place)


def own_jet_columns(
    columns: ColumnSet, schema: Schema, raw: Raw, layout: Layout, place: Place
) -> dict[str, np.ndarray]:
    """Return pt, eta, phi, energy (float32) from the jet's own momentum; mass too where there are no constituents."""
    if not columns.jet_momenta:
        return {}
    values = {key: _of_jet(column, key, raw, layout, place) for key, column in columns.jet_momenta.items()}
    own = four_momenta(tuple(columns.jet_momenta), values) * schema.momentum_scale
    out = {"jet_pt": kinematics.pt(own), "jet_eta": kinematics.eta(own), "jet_phi": kinematics.phi(own),
           "jet_energy": own[:, 3]}  # fmt: skip
    if not columns.momenta:
        out["jet_mass"] = kinematics.mass(own)
    return {name: values.astype(np.float32) for name, values in out.items()}


def closure_of(columns: ColumnSet, schema: Schema, request: Request, raw: Raw, place: Place) -> Closure | None:
    """Return how well candidates add up to the first jets of a file, with weights and without."""
    layout = find_layout(columns, schema, replace(request, tally=Tally()), raw, place)
    if columns.particle_weight is None or not len(layout.counts):
        return None
    p4, ptr = constituent_momenta(columns, schema, raw, layout), offsets_of(layout.counts)
    weight = layout.pack(source_array(columns.particle_weight, raw), "weight")
    pt = _of_jet(columns.jet_momenta["pt"], "pt", raw, layout, place) * schema.momentum_scale
    factor = schema.jets.raw_factor
    raw_pt = pt if factor is None else pt * (1 - _of_jet(factor, "raw_factor", raw, layout, place))
    sums = [kinematics.pt(kinematics.jet_p4(momenta, ptr))[:CLOSURE_JETS] for momenta in (p4, p4 * weight[:, None])]
    return compare(sums[0], sums[1], raw_pt[:CLOSURE_JETS], place.path)


def positions(per_entry: IntArray | None, entries: int, start: int) -> dict[str, np.ndarray]:
    """Return ``event_index`` (entry in the file) and ``jet_index`` (position in the event) of every jet."""
    entry = np.arange(start, start + entries, dtype=np.int64)
    if per_entry is None:
        return {"event_index": entry, "jet_index": np.zeros(entries, np.int64)}
    first = np.repeat(offsets_of(per_entry)[:-1], per_entry)
    return {"event_index": np.repeat(entry, per_entry), "jet_index": np.arange(len(first), dtype=np.int64) - first}


def truth(
    columns: ColumnSet, schema: Schema, request: Request, raw: Raw, layout: Layout, place: Place
) -> tuple[IntArray | None, tuple[str, ...]]:
    """Return labels, with the codes of :mod:`jetlego.data.labels`, and class names."""
    rule = schema.label
    count = len(layout.counts)
    if rule is None:
        return None, ()
    if columns.one_hot is not None:
        values = {name: _of_jet(column, name, raw, layout, place) for name, column in columns.one_hot.items()}
        label, names = labels.from_one_hot(values), tuple(values)
    elif columns.label is not None:
        label = labels.from_values(_of_jet(columns.label, "label", raw, layout, place), rule)
        names = rule.class_names
    elif rule.file_name is not None:
        label, names = labels.from_file_name(place.path, rule, count), rule.class_names
    else:
        return None, ()
    return labels.regroup(label, names, request.classes)
