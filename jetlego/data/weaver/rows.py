"""Transformed variables of a group on their way into batches, and the memory they are kept in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.data.weaver.inputs import Parameters
from jetlego.data.weaver.padding import cut_rows, fill_rows, pack_rows


class Packed(NamedTuple):
    """Constituents without padding: jet b owns rows ``jet_ptr[b]:jet_ptr[b + 1]`` of ``values`` (P, variables)."""

    jet_ptr: IntArray
    values: FloatArray


class Rows(NamedTuple):
    """Transformed variables with rows of the same lengths, and how to fill them.

    Row r of the variables is ``content[:, offsets[r]:offsets[r + 1]]``.
    """

    content: FloatArray
    offsets: IntArray
    wrap: BoolArray
    pad_value: FloatArray

    @classmethod
    def of(cls, content: FloatArray, offsets: IntArray, parameters: Sequence[Parameters]) -> Rows:
        """Return rows that are filled as the parameters of each variable say."""
        wrap = np.array([p.wrap for p in parameters])
        return cls(content, offsets, wrap, np.array([p.pad_value for p in parameters], np.float32))

    def padded(self, rows: IntArray, length: int) -> FloatArray:
        """Return (N, variables, length) of these jets."""
        out = np.empty((len(rows), len(self.wrap), length), np.float32)
        fill_rows(out, self.content, self.offsets, rows, self.wrap, self.pad_value)
        return out

    def packed(self, rows: IntArray, length: int) -> Packed:
        """Return the same jets without padding, cut to ``length``."""
        jet_ptr = offsets_of(np.minimum(np.diff(self.offsets)[rows], length))
        out = np.empty((int(jet_ptr[-1]), len(self.wrap)), np.float32)
        pack_rows(out, self.content, self.offsets, rows, jet_ptr)
        return Packed(jet_ptr, out)

    def columns(self, length: int) -> tuple[IntArray, FloatArray]:
        """Return the jets' offsets and (variables, P) of all jets, cut to ``length``; not copied if none is longer."""
        counts = np.diff(self.offsets)
        if not len(counts) or counts.max() <= length:
            return self.offsets, self.content
        jet_ptr = offsets_of(np.minimum(counts, length))
        out = np.empty((len(self.content), int(jet_ptr[-1])), np.float32)
        cut_rows(out, self.content, self.offsets, jet_ptr)
        return jet_ptr, out


class Workspace:
    """Memory into which one chunk after another is written: fresh memory costs more than writing to it."""

    def __init__(self) -> None:
        self._buffers: list[FloatArray] = []
        self._used = 0

    def restart(self) -> None:
        """Let the next chunk have all of it; what was handed out before will be written over."""
        self._used = 0

    def floats(self, rows: int, size: int) -> FloatArray:
        """Return (rows, size) float32, not initialized."""
        needed = rows * size
        if self._used == len(self._buffers):
            self._buffers.append(np.empty(needed, np.float32))
        elif len(self._buffers[self._used]) < needed:
            self._buffers[self._used] = np.empty(needed + needed // 8, np.float32)
        self._used += 1
        return self._buffers[self._used - 1][:needed].reshape(rows, size)
