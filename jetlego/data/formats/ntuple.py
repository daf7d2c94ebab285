"""Tables of any container to jets, as a schema says: the way of nearly every layout."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from jetlego.data.containers.open import open_table
from jetlego.data.containers.table import Table
from jetlego.data.formats.assemble import assemble, closure_of
from jetlego.data.formats.chunk import Chunk
from jetlego.data.formats.closure import CLOSURE_JETS, Closure
from jetlego.data.formats.columns import ColumnSet, column_set
from jetlego.data.formats.layouts import Place
from jetlego.data.formats.reader import Reader, Request
from jetlego.data.jets import Jets
from jetlego.data.schemas.schema import Schema


class NtupleReader(Reader):
    """Jets of one table."""

    def __init__(self, path: Path, schema: Schema, request: Request, *, table: Table | None = None) -> None:
        super().__init__(path, schema, request)
        self.table: Table = open_table(path, schema) if table is None else table
        try:
            if table is not None:
                table.use_blocks(schema.blocks)
            self.columns: ColumnSet = column_set(self.table, schema, request)
        except BaseException:
            self.table.close()
            raise

    @property
    def num_entries(self) -> int:
        """Number of entries of the table."""
        return self.table.num_entries

    def cuts(self, step: int) -> list[int]:
        """Return cuts at storage boundaries."""
        return self.table.boundaries(0, self.num_entries, step, whole=True)

    def chunks(self, start: int, stop: int | None, step: int | None) -> Iterator[Jets]:
        """Yield jets of entries ``start:stop``, cut at storage boundaries."""
        end = self.num_entries if stop is None else min(stop, self.num_entries)
        cuts = self.table.boundaries(start, end, step or max(end - start, 1))
        for first, last in itertools.pairwise(cuts):
            yield assemble(self._read(first, last), weighted=self._weighted)

    @cached_property
    def closure(self) -> Closure | None:
        """Whether PUPPI weights belong into the momenta; None where the schema says so itself, or without jets."""
        particles = self.schema.particles
        if particles is None or particles.use_weight != "auto":
            return None
        stop = min(self.num_entries, CLOSURE_JETS)
        return closure_of(self._read(0, stop))

    @property
    def _weighted(self) -> bool:
        particles = self.schema.particles
        if particles is not None and particles.use_weight == "always":
            return True
        return self.closure is not None and self.closure.weighted

    def _read(self, start: int, stop: int) -> Chunk:
        raw = self.table.read(self.columns.sources, start, stop)
        return Chunk(raw, self.columns, self.schema, self.request, Place(self.path, start))

    def slim(self) -> bool:
        """Let go of all that further reading of the same columns does not need."""
        return self.table.slim()

    def close(self) -> None:
        """Close the table."""
        self.table.close()
