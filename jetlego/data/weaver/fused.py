"""From stored columns to transformed inputs in one pass: expressions, shift, scale and clip, block by block.

A block is some jets whose constituents fit a cache. The variables of a group are evaluated on it and written,
transformed, to where batches are cut from; what stands between need not leave the cache. Groups that are not fit for
it, such as those that mix jets and constituents, are left to the other path, which gives the same bits.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.expressions.interpret import FAILURES
from jetlego.data.expressions.tape import Tape
from jetlego.data.weaver.frame import Column, Frame, Jagged
from jetlego.data.weaver.inputs import Parameters
from jetlego.data.weaver.padding import transform_into
from jetlego.data.weaver.plan import Plan
from jetlego.data.weaver.rows import Rows, Workspace

BLOCK = 32_768
"""Constituents a block: few enough for a cache, and so many that calls cost next to nothing."""


class Fused(NamedTuple):
    """The rows of a group, and [NaN, infinities] met in each of its variables."""

    rows: Rows
    met: IntArray


def fused_rows(
    plan: Plan, frame: Frame, names: Sequence[str], parameters: Sequence[Parameters], space: Workspace
) -> Fused | None:
    """Return the transformed variables of a group; None if they are not constituents' of one structure and one kind.

    Parameters
    ----------
    plan
        Knows the steps that give variables.
    frame
        Selected jets; variables that are deferred there need never become columns.
    names, parameters
        Variables of the group.
    space
        Where the result is written.
    """
    made = [_Part.of(plan, part, names) for part in frame.parts or (frame,)]
    parts = [part for part in made if part is not None]
    if len(parts) < len(made):
        return None
    content = space.floats(len(names), sum(part.size for part in parts))
    met, start = np.zeros((len(names), 2), np.int64), 0
    for part in parts:
        if not part.write(content[:, start : start + part.size], parameters, met):
            return None
        start += part.size
    offsets = parts[0].offsets if len(parts) == 1 else offsets_of(np.concatenate([np.diff(p.offsets) for p in parts]))
    return Fused(Rows.of(content, offsets, parameters), met)


class _Part(NamedTuple):
    """The columns that a group follows from, in one stretch of jets, and the steps."""

    tape: Tape
    columns: list[Column]
    offsets: IntArray

    @property
    def size(self) -> int:
        """Number of constituents."""
        return int(self.offsets[-1])

    @classmethod
    def of(cls, plan: Plan, frame: Frame, names: Sequence[str]) -> _Part | None:
        """Return what gives these variables; None unless each has a value for each constituent of one structure."""
        tape = plan.tape(names, frame.deferred)
        if tape is None or not all(name in frame.columns for name in tape.columns):
            return None
        columns = [frame.column(name) for name in tape.columns]
        jagged = {name: c for name, c in zip(tape.columns, columns, strict=True) if isinstance(c, Jagged)}
        offsets = next((column.offsets for column in jagged.values()), None)
        if offsets is None or any(column.offsets is not offsets for column in jagged.values()):
            return None
        if any(source.isdisjoint(jagged) for source in tape.sources):
            return None
        flat = all(isinstance(c, Jagged) or (isinstance(c, np.ndarray) and c.ndim == 1) for c in columns)
        return cls(tape, columns, offsets) if flat and offsets[0] == 0 else None

    def write(self, out: FloatArray, parameters: Sequence[Parameters], met: IntArray) -> bool:
        """Write all blocks; False if an expression fails, which the other path then tells."""
        for first, last in self._blocks():
            begin, end = int(self.offsets[first]), int(self.offsets[last])
            try:
                made = [np.asarray(values) for values in self.tape.run(self._flat(first, last))]
            except FAILURES:
                return False
            if any(values.shape != (end - begin,) for values in made):
                return False
            for at, (values, own) in enumerate(zip(made, parameters, strict=True)):
                met[at] += transform_into(out[at, begin:end], values, own)
        return True

    def _blocks(self) -> Sequence[tuple[int, int]]:
        """Return jets from and to; blocks are of about equal size, so that none is left with a constituent or two."""
        number = max(1, self.size // BLOCK)
        edges = np.searchsorted(self.offsets, np.arange(1, number) * (self.size / number))
        cuts = np.unique([0, *edges, len(self.offsets) - 1]).tolist()
        return list(itertools.pairwise(cuts))

    def _flat(self, first: int, last: int) -> list[np.ndarray]:
        ptr = self.offsets[first : last + 1]
        counts = np.diff(ptr)
        return [
            column.content[ptr[0] : ptr[-1]] if isinstance(column, Jagged) else np.repeat(column[first:last], counts)
            for column in self.columns
        ]
