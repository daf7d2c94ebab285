"""From the raw columns of one chunk to `Jets`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import BoolArray, IntArray
from jetlego.data import labels
from jetlego.data.formats.chunk import Chunk
from jetlego.data.formats.closure import CLOSURE_JETS, Closure, compare
from jetlego.data.formats.columns import evaluated, finished
from jetlego.data.jets import Jets
from jetlego.data.packing import depth_of, ragged
from jetlego.data.schemas.schema import Column
from jetlego.data.selection import as_mask
from jetlego.data.tally import Tally
from jetlego.physics import kinematics

Arrays = dict[str, np.ndarray]


def assemble(chunk: Chunk, *, weighted: bool = False) -> Jets:
    """Return the jets of one chunk of a table.

    Parameters
    ----------
    weighted
        Whether momenta are multiplied by the weight of the candidate; candidates of weight 0 are no part of the jet.
    """
    columns, schema = chunk.columns, chunk.schema
    p4, keep = chunk.momenta(), _chosen(chunk)
    constituents = {name: finished(chunk.packed(column, name), name, column, schema)
                    for name, column in columns.constituents.items()}  # fmt: skip
    if columns.particle_weight is not None:
        weight = constituents["part_weight"] = chunk.packed(columns.particle_weight, "weight")
        if weighted:
            p4, keep = p4 * weight[:, None], keep & (weight > 0)
    _mark_missing_tracks(constituents)
    stored = {name: finished(chunk.per_jet(column, name), name, column, schema)
              for name, column in columns.jets.items()}  # fmt: skip
    jet = {**_own_columns(chunk), **stored, **_positions(chunk)}
    for name in columns.carried:
        _carry(name, chunk, constituents, jet)
    label, classes = _truth(chunk)
    weights = None if columns.weight is None else chunk.per_jet(columns.weight, "weight").astype(np.float32)
    jets = Jets(p4, offsets_of(chunk.layout.counts), constituents, jet, label, classes, weights)
    return _cut(chunk, jets if keep.all() else jets.select_constituents(keep))


def _chosen(chunk: Chunk) -> BoolArray:
    """Return which constituents the schema keeps; the others are counted."""
    counts, particles = chunk.layout.counts, chunk.schema.particles
    if particles is None or particles.select is None:
        return np.ones(int(counts.sum()), bool)
    text = particles.select
    keep = as_mask(chunk.layout.pack(evaluated(text, chunk.raw), text), int(counts.sum()), text)
    told = f"{chunk.place}: {{n}} constituents ({{share}} of all) fail '{text}'"
    chunk.request.tally.add("DROPPED", told, (~keep).sum())
    return keep


def _cut(chunk: Chunk, jets: Jets) -> Jets:
    """Return the jets that the schema's own selection keeps."""
    text = chunk.schema.select
    if text is None:
        return jets
    return jets.select(as_mask(chunk.per_jet(Column(expr=text), "select"), jets.num_jets, text))


def _mark_missing_tracks(constituents: Arrays) -> None:
    """Set impact parameter and error to 0 where the error is negative: CMS writes -1 for candidates without a track."""
    for value, error in (("part_d0val", "part_d0err"), ("part_dzval", "part_dzerr")):
        if value in constituents and error in constituents:
            missing = constituents[error] < 0
            if missing.any():
                constituents[value] = np.where(missing, 0, constituents[value])
                constituents[error] = np.where(missing, 0, constituents[error])


def _carry(name: str, chunk: Chunk, constituents: Arrays, jet: Arrays) -> None:
    """Put a column that the schema does not know with the constituents or with the jets, by its shape."""
    column = Column(column=name)
    array, model = chunk.array(column), next(iter(chunk.columns.momenta.values()), None)
    like_particles = model is not None and depth_of(array) == depth_of(chunk.array(model)) > 1
    per_entry = chunk.layout.per_entry
    if like_particles and per_entry is not None and depth_of(array) == 2:
        like_particles = not np.array_equal(ragged(array, name)[1][0], per_entry)
    if like_particles:
        constituents[name] = chunk.packed(column, name)
    else:
        jet[name] = chunk.per_jet(column, name)


def _own_columns(chunk: Chunk) -> Arrays:
    """Return pt, eta, phi, energy (float32) from the jet's own momentum; mass too where there are no constituents."""
    own = chunk.jet_momenta()
    if chunk.schema.frame == "relative":  # so that nobody takes these angles for those of the detector
        return {"jet_frame_relative": np.ones(len(chunk.layout.counts), bool)}
    if own is None:
        return {}
    out = {"jet_pt": kinematics.pt(own), "jet_eta": kinematics.eta(own), "jet_phi": kinematics.phi(own),
           "jet_energy": own[:, 3]}  # fmt: skip
    if not chunk.columns.momenta:
        out["jet_mass"] = kinematics.mass(own)
    return {name: values.astype(np.float32) for name, values in out.items()}


def _positions(chunk: Chunk) -> Arrays:
    """Return ``event_index`` (entry in the file) and ``jet_index`` (position in the event) of every jet."""
    start, per_entry = chunk.place.start, chunk.layout.per_entry
    entry = np.arange(start, start + chunk.num_entries, dtype=np.int64)
    if per_entry is None:
        return {"event_index": entry, "jet_index": np.zeros(len(entry), np.int64)}
    first = np.repeat(offsets_of(per_entry)[:-1], per_entry)
    return {"event_index": np.repeat(entry, per_entry), "jet_index": np.arange(len(first), dtype=np.int64) - first}


def _truth(chunk: Chunk) -> tuple[IntArray | None, tuple[str, ...]]:
    """Return labels, with the codes of :mod:`jetlego.data.labels`, and class names."""
    rule, columns = chunk.schema.label, chunk.columns
    if rule is None:
        return None, ()
    if columns.one_hot is not None:
        values = {name: chunk.per_jet(column, name) for name, column in columns.one_hot.items()}
        label, names = labels.from_one_hot(values), tuple(values)
    elif columns.label is not None:
        label, names = labels.from_values(chunk.per_jet(columns.label, "label"), rule), rule.class_names
    elif rule.file_name is not None:
        label = labels.from_file_name(chunk.place.path, rule, len(chunk.layout.counts))
        names = rule.class_names
    else:
        return None, ()
    return labels.regroup(label, names, chunk.request.classes)


def closure_of(chunk: Chunk) -> Closure | None:
    """Return how well candidates add up to the first jets of a file, with weights and without."""
    chunk = replace(chunk, request=replace(chunk.request, tally=Tally()))  # these jets will be read and counted again
    columns, ptr = chunk.columns, offsets_of(chunk.layout.counts)
    own = chunk.jet_momenta()
    if columns.particle_weight is None or own is None or not len(own):
        return None
    p4, weight = chunk.momenta(), chunk.packed(columns.particle_weight, "weight")
    factor = chunk.schema.jets.raw_factor
    scale = 1.0 if factor is None else 1 - chunk.per_jet(factor, "raw_factor")
    raw_pt = (kinematics.pt(own) * scale)[:CLOSURE_JETS]
    sums = [kinematics.pt(kinematics.jet_p4(momenta, ptr))[:CLOSURE_JETS] for momenta in (p4, p4 * weight[:, None])]
    return compare(sums[0], sums[1], raw_pt, chunk.place.path)
