"""A lazy view on jets: stored columns and derived ones under one roof, each computed once."""

from __future__ import annotations

import numpy as np

from jetlego.data.features.columns import Array, constituent_columns, find_column, jet_columns
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, DataError, did_you_mean

_COMPONENTS = {"part_px": 0, "part_py": 1, "part_pz": 2, "part_energy": 3}


class JetView:
    """Columns of ``jets`` by name; what the file stores wins over what could be derived.

    ``view["part_pt"]`` is (P,), ``view["jet_pt"]`` is (B,), ``view.per_constituent("jet_pt")`` repeats it to (P,).
    Momenta are float64; stored columns keep their dtype.
    """

    def __init__(self, jets: Jets) -> None:
        self.jets = jets
        self._known: dict[str, Array] = {}
        self._pending: list[str] = []
        self._owner: Array | None = None

    def __getitem__(self, name: str) -> Array:
        if name not in self._known:
            self._known[name] = self._stored(name) if self.stores(name) else self._derived(name)
        return self._known[name]

    def stores(self, name: str) -> bool:
        """Return whether ``name`` came with the data rather than being derived."""
        return name in _COMPONENTS or name in self.jets.constituents or name in self.jets.jet

    def level(self, name: str) -> str:
        """Return ``"constituent"`` or ``"jet"``: what one value of the column belongs to."""
        if name in self.jets.jet:
            return "jet"
        return "constituent" if name in self.jets.constituents or name.startswith("part_") else "jet"

    def names(self) -> list[str]:
        """Return every name this view can look up, though a derived one may lack its source."""
        stored = [*_COMPONENTS, *self.jets.constituents, *self.jets.jet]
        return sorted({*stored, *constituent_columns(), *jet_columns()})

    @property
    def owner(self) -> Array:
        """The jet index of each constituent, (P,)."""
        if self._owner is None:
            self._owner = np.repeat(np.arange(self.jets.num_jets), self.jets.num_constituents)
        return self._owner

    def per_constituent(self, name: str) -> Array:
        """Return a jet column repeated for each constituent, (P,)."""
        key = f"{name} per constituent"
        if key not in self._known:
            self._known[key] = self[name][self.owner]
        return self._known[key]

    def _stored(self, name: str) -> Array:
        if name in _COMPONENTS:
            return self.jets.p4[:, _COMPONENTS[name]]
        return self.jets.constituents[name] if name in self.jets.constituents else self.jets.jet[name]

    def _derived(self, name: str) -> Array:
        found = find_column(name)
        if found is None or found.compute is None or name in self._pending:
            raise self._missing(name, known=found is not None)
        self._pending.append(name)
        try:
            return found.compute(self)
        finally:
            self._pending.pop()

    def _missing(self, name: str, *, known: bool) -> ConfigError | DataError:
        if not self._pending and not known:
            return ConfigError("BAD-VALUE", f"no column '{name}'", did_you_mean(name, self.names()))
        wanted_by = f"column '{self._pending[0]}' needs '{name}', which" if self._pending else f"column '{name}'"
        what = f"{wanted_by} these jets do not carry".replace("' these", "' is not among what these", 1)
        return DataError("NO-BRANCH", what, did_you_mean(name, [*self.jets.constituents, *self.jets.jet]))
