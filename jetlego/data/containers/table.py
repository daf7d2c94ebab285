"""What every container offers: column names, a number of entries, and slices of columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.conventions import IntArray
from jetlego.data.schemas.schema import Block
from jetlego.errors import DataError, JetlegoError, did_you_mean, quoted

Array = Any
"""An awkward or NumPy array over entries; what is inside is told by its dimensions."""


_REACH = 4


class Table(ABC):
    """An open file of named columns; closes with its ``with`` block.

    Column names are whole words: they may hold any printable character and are never split.
    """

    path: Path
    title: str = ""

    @property
    @abstractmethod
    def num_entries(self) -> int:
        """Number of entries (rows, events)."""

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """Every column that can be read."""

    @abstractmethod
    def column(self, name: str, start: int, stop: int) -> Array:
        """Return entries ``start:stop`` of one column that exists."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def slim(self) -> bool:
        """Hold as little as goes without hindering further reading; return whether nothing stays open."""
        return False

    def has(self, name: str) -> bool:
        """Return whether there is a column of this name."""
        return name in self.names

    def is_slow(self, name: str) -> bool:
        """Return whether a column is stored as whole objects, which must be read one by one."""
        return False

    def read(self, names: Iterable[str], start: int, stop: int) -> dict[str, Array]:
        """Return {name: entries ``start:stop``}.

        Raises
        ------
        DataError
            ``NO-BRANCH`` with file, name and nearest names; ``BAD-FILE`` with file, name and entry range.
        """
        out = {}
        for name in dict.fromkeys(names):
            self.require(name)
            with damage_told(self.path, f"'{quoted(name)}', entries {start} to {stop}, cannot be read"):
                out[name] = self.column(name, start, stop)
        return out

    def packed(self, name: str, start: int, stop: int) -> tuple[IntArray | None, np.ndarray] | None:
        """Return offsets (None for a number an entry) and flat numbers of a column that can be read so, else None."""
        return None

    def require(self, name: str) -> None:
        """Raise ``DataError`` ``NO-BRANCH`` unless there is a column of this name."""
        if not self.has(name):
            what = f"{quoted(self.path)}: there is no branch or column '{quoted(name)}'" + self._within()
            raise DataError("NO-BRANCH", what, did_you_mean(name, self.names))

    def use_blocks(self, blocks: Iterable[Block]) -> None:  # noqa: B027  (branches have names of their own)
        """Name the last axes of arrays, where the container holds such."""

    @property
    def offsets(self) -> Sequence[int]:
        """Entries at which what is stored together begins: baskets, clusters, row groups, chunks; empty if unknown."""
        return ()

    def boundaries(self, start: int, stop: int, step: int, *, whole: bool = False) -> list[int]:
        """Return cuts from ``start`` to ``stop`` about ``step`` apart, where storage units begin if one is close.

        With ``whole``, units of up to four times ``step`` are not cut, so that none is decompressed twice.
        """
        return cut_at(self.offsets, start, stop, max(step, 1), reach=_REACH if whole else 1)

    def _within(self) -> str:
        return f" in '{self.title}'" if self.title else ""

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def cut_at(offsets: Sequence[int], start: int, stop: int, step: int, *, reach: int = 1) -> list[int]:
    """Return cuts of ``start:stop`` near multiples of ``step``, at storage boundaries where one is close by.

    Parameters
    ----------
    offsets
        Ascending entry numbers at which baskets, clusters or row groups begin.
    reach
        How many steps a cut may lie ahead to fall on such a number where none is closer.
    """
    cuts, inside = [start], [int(o) for o in offsets if start < o < stop]
    while stop - cuts[-1] > step:
        last = cuts[-1]
        first, past = bisect_right(inside, last + step // 2), bisect_right(inside, last + step)
        if past > first:
            cuts.append(inside[past - 1])
        else:
            following = inside[past] if past < len(inside) else stop
            cuts.append(following if following <= last + reach * step else last + step)
    return [*cuts, stop] if stop > cuts[-1] else cuts


@contextmanager
def damage_told(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a library raises on damaged bytes into ``DataError`` ``BAD-FILE``; they raise anything at all."""
    try:
        yield
    except JetlegoError:
        raise
    except Exception as error:
        raise DataError("BAD-FILE", f"{quoted(path)}: {what}: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """Return what a library's error says in its first line, or else its kind."""
    lines = str(error).strip().splitlines()
    return quoted(lines[0]) if lines else type(error).__name__
