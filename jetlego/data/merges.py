"""Merges that were stored with jets: a clustering history without its momenta, which the constituents give again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.clustering.history import History, merge_offsets
from jetlego.clustering.packed import offsets_of, rows_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import DataError, quoted


@dataclass(frozen=True)
class Merges:
    """Who merges with whom in B jets, M merges in all; 10 bytes a merge for jets of up to 128 constituents.

    Parameters
    ----------
    parents
        (M, 2) of any integer type, node numbers as in :class:`~jetlego.clustering.history.History`.
    dij
        (M,) float64, for a radius of 1.
    """

    parents: IntArray
    dij: FloatArray

    @classmethod
    def of(cls, history: History) -> Merges:
        """Return the merges of a history, node numbers in the smallest type that holds them."""
        largest = int(history.parents.max(initial=0))
        return cls(history.parents.astype(np.min_scalar_type(largest)), history.dij)

    def history(self, p4: FloatArray, jet_ptr: IntArray) -> History:
        """Return the whole history, momenta added up in the E-scheme.

        Raises
        ------
        DataError
            ``BAD-TREE`` if the merges are not those of such jets.
        """
        return History.from_parents(self.parents, p4, jet_ptr, dij=self.dij)

    def select(self, jet_ptr: IntArray, jets: IntArray) -> Merges:
        """Return the merges of some ``jets`` out of those whose constituents ``jet_ptr`` parts."""
        rows = rows_of(merge_offsets(jet_ptr), jets)
        return Merges(self.parents[rows], self.dij[rows])

    @staticmethod
    def concatenate(parts: list[Merges]) -> Merges:
        """Return the merges of all parts, in order."""
        return Merges(np.concatenate([p.parents for p in parts]), np.concatenate([p.dij for p in parts]))


def check_merges(name: str, merges: Merges, jet_ptr: IntArray) -> None:
    """Raise ``DataError`` ``BAD-TREE`` unless there are as many merges as jets of these sizes have."""
    total = int(offsets_of(np.maximum(np.diff(jet_ptr) - 1, 0))[-1])
    if merges.parents.shape != (total, 2) or merges.dij.shape != (total,):
        what = f"history '{quoted(name)}' has {len(merges.parents)} merges for jets that have {total}"
        raise DataError("BAD-TREE", what)
