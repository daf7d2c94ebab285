"""Which columns of a file a run needs: found by preparing a few jets and noting what is looked at."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from jetlego.data.jets import Jets

CARRIED = ("jet_pt", "jet_eta", "jet_phi", "jet_mass", "jet_energy", "jet_sdmass", "jet_nparticles")
"""Columns of jets that every run keeps, for its predictions."""

SUMS = frozenset({"jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_mass", "jet_nparticles"})
"""Columns that reading fills in from constituents where a file does not store them."""

_OWN = frozenset({"file_index", "event_index", "jet_index"})


class _Watched(Mapping[str, np.ndarray]):
    """Columns that note which of them are looked at."""

    def __init__(self, columns: Mapping[str, np.ndarray], seen: set[str]) -> None:
        self.columns, self.seen = columns, seen

    def __getitem__(self, name: str) -> np.ndarray:
        values = self.columns[name]
        self.seen.add(name)
        return values

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def needed_columns(jets: Jets, prepare: Callable[[Jets], Any]) -> tuple[str, ...]:
    """Return the columns of ``jets`` that ``prepare`` looks at, and those that every run keeps.

    A preparation that copies all columns is taken to need them all. Columns that follow from others stand among them,
    though no file may store them.
    """
    seen: set[str] = set()
    watched = replace(jets, constituents=_Watched(jets.constituents, set()), jet=_Watched(jets.jet, set()))
    # the checks of Jets itself have looked at everything: only from here on it counts
    watched.constituents.seen, watched.jet.seen = seen, seen
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few jets may well have a constant feature
        prepare(watched)
    found = [*jets.constituents, *jets.jet]
    return tuple(name for name in found if (name in seen or name in CARRIED) and name not in _OWN)
