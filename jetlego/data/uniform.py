"""The same columns in every file: what one file lacks or stores otherwise is told with both names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jetlego.data.jets import Jets
from jetlego.data.tally import Tally
from jetlego.errors import DataError, quoted

_EXACT = {("f", "f"), ("i", "i"), ("u", "u"), ("b", "b"), ("u", "i"), ("i", "u")}
"""Kinds of numbers that can be widened to one another; an integer among floats is another quantity."""


class Uniform:
    """Compares the jets of each file with those of the first; hand it every chunk."""

    def __init__(self) -> None:
        self._first: dict[str, np.dtype] = {}
        self._path: Path | None = None
        self._classes: tuple[str, ...] = ()

    def check(self, jets: Jets, path: Path, tally: Tally) -> None:
        """Count columns that must be widened; refuse those that cannot be.

        Raises
        ------
        DataError
            ``TYPE-MISMATCH`` or ``LABELS`` with both files.
        """
        found = {name: values.dtype for part in (jets.constituents, jets.jet) for name, values in part.items()}
        found |= {name: np.dtype(bool) for name in ("label", "weight") if getattr(jets, name) is not None}
        self.compare(found, jets.classes, path, tally)

    def compare(self, found: dict[str, np.dtype], classes: tuple[str, ...], path: Path, tally: Tally) -> None:
        """Do the same for {column: type}, where known labels and weights count as columns of bool."""
        if self._path is None:
            self._first, self._path, self._classes = found, path, classes
        if path == self._path:
            return
        self._compare_names(found, path)
        if classes != self._classes:
            told = [quoted(", ".join(names)) for names in (self._classes, classes)]
            what = f"{quoted(self._path)} has the classes {told[0]}; {quoted(path)} has {told[1]}"
            raise DataError("LABELS", what, "name them by classes={name: truth branch}")
        for name, dtype in found.items():
            self._compare_type(name, dtype, path, tally)

    def _compare_names(self, found: dict[str, np.dtype], path: Path) -> None:
        here, there = found.keys() - self._first.keys(), self._first.keys() - found.keys()
        if here or there:
            has, lacks = (path, self._path) if here else (self._path, path)
            what = f"{quoted(has)} has '{quoted(min(here or there))}', {quoted(lacks)} has not"
            raise DataError("TYPE-MISMATCH", what, "name the columns to read: columns=[...]")

    def _compare_type(self, name: str, dtype: np.dtype, path: Path, tally: Tally) -> None:
        first = self._first[name]
        if dtype == first:
            return
        told = f"'{quoted(name)}' is {first} in {quoted(self._path)} and {dtype} in {quoted(path)}"
        if (first.kind, dtype.kind) not in _EXACT:
            raise DataError("TYPE-MISMATCH", told)
        tally.add("TYPE-WIDENED", f"{told}; widened", 1)
