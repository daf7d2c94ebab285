"""Plain branches of a TTree straight from the bytes of their baskets: numbers, and lists of numbers.

Reading a branch is mostly decompression; what uproot does around it costs about as much again for baskets of a thousand
jets. Here a basket is its key, its block of compressed data, the numbers in big-endian order and, for lists, where each
begins. One basket after the other is unpacked into the same memory, which stays in cache until its numbers are copied.
Whatever is not as plain as that (objects, strings, baskets kept in the tree's header) is left to uproot.

References
----------
ROOT's I/O format, TKey and TBasket: root.cern/doc/master/classTBasket.html and the "io" specification in its sources.
"""

from __future__ import annotations

import os
import struct
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

import awkward as ak
import cramjam
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
}  # fmt: skip
_ZSTD, _KINDS = b"ZS", "bfiu"


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
    baskets = list(_baskets(file, branch, start, stop))
    content = np.empty(sum(b.length for b in baskets) // form.dtype.itemsize, form.dtype.newbyteorder("="))
    ptr = np.zeros(1 + sum(b.stop - b.start for b in baskets), np.int64)
    memory = _memory(max((b.length for b in baskets), default=0))
    filled, row = 0, 1
    for basket in baskets:
        data = basket.unpacked(memory)
        if form.is_list:
            inside = _lists(basket, data, form, ptr[row : row + basket.stop - basket.start])
        elif basket.border != basket.length or basket.length != basket.entries * form.dtype.itemsize:
            raise NotPlain
        else:
            inside = data[basket.start * form.dtype.itemsize : basket.stop * form.dtype.itemsize]
        values = inside.view(form.dtype)
        content[filled : filled + len(values)] = values
        filled, row = filled + len(values), row + basket.stop - basket.start
    return np.cumsum(ptr) if form.is_list else None, content[:filled]


def _memory(size: int) -> np.ndarray:
    """Return bytes to unpack one basket into, this thread's own and, up to a size, always the same."""
    kept: np.ndarray = getattr(_own, "memory", np.empty(0, np.uint8))
    if size > len(kept):
        kept = np.empty(size, np.uint8)
        if size <= _MOST_KEPT:
            _own.memory = kept
    return kept


_own = threading.local()
_MOST_KEPT = 16 * 2**20


class _Basket(NamedTuple):
    """A basket as it is stored, of which the entries ``start:stop`` are wanted.

    ``length`` bytes come out of it, of which the numbers are the first ``border``; ``key`` is the length of its key.
    """

    raw: bytes
    entries: int
    start: int
    stop: int
    key: int
    length: int
    border: int

    def unpacked(self, memory: np.ndarray) -> np.ndarray:
        """Return the data of the basket, written to ``memory``."""
        out = memory[: self.length]
        if len(self.raw) - self.key == self.length:
            out[:] = np.frombuffer(self.raw, np.uint8, offset=self.key)
        else:
            _decompress(self.raw, self.key, out)
        return out


def _baskets(file: int, branch: Any, start: int, stop: int) -> Iterator[_Basket]:
    """Yield each basket that has wanted entries."""
    edges = branch.entry_offsets
    seeks, sizes = branch.member("fBasketSeek"), branch.member("fBasketBytes")
    for number in range(max(bisect_right(edges, start) - 1, 0), bisect_left(edges, stop)):
        first, last = edges[number], edges[number + 1]
        a, b = max(start, first), min(stop, last)
        if a >= b:
            continue
        if number >= len(seeks) or seeks[number] <= 0 or sizes[number] <= 0:
            raise NotPlain  # kept in the header of the tree
        raw = os.pread(file, int(sizes[number]), int(seeks[number]))
        total, _, length, _, key, _ = _KEY.unpack_from(raw)
        *_, entries, end = _BASKET.unpack_from(raw, key - _BASKET.size - 1)
        if total != len(raw) or entries != last - first or not 0 <= end - key <= length:
            raise NotPlain
        yield _Basket(raw, entries, a - first, b - first, key, length, end - key)


def _decompress(raw: bytes, at: int, out: np.ndarray) -> None:
    """Write the content of one or more compressed blocks, which fill the rest of ``raw`` from ``at``."""
    filled = 0
    while at < len(raw):
        kind = raw[at : at + 2]
        packed, unpacked = (int.from_bytes(raw[at + k : at + k + 3], "little") for k in (3, 6))
        block = memoryview(raw)[at + _HEAD : at + _HEAD + packed]
        if filled + unpacked > len(out):
            raise ValueError(f"a basket decompressed to more than {len(out)} bytes")
        filled += _unpack(kind, block, out[filled : filled + unpacked])
        at += _HEAD + packed
    if filled != len(out):
        raise ValueError(f"a basket decompressed to {filled} bytes instead of {len(out)}")


def _unpack(kind: bytes, block: memoryview, out: np.ndarray) -> int:
    """Decompress one block; return how many bytes it gave."""
    if kind == _ZSTD:
        return int(cramjam.zstd.decompress_into(block, out.data))
    codec = _CODECS[kind]
    if isinstance(codec, uproot.compression.LZ4):
        if xxhash.xxh64(block[8:]).digest() != block[:8]:
            raise ValueError("the checksum of a compressed block does not fit")
        block = block[8:]
    data = codec.decompress(bytes(block), len(out))
    out[: len(data)] = np.frombuffer(data, np.uint8)
    return len(data)


def _lists(basket: _Basket, data: np.ndarray, form: Form, counts: IntArray) -> np.ndarray:
    """Write the number of numbers of each wanted list; return the bytes of them all."""
    starts, places = np.empty(len(counts) + 1, np.int64), (basket.border, basket.key, basket.entries, basket.start)
    total = _find_lists(data, *places, form.header, form.dtype.itemsize, starts, counts)
    if total < 0:
        raise NotPlain
    return data[starts[0] : starts[-1]] if form.header == 0 else _without_headers(data, starts, form.header, total)


@numba.njit("i8(u1[::1], i8, i8, i8, i8, i8, i8, i8[::1], i8[::1])", cache=True, nogil=True)
def _find_lists(
    data: np.ndarray, border: int, key: int, entries: int, first: int, header: int, itemsize: int, starts: IntArray,
    counts: IntArray,
) -> int:  # fmt: skip
    """Write where entry ``first`` and those after it begin, and how many numbers each holds; return the bytes of all.

    After the numbers come, as big-endian int32, a count and the beginnings of all entries, counted from the key. What
    cannot be is told by -1.
    """
    if len(data) < border + 4 * (entries + 2):
        return -1
    total = 0
    for k in range(len(starts)):
        at = border + 4 * (first + k + 1)
        begin = (data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]) - key
        starts[k] = border if first + k == entries else begin
        size = starts[k] - starts[k - 1] - header if k else 0
        if starts[k] > border or starts[k] < 0 or size < 0 or size & (itemsize - 1):
            return -1
        total += size
        if k:
            counts[k - 1] = size // itemsize
    return total


@numba.njit(cache=True, nogil=True)
def _without_headers(data: np.ndarray, ends: IntArray, header: int, total: int) -> np.ndarray:
    out = np.empty(total, np.uint8)
    at = 0
    for row in range(len(ends) - 1):
        for byte in range(ends[row] + header, ends[row + 1]):
            out[at] = data[byte]
            at += 1
    return out
