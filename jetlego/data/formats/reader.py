"""The contract between `read_jets` and the formats: what is asked for, and an open file that answers in chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from jetlego.data.jets import Jets
from jetlego.data.schemas.schema import Schema
from jetlego.data.tally import Tally

Nonfinite = Literal["error", "drop-particle", "drop-jet", "zero", "impute"]
Classes = Mapping[str, "str | int | list[str | int] | tuple[str | int, ...]"]


@dataclass(frozen=True)
class Request:
    """What the caller wants from every file.

    Parameters
    ----------
    columns
        Canonical or source names beside the momenta; None for all that the schema knows.
    classes
        {class: truth branch, class of the schema, number of a class, or a list of these}, in output order.
    cut_columns
        Names that a selection uses; read too, where the file has them.
    nonfinite
        What to do with NaN and infinite values.
    max_constituents
        Keep so many of the hardest of each jet; None for all.
    tally
        Where oddities are counted.
    """

    columns: tuple[str, ...] | None = None
    classes: Classes | None = None
    cut_columns: tuple[str, ...] = ()
    nonfinite: Nonfinite = "error"
    max_constituents: int | None = None
    tally: Tally = field(default_factory=Tally)

    def wants(self, name: str) -> bool:
        """Return whether a column is asked for."""
        return self.columns is None or name in self.columns or name in self.cut_columns


class Reader(ABC):
    """One open file of a known layout; closes with its ``with`` block."""

    screened = False
    """Whether jets come out of it finite, summed and selected already."""
    num_sources: int = 1
    """Number of files that it stands for."""

    def __init__(self, path: Path, schema: Schema, request: Request) -> None:
        self.path, self.schema, self.request = path, schema, request

    @property
    @abstractmethod
    def num_entries(self) -> int | None:
        """Number of entries (jets or events); None if the file must be read to know."""

    def cuts(self, step: int) -> list[int] | None:
        """Return entry numbers at which reading may stop, about ``step`` apart; None if the length is not known."""
        return None

    @abstractmethod
    def chunks(self, start: int, stop: int | None, step: int | None) -> Iterator[Jets]:
        """Yield the jets of entries ``start:stop``, about ``step`` entries at a time, all at once for None.

        Labels may hold the codes of :mod:`jetlego.data.labels`; they are checked after selection.
        """

    def slim(self) -> bool:
        """Hold as little as goes without hindering further reading; return whether nothing stays open."""
        return False

    def close(self) -> None:  # noqa: B027  (readers of text close their stream when they reach its end)
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
