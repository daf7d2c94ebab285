"""Parquet files through pyarrow: batches read forward, of the selected columns alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import awkward as ak

from jetlego.data.containers.table import Array, Table, damage_told
from jetlego.data.extras import optional

_BATCH = 8192


class ParquetTable(Table):
    """The columns of a Parquet file.

    Notes
    -----
    Files may hold all their jets in one row group. Reading forward keeps one stream of batches open for the wanted
    columns, so that no column is decoded twice and memory holds a batch, not a group.
    """

    def __init__(self, path: Path) -> None:
        parquet = optional("pyarrow.parquet", extra="parquet", task="reading Parquet")
        self._arrow = optional("pyarrow", extra="parquet", task="reading Parquet")
        self.path = path
        self._stream_of_bytes = _opened_if_odd(path)
        try:
            with damage_told(path, "cannot be opened as Parquet"):
                self._file = parquet.ParquetFile(self._stream_of_bytes or path)
        except BaseException:
            self._close_stream()
            raise
        self._names: tuple[str, ...] = ()
        self._stream: Iterator[Any] | None = None
        self._held: Any = None
        self._held_start = 0

    @property
    def num_entries(self) -> int:
        """Number of rows."""
        return int(self._file.metadata.num_rows)

    @property
    def names(self) -> Sequence[str]:
        """Top-level columns."""
        return list(self._file.schema_arrow.names)

    def column(self, name: str, start: int, stop: int) -> Array:
        """Return rows of one column as an awkward array."""
        return self._arrays([name], start, stop)[name]

    def read(self, names: Iterable[str], start: int, stop: int) -> dict[str, Array]:
        """Return {name: rows ``start:stop``}, all from one pass over the file."""
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            self.require(name)
        with damage_told(self.path, f"rows {start} to {stop} cannot be read"):
            return self._arrays(wanted, start, stop)

    def _arrays(self, names: list[str], start: int, stop: int) -> dict[str, Array]:
        if tuple(names) != self._names or self._stream is None or start < self._held_start:
            self._restart(names, start)
        while self._held_start + self._held.num_rows < stop:
            assert self._stream is not None
            self._drop_until(start)
            batch = self._arrow.Table.from_batches([next(self._stream)])
            self._held = self._arrow.concat_tables([self._held, batch])
        self._drop_until(start)
        part = self._held.slice(0, stop - start)
        return {name: ak.from_arrow(part.column(name)) for name in names}

    def _restart(self, names: list[str], start: int) -> None:
        """Begin a new stream at the row group that holds ``start``."""
        metadata = self._file.metadata
        group = first = 0
        while group < metadata.num_row_groups and first + metadata.row_group(group).num_rows <= start:
            first += metadata.row_group(group).num_rows
            group += 1
        groups = list(range(group, metadata.num_row_groups))
        self._stream = self._file.iter_batches(_BATCH, row_groups=groups, columns=names)
        self._held = self._file.schema_arrow.empty_table().select(names)
        self._names, self._held_start = tuple(names), first

    def _drop_until(self, start: int) -> None:
        done = min(max(start - self._held_start, 0), self._held.num_rows)
        self._held, self._held_start = self._held.slice(done), self._held_start + done

    @cached_property
    def offsets(self) -> Sequence[int]:
        """First rows of the row groups."""
        metadata = self._file.metadata
        return list(itertools.accumulate(metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._close_stream()

    def _close_stream(self) -> None:
        if self._stream_of_bytes is not None:
            self._stream_of_bytes.close()


def _opened_if_odd(path: Path) -> BinaryIO | None:
    """Return an open file for a path that is no UTF-8, which pyarrow cannot open by name; else None."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return path.open("rb")
    return None
