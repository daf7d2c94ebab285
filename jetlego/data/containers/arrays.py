"""Containers of plain arrays, such as HDF5 and npz: data sets become columns, a schema's blocks name last axes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from jetlego.data.containers.table import Array, Table
from jetlego.data.schemas.schema import Block
from jetlego.errors import DataError, quoted


class Source(ABC):
    """One array of a file, of which rows can be read."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @abstractmethod
    def rows(self, start: int, stop: int, field: str | None = None) -> np.ndarray:
        """Return rows ``start:stop``, of one field for a compound type."""


class ArrayTable(Table):
    """Named arrays that share their first axis.

    A compound array ``jets`` gives the columns ``jets.pt``, ...; a block gives one column for each name of its last
    axis. Rows of an array are read once a chunk, however many columns come from it.
    """

    def __init__(self, path: Path, sources: dict[str, Source]) -> None:
        self.path, self.sources = path, sources
        lengths = Counter(s.shape[0] for s in sources.values() if s.shape)
        if not lengths:
            raise DataError("NO-TREE", f"{quoted(path)} holds no arrays")
        most = max(lengths.values())
        self._length = max(length for length, count in lengths.items() if count == most)
        self._columns: dict[str, tuple[str, str | None, Block | None, int]] = {}
        for name, source in sources.items():
            self._add(name, source)
        self._cache: dict[tuple[str, str | None], np.ndarray] = {}
        self._cached_range = (0, 0)

    def _add(self, name: str, source: Source) -> None:
        if not source.shape:
            return
        for field in source.dtype.names or ():
            self._columns[f"{name}.{field}"] = (name, field, None, 0)
        if source.dtype.names is None:
            self._columns[name] = (name, None, None, 0)

    @property
    def num_entries(self) -> int:
        """Length of the first axis."""
        return self._length

    @property
    def names(self) -> Sequence[str]:
        """Arrays, fields of compound arrays, and what blocks name."""
        return list(self._columns)

    def has(self, name: str) -> bool:
        """Return whether there is a column of this name."""
        return name in self._columns

    def use_blocks(self, blocks: Iterable[Block]) -> None:
        """Name the last axes of arrays; the number of rows is that of the first block."""
        for i, block in enumerate(blocks):
            key = block.array if block.field is None else f"{block.array}.{block.field}"
            if not self.has(key):
                if block.optional:
                    continue
                self.require(key)
            width = self._width(block)
            if block.total is not None and block.total != self._last_axis(block):
                raise self._other_version(key, f"is {self._last_axis(block)}, not {block.total}")
            if width < len(block.names) and not block.optional:
                raise self._other_version(key, f"has {width} quantities, not {len(block.names)}")
            if i == 0:
                self._length = self.sources[block.array].shape[0]
            for position, name in enumerate(block.names[:width]):
                if name != "_":
                    self._columns[name] = (block.array, block.field, block, position)

    def _other_version(self, key: str, fault: str) -> DataError:
        what = f"{quoted(self.path)}: the last axis of '{quoted(key)}' {fault}"
        return DataError("BAD-SHAPE", what, "is this another version of the layout?")

    def _width(self, block: Block) -> int:
        last = self._last_axis(block)
        if block.start or block.stop is not None:
            stop = last if block.stop is None else block.stop
            return len(block.names) if stop <= last and (stop - block.start) % len(block.names) == 0 else 0
        return last

    def _last_axis(self, block: Block) -> int:
        source = self.sources[block.array]
        shape = source.shape[1:] + (source.dtype[block.field].shape if block.field is not None else ())
        return int(shape[-1]) if shape else 0

    def column(self, name: str, start: int, stop: int) -> Array:
        """Return rows of one column as a NumPy array."""
        array, field, block, position = self._columns[name]
        values = self._rows(array, field, start, stop)
        if block is None:
            return values
        if block.start or block.stop is not None:
            values = values[:, block.start : block.stop]
            values = values if block.scalar else values.reshape(len(values), -1, len(block.names))
        return values[..., position]

    def _rows(self, array: str, field: str | None, start: int, stop: int) -> np.ndarray:
        if self._cached_range != (start, stop):
            self._cache, self._cached_range = {}, (start, stop)
        key = (array, field)
        if key not in self._cache:
            source = self.sources[array]
            if source.shape[0] != self._length:
                what = f"{quoted(self.path)}: '{quoted(array)}' has {source.shape[0]} rows, others {self._length}"
                raise DataError("RAGGED-MISMATCH", what)
            self._cache[key] = source.rows(start, stop, field)
        return self._cache[key]
