"""One shard: named arrays one after the other in one file, each aligned so that it can be used where it lies.

    bytes 0-7     magic
    bytes 8-15    length of the header, little-endian
    bytes 16-47   SHA-256 of the header
    then          header: JSON, padded with spaces so that what follows begins at a multiple of 64
    then          the arrays, little-endian, C order, each at a multiple of 64 bytes
    last 32       SHA-256 of everything before

The header is verified at each opening, as is the length of the file; the arrays, on request, by the last 32 bytes.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from jetlego.atomic import written_aside
from jetlego.errors import DataError, quoted

MAGIC = b"\x93JETLEGO"
_ALIGN, _PREFIX, _DIGEST = 64, 48, 32
_MAX_HEADER = 1 << 24
_TYPES = frozenset(f"<{kind}{size}" for kind in "fiu" for size in (2, 4, 8)) | {"|b1", "|i1", "|u1"}

Sections = Mapping[str, Sequence[np.ndarray]]
"""{name: chunks of one array along its first axis, at least one}."""


def write_shard(path: Path, sections: Sections, about: Mapping[str, Any]) -> str:
    """Write a shard, whole or not at all, and return the SHA-256 of the file.

    Parameters
    ----------
    sections
        The arrays, in order; chunks of different numeric types are widened.
    about
        JSON data for the header.

    Raises
    ------
    EnvironmentFault
        ``DISK-FULL`` or ``NOT-WRITABLE``.
    """
    table, end = _table(sections)
    header = json.dumps({"about": about, "sections": table, "length": end}, sort_keys=True).encode()
    header += b" " * (-(_PREFIX + len(header)) % _ALIGN)
    prefix = MAGIC + len(header).to_bytes(8, "little") + hashlib.sha256(header).digest()
    with written_aside(path) as temporary, temporary.open("xb") as file:
        out = _Hashed(file)
        out.write(prefix + header)
        start = out.position
        for entry in table:
            out.write(bytes(start + entry["offset"] - out.position))
            for chunk in sections[entry["name"]]:
                out.write(np.ascontiguousarray(chunk, entry["dtype"]).reshape(-1).view(np.uint8).data)
        out.write(bytes(start + end - out.position))
        out.write(out.hash.digest())
    return out.hash.hexdigest()


class _Hashed:
    """A file, and the hash of what went into it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.hash, self.position = file, hashlib.sha256(), 0

    def write(self, data: bytes | memoryview) -> None:
        self.file.write(data)
        self.hash.update(data)
        self.position += len(data)


def _table(sections: Sections) -> tuple[list[dict[str, Any]], int]:
    """Return what the header says of each array, offsets counted from the end of the header, and their end."""
    table, end = [], 0
    for name, chunks in sections.items():
        dtype = np.result_type(*chunks).newbyteorder("<")
        if dtype.str not in _TYPES:
            raise DataError("TYPE-MISMATCH", f"column '{quoted(name)}' is {dtype}, which shards do not hold")
        shape = [sum(map(len, chunks)), *chunks[0].shape[1:]]
        table.append({"name": name, "dtype": dtype.str, "shape": shape, "offset": end})
        end += -(-int(np.prod(shape)) * dtype.itemsize // _ALIGN) * _ALIGN
    return table, end


class ShardFile:
    """An open shard; its arrays are views of the mapped file. Writing to them changes private copies of pages alone.

    Raises
    ------
    DataError
        ``SHARD-MISSING``; ``SHARD-HASH`` if the file is cut short or its header damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except FileNotFoundError as error:
            raise DataError("SHARD-MISSING", f"there is no shard {quoted(path)}", _HINT) from error
        except (OSError, ValueError) as error:  # an empty file cannot be mapped
            raise DataError("SHARD-HASH", f"{quoted(path)} cannot be mapped: {error}", _HINT) from error
        header, start = self._header()
        expected = start + header["length"] + _DIGEST
        if len(self._map) != expected:
            raise DataError("SHARD-HASH", f"{quoted(path)} has {len(self._map)} bytes of {expected}", _HINT)
        self.about: dict[str, Any] = header["about"]
        self._arrays = {entry["name"]: _view(self._map, start, entry) for entry in header["sections"]}

    def _header(self) -> tuple[dict[str, Any], int]:
        head = self._map[:_PREFIX]
        length = int.from_bytes(head[8:16], "little")
        raw = self._map[_PREFIX : _PREFIX + length] if length <= _MAX_HEADER else b""
        if head[:8] != MAGIC or hashlib.sha256(raw).digest() != head[16:]:
            raise DataError("SHARD-HASH", f"the header of {quoted(self.path)} is damaged", _HINT)
        return json.loads(raw), _PREFIX + length

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    @cached_property
    def empty_jets(self) -> np.ndarray:
        """Numbers of the jets without constituents, ascending."""
        return np.flatnonzero(np.diff(self["jet_ptr"]) == 0)

    @property
    def names(self) -> list[str]:
        """Names of the arrays, in order."""
        return list(self._arrays)

    def verify(self) -> str:
        """Return the SHA-256 of the file.

        Raises
        ------
        DataError
            ``SHARD-HASH`` unless the file's own digest fits.
        """
        view = memoryview(self._map)
        digest = hashlib.sha256(view[:-_DIGEST])
        fits = digest.digest() == view[-_DIGEST:]
        digest.update(view[-_DIGEST:])
        view.release()
        if not fits:
            raise DataError("SHARD-HASH", f"{quoted(self.path)} was changed after it was written", _HINT)
        return digest.hexdigest()


_HINT = "the same jetlego data prepare makes it again"


def _view(data: mmap.mmap, start: int, entry: Mapping[str, Any]) -> np.ndarray:
    return np.ndarray(tuple(entry["shape"]), entry["dtype"], buffer=data, offset=start + entry["offset"])
