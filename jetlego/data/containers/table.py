"""What every container offers: column names, a number of entries, and slices of columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jetlego.data.schemas.schema import Block
from jetlego.errors import DataError, JetlegoError, did_you_mean, quoted

Array = Any
"""An awkward or NumPy array over entries; what is inside is told by its dimensions."""


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

    def require(self, name: str) -> None:
        """Raise ``DataError`` ``NO-BRANCH`` unless there is a column of this name."""
        if not self.has(name):
            what = f"{quoted(self.path)}: there is no branch or column '{quoted(name)}'" + self._within()
            raise DataError("NO-BRANCH", what, did_you_mean(name, self.names))

    def use_blocks(self, blocks: Iterable[Block]) -> None:  # noqa: B027  (branches have names of their own)
        """Name the last axes of arrays, where the container holds such."""

    def boundaries(self, start: int, stop: int, step: int) -> list[int]:
        """Return entry numbers from ``start`` to ``stop`` at which reading may stop, about ``step`` apart."""
        return [*range(start, stop, max(step, 1)), stop]

    def _within(self) -> str:
        return f" in '{self.title}'" if self.title else ""

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def cut_at(offsets: Sequence[int], start: int, stop: int, step: int) -> list[int]:
    """Return cuts of ``start:stop`` near multiples of ``step``, at storage boundaries where one is close by.

    Parameters
    ----------
    offsets
        Ascending entry numbers at which baskets, clusters or row groups begin.
    """
    cuts, inside = [start], [int(o) for o in offsets if start < o < stop]
    while stop - cuts[-1] > step:
        last = cuts[-1]
        near = [o for o in inside if last + step // 2 < o <= last + step]
        cuts.append(near[-1] if near else last + step)
    return [*cuts, stop] if stop > start else [start]


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
