"""Delphes: jets whose constituents are references by number to objects in other collections.

References
----------
de Favereau et al., Delphes 3, arXiv:1307.6346; ROOT's TRef and TProcessID for what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import awkward as ak

from jetlego.data.containers.open import open_table
from jetlego.data.containers.table import Array, Table
from jetlego.data.formats.ntuple import NtupleReader
from jetlego.data.formats.reader import Request
from jetlego.data.schemas.load import in_collection
from jetlego.data.schemas.schema import Schema
from jetlego.errors import ConfigError, DataError, did_you_mean, quoted

_QUANTITIES = {
    "id": ("fUniqueID",), "pt": ("PT", "ET"), "eta": ("Eta",), "phi": ("Phi",), "mass": ("Mass",),
    "charge": ("Charge",), "pdgid": ("PID",), "d0": ("D0",), "d0_error": ("ErrorD0",),
    "dz": ("DZ",), "dz_error": ("ErrorDZ",),
}  # fmt: skip
_NEEDED = frozenset({"id", "pt", "eta", "phi"})


class DelphesReader(NtupleReader):
    """Jets of one Delphes file."""

    def __init__(self, path: Path, schema: Schema, request: Request, *, table: Table | None = None) -> None:
        inner = open_table(path, schema) if table is None else table
        try:
            collection = choose_collection(inner, schema.collection)
            found = in_collection(schema, collection)
            super().__init__(path, found, request, table=CandidateTable(inner, _candidates(inner, found, collection)))
        except BaseException:
            inner.close()
            raise


def choose_collection(table: Table, wanted: str | None) -> str:
    """Return the jet collection to read: the one wanted, or the only reconstructed one.

    Raises
    ------
    DataError
        ``NO-BRANCH`` if there is none, or not the one wanted.
    ConfigError
        ``COLLECTION-AMBIGUOUS`` if there are several and none is wanted.
    """
    suffix = ".Constituents"
    owners = [name.removesuffix(suffix) for name in table.names if name.endswith(suffix) and "/" not in name]
    present = [name for name in owners if table.has(f"{name}.PT")]
    if wanted is not None:
        if wanted not in present:
            what = f"{quoted(table.path)}: there is no jet collection '{wanted}'"
            raise DataError("NO-BRANCH", what, did_you_mean(wanted, present) or "there is none at all")
        return wanted
    reconstructed = [name for name in present if not name.startswith("Gen")]
    if not reconstructed:
        raise DataError("NO-BRANCH", f"{quoted(table.path)} holds no collection of jets with constituents")
    if len(reconstructed) > 1:
        what = f"{quoted(table.path)} holds several jet collections: {', '.join(present)}"
        raise ConfigError("COLLECTION-AMBIGUOUS", what, f"name one, such as schema delphes:{reconstructed[0]}")
    return reconstructed[0]


def _candidates(table: Table, schema: Schema, collection: str) -> list[str]:
    assert schema.particles is not None
    groups = (("Particle",),) if collection.startswith("Gen") else schema.particles.candidates
    for group in groups:
        present = [name for name in group if table.has(f"{name}.fUniqueID")]
        if present:
            return present
    tried = ", ".join(name for group in groups for name in group)
    what = f"{quoted(table.path)} holds none of the collections that jets refer to: {tried}"
    raise DataError("NO-CONSTITUENTS", what)


class CandidateTable(Table):
    """A Delphes tree with the candidate collections of each event joined into columns ``candidate.*``."""

    def __init__(self, inner: Table, collections: list[str]) -> None:
        self.inner, self.collections, self.path, self.title = inner, collections, inner.path, inner.title

    @property
    def num_entries(self) -> int:
        """Number of events."""
        return self.inner.num_entries

    @property
    def names(self) -> Sequence[str]:
        """Branches of the tree, and the joined columns."""
        return [*self.inner.names, *(f"candidate.{key}" for key in _QUANTITIES)]

    def has(self, name: str) -> bool:
        """Return whether there is a column of this name."""
        return self.inner.has(name) or name.removeprefix("candidate.") in _QUANTITIES

    def column(self, name: str, start: int, stop: int) -> Array:
        """Return a branch, or one quantity of all candidates of each event."""
        if self.inner.has(name):
            return self.inner.column(name, start, stop)
        key = name.removeprefix("candidate.")
        return ak.concatenate([self._quantity(c, key, start, stop) for c in self.collections], axis=1)

    def _quantity(self, collection: str, key: str, start: int, stop: int) -> Array:
        for leaf in _QUANTITIES[key]:
            if self.inner.has(f"{collection}.{leaf}"):
                return self.inner.column(f"{collection}.{leaf}", start, stop)
        if key in _NEEDED:
            self.inner.require(f"{collection}.{_QUANTITIES[key][0]}")
        return ak.zeros_like(self.inner.column(f"{collection}.Eta", start, stop))

    @property
    def offsets(self) -> Sequence[int]:
        """First entries of the tree's baskets."""
        return self.inner.offsets

    def close(self) -> None:
        """Close the file."""
        self.inner.close()
