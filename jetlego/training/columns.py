"""Which columns of a file a run needs: those without which a few jets come out otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from jetlego.data.jets import Jets
from jetlego.errors import JetlegoError
from jetlego.structures.store import JetStore

CARRIED = ("jet_pt", "jet_eta", "jet_phi", "jet_mass", "jet_energy", "jet_sdmass", "jet_nparticles")
"""Columns of jets that every run keeps, for its predictions."""

SUMS = frozenset({"jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_mass", "jet_nparticles"})
"""Columns that reading fills in from constituents where a file does not store them."""

_OWN = frozenset({"file_index", "event_index", "jet_index"})


def needed_columns(jets: Jets, prepare: Callable[[Jets], JetStore]) -> tuple[str, ...]:
    """Return the columns that must be read, with those that every run keeps.

    Each column is left out in turn, and stays out if what is prepared of a few jets is the same to the last bit. Where
    one of two columns would do, such as a code and a flag, one of them is thus kept.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few jets may well have a constant feature
        wanted = list(_arrays(prepare(jets)))
        names = [name for name in (*jets.constituents, *jets.jet) if name not in _OWN]
        doubtful = [name for name in names if name not in CARRIED]
        if _same(_without(jets, doubtful), prepare, wanted):
            doubtful = names = [name for name in names if name in CARRIED]
        for name in doubtful:
            fewer = _without(jets, [name])
            if name not in CARRIED and _same(fewer, prepare, wanted):
                jets, names = fewer, [other for other in names if other != name]
    return tuple(names)


def _without(jets: Jets, names: list[str]) -> Jets:
    constituents = {name: values for name, values in jets.constituents.items() if name not in names}
    return replace(jets, constituents=constituents, jet={n: v for n, v in jets.jet.items() if n not in names})


def _same(jets: Jets, prepare: Callable[[Jets], JetStore], wanted: list[np.ndarray]) -> bool:
    try:
        found = list(_arrays(prepare(jets)))
    except JetlegoError:
        return False
    return len(found) == len(wanted) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(found, wanted, strict=True)
    )


def _arrays(store: JetStore) -> Iterator[np.ndarray]:
    """Yield whatever of a store follows from columns."""
    parts = [store.constituents, store.p4, store.weight, *store.jet.values()]
    for tree in store.trees.values():
        parts += [tree.features, tree.targets, tree.pair_values]
    yield from (part for part in parts if part is not None)
