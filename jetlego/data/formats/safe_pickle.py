"""Pickles of plain data and NumPy arrays, read so that nothing in them can run.

A pickle is a program; this reader resolves only the few names that arrays are made of. Names of torch, which ginkgo's
files mention, become inert: what they would build is dropped, and above all ``torch.storage._load_from_bytes``, an
unrestricted loader, never runs. Everything else is refused by name.

References
----------
Python documentation, module pickle, "Restricting Globals".
"""

from __future__ import annotations

import _codecs
import collections
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy._core.multiarray import _reconstruct, scalar

from jetlego.data.files import open_text
from jetlego.errors import DataError, quoted

MAX_OBJECT = 2 * 2**30


class _Refused(Exception):
    """The pickle asks for something that is not plain data."""


def _from_buffer(data: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str, *rest: object) -> np.ndarray:
    """Return what NumPy's function of the same name makes of an array in pickles of protocol 5."""
    if order not in ("C", "F") or rest not in ((), (None,)):
        raise _Refused(f"refused: an array stored in order '{quoted(order)}'")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order=order)  # type: ignore[call-overload]


_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct, ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): scalar, ("numpy._core.multiarray", "scalar"): scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer, ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _codecs.encode, ("collections", "OrderedDict"): collections.OrderedDict,
}  # fmt: skip


class Dropped:
    """Stands for an object that is not read; takes anything and keeps nothing."""

    def __init__(self, *values: object, **named: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _Reader(pickle.Unpickler):
    """The only unpickler of the package."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the allowed names, or an inert stand-in for torch."""
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module == "torch" or module.startswith("torch."):
            return Dropped
        raise _Refused(f"refused: pickle asks for {quoted(module)}.{quoted(name)}")


def pickled_objects(path: Path) -> Iterator[Any]:
    """Yield every object of a file that holds one pickle or several after each other, plain or gzip.

    Raises
    ------
    DataError
        ``UNSAFE-PICKLE`` if a pickle asks for anything but data (nothing has run then); ``BAD-FILE`` if it is damaged
        or one object takes more than 2 GiB.
    """
    with open_text(path) as stream:
        count = 0
        while _more(stream, path):
            start = stream.tell()
            yield _load(stream, path, count)
            if stream.tell() - start > MAX_OBJECT:
                raise DataError("BAD-FILE", f"{quoted(path)}: object {count} takes more than {MAX_OBJECT} bytes")
            count += 1


def _more(stream: IO[bytes], path: Path) -> bool:
    try:
        return bool(stream.peek(1))  # type: ignore[attr-defined]
    except (OSError, EOFError) as error:
        raise DataError("BAD-FILE", f"{quoted(path)}: cannot be read: {error}") from error


def _load(stream: IO[bytes], path: Path, count: int) -> Any:
    try:
        return _Reader(stream, encoding="latin1").load()  # pickles of Python 2 hold arrays as byte strings
    except _Refused as error:
        raise DataError("UNSAFE-PICKLE", f"{quoted(path)}: {error}", "nothing of it was executed") from None
    except Exception as error:  # a damaged program can fail in any way
        what = f"{quoted(path)}: object {count} is no readable pickle: {quoted(error) or type(error).__name__}"
        raise DataError("BAD-FILE", what) from error
