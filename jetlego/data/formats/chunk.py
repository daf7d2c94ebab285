"""The raw columns of some entries of a table, and how to take constituents and jets out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.formats import layouts
from jetlego.data.formats.columns import ColumnSet, source_array
from jetlego.data.formats.layouts import Layout, Place
from jetlego.data.formats.reader import Request
from jetlego.data.formats.references import references
from jetlego.data.momenta import four_momenta
from jetlego.data.packing import depth_of, ragged
from jetlego.data.pdg import mass_of
from jetlego.data.schemas.schema import Column, Particles, Schema
from jetlego.errors import DataError


@dataclass(frozen=True)
class Chunk:
    """What was read of a table, and why.

    Parameters
    ----------
    raw
        {source name: array over the chunk's entries}.
    columns, schema, request
        What each source is for.
    place
        The file and the chunk's first entry.
    """

    raw: Mapping[str, Any]
    columns: ColumnSet
    schema: Schema
    request: Request
    place: Place

    @property
    def num_entries(self) -> int:
        """Entries of the chunk."""
        return len(next(iter(self.raw.values())))

    def array(self, column: Column) -> Any:
        """Return a column over the entries, as it is stored."""
        return source_array(column, self.raw)

    def packed(self, column: Column, name: str) -> np.ndarray:
        """Return a column of the constituents, (P,) jet after jet."""
        return self.layout.pack(self.array(column), name)

    def per_jet(self, column: Column, name: str) -> np.ndarray:
        """Return a column of the jets, (B,)."""
        return layouts.per_jet(self.array(column), name, self.layout.per_entry, self.place)

    @cached_property
    def layout(self) -> Layout:
        """How constituents belong to the jets."""
        particles, first = self.schema.particles, next(iter(self.columns.momenta.values()), None)
        if particles is None or first is None:
            total = self.num_entries if self.jets_per_entry is None else int(self.jets_per_entry.sum())
            return Layout(np.zeros(total, np.int64), self.jets_per_entry, lambda array, name: np.empty(0))
        if particles.kind in ("table", "refs"):
            return self._pointed(particles, first)
        if particles.kind == "padded" and particles.valid is not None:
            return layouts.padded(self.raw, particles.valid, self.place)
        name = first.column or str(first.expr)
        return layouts.lists({name: self.array(first)}, self.place, depth=3 if particles.kind == "var-var" else 2)

    def _pointed(self, particles: Particles, first: Column) -> Layout:
        """Return the layout of constituents that jets point to, by index table or by reference."""
        per_entry, tally = self.jets_per_entry, self.request.tally
        if per_entry is None:
            what = f"{self.place}: constituents of kind '{particles.kind}' need jet columns with one list an event"
            raise DataError("TYPE-MISMATCH", what)
        if particles.kind == "refs":
            tried = ", ".join(name for group in particles.candidates for name in group)
            refs, ids = self.raw[str(particles.refs)], self.raw["candidate.id"]
            return references(refs, ids, per_entry, self.place, tally, tried)
        jet, particle = self.raw[str(particles.jet_index)], self.raw[str(particles.particle_index)]
        return layouts.table(jet, particle, per_entry, self.array(first), self.place, tally)

    @cached_property
    def jets_per_entry(self) -> IntArray | None:
        """(entries,) jets of each entry by the first jet column; None if each entry is one jet."""
        for name, column in {**self.columns.jet_momenta, **self.columns.jets}.items():
            array = self.array(column)
            return ragged(array, name)[1][0] if depth_of(array) == 2 else None
        return None

    def momenta(self) -> FloatArray:
        """Return (P, 4) float64 of the constituents in GeV."""
        form = tuple(self.columns.momenta)
        if not form:
            return np.empty((0, 4))
        values = {key: self.packed(column, column.column or key) for key, column in self.columns.momenta.items()}
        particles = self.schema.particles
        if particles is not None and particles.pdg_mass and "mass" not in form:
            values["mass"] = mass_of(self.packed(particles.columns["part_pdgid"], "part_pdgid"))
            form = (*form, "mass")
        return self._in_gev(four_momenta(form, values))

    def jet_momenta(self) -> FloatArray | None:
        """Return (B, 4) float64 of the jets as stored, in GeV; None if the file lacks part of it."""
        form = self.columns.jet_momenta
        if not form:
            return None
        return self._in_gev(four_momenta(tuple(form), {key: self.per_jet(c, key) for key, c in form.items()}))

    def _in_gev(self, p4: FloatArray) -> FloatArray:
        return p4 if self.schema.momentum_scale == 1 else p4 * self.schema.momentum_scale
