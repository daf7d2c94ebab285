"""HDF5 files through h5py: every data set is an array; nothing stored as a Python object is ever unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.data.containers.arrays import ArrayTable, Source
from jetlego.data.containers.table import damage_told
from jetlego.data.extras import optional


class _DataSet(Source):
    """One HDF5 data set."""

    def __init__(self, data: Any) -> None:
        self.data, self.dtype, self.shape = data, data.dtype, data.shape

    def rows(self, start: int, stop: int, field: str | None = None) -> np.ndarray:
        """Read a slice; of one field only, for a compound type."""
        return self.data[start:stop] if field is None else self.data.fields(field)[start:stop]


class Hdf5Table(ArrayTable):
    """The data sets of an HDF5 file, by their path without the leading slash.

    Raises
    ------
    DataError
        ``BAD-FILE`` if h5py cannot open it, ``NO-TREE`` if it holds no data set.
    EnvironmentFault
        ``DEPENDENCY`` without the extra ``hdf5``.
    """

    def __init__(self, path: Path) -> None:
        h5py = optional("h5py", extra="hdf5", task="reading HDF5")
        with damage_told(path, "cannot be opened as HDF5"):
            self._file = h5py.File(path, "r")
        try:
            with damage_told(path, "the list of data sets cannot be read"):
                found: dict[str, Source] = {name: _DataSet(data) for name, data in _data_sets(self._file, h5py)}
            super().__init__(path, found)
        except BaseException:
            self._file.close()
            raise

    @cached_property
    def offsets(self) -> Sequence[int]:
        """First rows of the storage chunks of the largest array."""
        largest = max(self.sources.values(), key=lambda s: int(np.prod(s.shape)) * s.dtype.itemsize)
        chunks = largest.data.chunks if isinstance(largest, _DataSet) else None
        return range(0, self.num_entries, chunks[0]) if chunks else ()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _data_sets(file: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    """Yield path and data set of everything in a file, in the order in which it was made where the file keeps that.

    Only what is in the file itself: links to other files, or to a group above, are not followed.
    """
    groups, seen = [("", file)], set()
    while groups:
        prefix, group = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset):
                yield prefix + name, item
            elif isinstance(item, h5py.Group) and hash(item.id) not in seen:
                seen.add(hash(item.id))
                groups.append((f"{prefix}{name}/", item))
