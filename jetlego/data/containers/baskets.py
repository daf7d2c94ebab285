"""Plain branches of a TTree straight from the bytes of their baskets: numbers, and lists of numbers.

Reading a branch is mostly decompression; what uproot does around it costs about as much again for baskets of a thousand
jets. Here a basket is its key, its block of compressed data, the numbers in big-endian order and, for lists, where each
ends. Whatever is not as plain as that (objects, strings, baskets kept in the tree's header) is left to uproot.

References
----------
ROOT's I/O format, TKey and TBasket: root.cern/doc/master/classTBasket.html and the "io" specification in its sources.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import awkward as ak
import numba
import numpy as np
import uproot
import xxhash

from jetlego.conventions import IntArray

_KEY = struct.Struct(">ihiIhh")  # bytes, version, length of the data, date, length of the key, cycle
_BASKET = struct.Struct(">hiiii")  # version, buffer size, entry size, entries, last byte; one flag byte follows
_HEAD = 9  # of a compressed block: two letters, one byte of method, two 3-byte little-endian lengths
_CODECS = {
    b"ZL": uproot.compression.ZLIB(1), b"XZ": uproot.compression.LZMA(1), b"L4": uproot.compression.LZ4(1),
    b"ZS": uproot.compression.ZSTD(1),
}  # fmt: skip
_KINDS = "bfiu"


class Form(NamedTuple):
    """How the entries of a branch are stored: numbers of one type, in lists or not."""

    dtype: np.dtype
    is_list: bool
    header: int


class NotPlain(Exception):
    """A basket that must be left to uproot."""


def plain_form(branch: Any) -> Form | None:
    """Return the form of a branch, None if it holds anything but numbers or lists of numbers.

    Branches of one leaf with the same title and type have the same form in every file, so uproot is asked but once.
    """
    kind = _kind_of(branch)
    if kind is None:
        return _form_of(branch.interpretation)
    if kind not in _known:
        if len(_known) > _MOST_KNOWN:
            _known.clear()
        _known[kind] = _form_of(branch.interpretation)
    return _known[kind]


_known: dict[tuple[Any, ...], Form | None] = {}
_MOST_KNOWN = 10_000


def _kind_of(branch: Any) -> tuple[Any, ...] | None:
    """Return all that the form of a plain branch of one leaf depends on; None for any other branch."""
    leaves = branch.member("fLeaves")
    if branch.classname != "TBranch" or len(leaves) != 1:
        return None
    leaf = leaves[0]
    facts = (leaf.member(name) for name in ("fTitle", "fLen", "fLenType", "fIsUnsigned"))
    return (leaf.classname, branch.member("fTitle"), leaf.member("fLeafCount") is None, *facts)


def _form_of(form: Any) -> Form | None:
    if isinstance(form, uproot.AsDtype):
        return Form(form.from_dtype, False, 0) if _is_plain(form) else None
    if isinstance(form, uproot.AsJagged) and isinstance(form.content, uproot.AsDtype) and _is_plain(form.content):
        return Form(form.content.from_dtype, True, int(form.header_bytes))
    return None


def _is_plain(form: uproot.AsDtype) -> bool:
    stored, wanted = form.from_dtype, form.to_dtype
    return stored.kind in _KINDS and stored.shape == () and wanted == stored.newbyteorder("=")


def read_plain(file: int, branch: Any, form: Form, start: int, stop: int) -> Any:
    """Return entries of a plain branch: numpy array of numbers, or awkward array of lists; see :func:`read_packed`."""
    offsets, content = read_packed(file, branch, form, start, stop)
    if offsets is None:
        return content
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), ak.contents.NumpyArray(content)))


def read_packed(file: int, branch: Any, form: Form, start: int, stop: int) -> tuple[IntArray | None, np.ndarray]:
    """Return entries of a plain branch as offsets of lists, None for a number an entry, and flat numbers.

    Parameters
    ----------
    file
        Descriptor of the open file.
    branch
        ``uproot.TBranch``.
    form
        From :func:`plain_form`.

    Raises
    ------
    NotPlain
        If a basket is not stored the plain way.
    """
    baskets = _baskets(file, branch, start, stop)
    if not form.is_list:
        return None, _join([_numbers(*basket, form.dtype) for basket in baskets], form.dtype)
    contents, counts = [], [np.zeros(1, np.int64)]
    for data, ends, _, a, b in baskets:
        if ends is None:
            raise NotPlain
        size = np.diff(ends[a : b + 1]) - form.header
        if ends[a] < 0 or (size < 0).any() or (size % form.dtype.itemsize).any():
            raise NotPlain
        contents.append(_inside(data, ends[a : b + 1], form.header, size).view(form.dtype))
        counts.append(size // form.dtype.itemsize)
    return np.cumsum(np.concatenate(counts)), _join(contents, form.dtype)


def _baskets(
    file: int, branch: Any, start: int, stop: int
) -> Iterator[tuple[np.ndarray, IntArray | None, int, int, int]]:
    """Yield data, ends of the entries, their number, and the wanted range, of each basket that has wanted entries."""
    edges = branch.entry_offsets
    seeks, sizes = branch.member("fBasketSeek"), branch.member("fBasketBytes")
    for number, (first, last) in enumerate(itertools.pairwise(edges)):
        a, b = max(start, first), min(stop, last)
        if a >= b:
            continue
        if number >= len(seeks) or seeks[number] <= 0 or sizes[number] <= 0:
            raise NotPlain  # kept in the header of the tree
        data, ends = _basket(os.pread(file, int(sizes[number]), int(seeks[number])), last - first)
        yield data, ends, last - first, a - first, b - first


def _basket(raw: bytes, entries: int) -> tuple[np.ndarray, IntArray | None]:
    """Return the data of a basket and the byte at which each entry ends (None for entries of fixed size)."""
    total, _, length, _, key, _ = _KEY.unpack_from(raw)
    _, _, _, stored_entries, last = _BASKET.unpack_from(raw, key - _BASKET.size - 1)
    if total != len(raw) or stored_entries != entries:
        raise NotPlain
    data = np.frombuffer(raw[key:] if total - key == length else _decompressed(raw, key, length), np.uint8)
    border = last - key
    if border == length:
        return data, None
    ends = data[border:].view(">i4")[1:].astype(np.int64) - key
    if len(ends) < entries + 1:
        raise NotPlain
    ends[entries] = border
    return data[:border], ends[: entries + 1]


def _decompressed(raw: bytes, at: int, length: int) -> bytes:
    """Return the content of one or more compressed blocks that fill the rest of ``raw``."""
    parts = []
    while at < len(raw):
        codec = _CODECS[raw[at : at + 2]]
        packed, unpacked = (int.from_bytes(raw[at + k : at + k + 3], "little") for k in (3, 6))
        block = raw[at + _HEAD : at + _HEAD + packed]
        if isinstance(codec, uproot.compression.LZ4):
            if xxhash.xxh64(block[8:]).digest() != block[:8]:
                raise ValueError("the checksum of a compressed block does not fit")
            block = block[8:]
        parts.append(codec.decompress(block, unpacked))
        at += _HEAD + packed
    data = parts[0] if len(parts) == 1 else b"".join(map(bytes, parts))
    if len(data) != length:
        raise ValueError(f"a basket decompressed to {len(data)} bytes instead of {length}")
    return data


def _numbers(data: np.ndarray, ends: IntArray | None, count: int, a: int, b: int, dtype: np.dtype) -> np.ndarray:
    """Return the wanted ones of ``count`` numbers, still in file order."""
    if ends is not None or len(data) != count * dtype.itemsize:
        raise NotPlain
    return data.view(dtype)[a:b]


def _inside(data: np.ndarray, ends: IntArray, header: int, size: IntArray) -> np.ndarray:
    """Return the bytes of lists without the ``header`` bytes that precede each."""
    return data[ends[0] : ends[-1]] if header == 0 else _without_headers(data, ends, header, int(size.sum()))


@numba.njit(cache=True, nogil=True)
def _without_headers(data: np.ndarray, ends: IntArray, header: int, total: int) -> np.ndarray:
    out = np.empty(total, np.uint8)
    at = 0
    for row in range(len(ends) - 1):
        for byte in range(ends[row] + header, ends[row + 1]):
            out[at] = data[byte]
            at += 1
    return out


def _join(parts: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    native = dtype.newbyteorder("=")
    return np.concatenate(parts, dtype=native, casting="equiv") if parts else np.empty(0, native)
