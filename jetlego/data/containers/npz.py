"""NumPy archives: arrays streamed out of the zip, row by row, without ever holding one whole or unpickling anything."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from jetlego.data.containers.arrays import ArrayTable, Source
from jetlego.data.containers.table import damage_told
from jetlego.errors import DataError, quoted

_MAX_BYTES = 64 * 2**30
_MAX_RATIO = 2000
"""Deflate cannot compress better than 1032 to 1; more is a lie in the header."""


class _Member(Source):
    """One ``.npy`` of the archive; reading goes forward, and starts again from the top to go back."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self.path, self._archive, self._info = path, archive, info
        self.name = info.filename.removesuffix(".npy")
        self._stream: IO[bytes] | None = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the stream."""
        if self._stream is not None:
            self._stream.close()

    def _open(self) -> None:
        self.close()
        self._stream = self._archive.open(self._info)
        version = np.lib.format.read_magic(self._stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        self.shape, self._fortran, self.dtype = read(self._stream)
        if self.dtype.hasobject:
            what = f"{quoted(self.path)}: '{quoted(self._info.filename)}' holds Python objects"
            raise DataError("UNSAFE-PICKLE", what, "refused, nothing was unpickled")
        self._position = 0

    def rows(self, start: int, stop: int, field: str | None = None) -> np.ndarray:
        """Read rows, all of an array that is stored column by column."""
        size = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        if self._fortran or not size:
            self._open()
            values = self._take(int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize)
            out = np.frombuffer(values, self.dtype).reshape(self.shape, order="F" if self._fortran else "C")[start:stop]
            self._open()
        else:
            if start < self._position:
                self._open()
            self._skip((start - self._position) * size)
            raw = self._take((stop - start) * size)
            self._position = stop
            out = np.frombuffer(raw, self.dtype).reshape(stop - start, *self.shape[1:])
        return out if field is None else out[field]

    def _skip(self, count: int) -> None:
        while count > 0:
            count -= len(self._take(min(count, 1 << 24)))

    def _take(self, count: int) -> bytes:
        assert self._stream is not None
        data = self._stream.read(count)
        if len(data) != count:
            raise DataError("BAD-FILE", f"{quoted(self.path)}: '{quoted(self._info.filename)}' ends too early")
        return data


class NpzTable(ArrayTable):
    """The arrays of an npz file.

    Raises
    ------
    DataError
        ``BAD-FILE`` for a damaged archive or sizes that cannot be, ``UNSAFE-PICKLE`` for arrays of Python objects.
    """

    def __init__(self, path: Path) -> None:
        self._archive: zipfile.ZipFile | None = None
        self._members: list[_Member] = []
        try:
            with damage_told(path, "cannot be opened as npz"):
                self._archive = archive = zipfile.ZipFile(path)
                infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
                self._members += (_Member(path, archive, _checked(path, info)) for info in infos)
            super().__init__(path, {member.name: member for member in self._members})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the archive and what is open of it."""
        for member in self._members:
            member.close()
        if self._archive is not None:
            self._archive.close()


def _checked(path: Path, info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    too_much = info.file_size > _MAX_BYTES or info.file_size > _MAX_RATIO * max(info.compress_size, 1)
    if too_much:
        what = f"{quoted(path)}: '{quoted(info.filename)}' claims {info.file_size} bytes in {info.compress_size}"
        raise DataError("BAD-FILE", what)
    return info
