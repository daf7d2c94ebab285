"""A lazy view on jets: stored columns and derived ones under one roof, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar, cast

import numpy as np

from jetlego.data.features.columns import Array, constituent_columns, find_column, jet_columns
from jetlego.data.features.derived import evaluate_on_view, one_hot, parse_derived
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, DataError, did_you_mean

T = TypeVar("T")

_COMPONENTS = {"part_px": 0, "part_py": 1, "part_pz": 2, "part_energy": 3}


class JetView:
    """Columns of ``jets`` by name: the user's expressions first, then what the file stores, then the registry.

    ``view["part_pt"]`` is (P,), ``view["jet_pt"]`` is (B,), ``view.per_constituent("jet_pt")`` repeats it to (P,).
    Momenta are float64; stored columns keep their dtype. ``label_<class>`` is the one-hot truth of a class.

    Parameters
    ----------
    jets
        The jets.
    derived
        {name: expression} of further columns. An expression that uses its own name means the stored column.
    """

    def __init__(self, jets: Jets, *, derived: Mapping[str, str] | None = None) -> None:
        self.jets = jets
        self._expressions = parse_derived(derived)
        self._known: dict[str, Array] = {}
        self._levels: dict[str, str] = {}
        self._pending: list[str] = []
        self._owner: Array | None = None
        self._shared: dict[str, object] = {}

    def __getitem__(self, name: str) -> Array:
        if name in self._known:
            return self._known[name]
        by_expression = name in self._expressions and name not in self._pending
        if not by_expression and self.stores(name):
            return self._stored(name)
        self._known[name] = self._evaluated(name) if by_expression else self._derived(name)
        return self._known[name]

    def stores(self, name: str) -> bool:
        """Return whether ``name`` came with the data rather than being derived."""
        return name in _COMPONENTS or name in self.jets.constituents or name in self.jets.jet

    def level(self, name: str) -> str:
        """Return ``"constituent"`` or ``"jet"``: what one value of the column belongs to."""
        if name in self._expressions and name not in self._pending:
            _ = self[name]
            return self._levels[name]
        if name in self.jets.jet:
            return "jet"
        return "constituent" if name in self.jets.constituents or name.startswith("part_") else "jet"

    def names(self) -> list[str]:
        """Return every name this view can look up, though a derived one may lack its source."""
        stored = [*_COMPONENTS, *self.jets.constituents, *self.jets.jet, *(f"label_{c}" for c in self.jets.classes)]
        return sorted({*stored, *self._expressions, *constituent_columns(), *jet_columns()})

    @property
    def owner(self) -> Array:
        """The jet index of each constituent, (P,)."""
        if self._owner is None:
            self._owner = np.repeat(np.arange(self.jets.num_jets), self.jets.num_constituents)
        return self._owner

    def shared(self, key: str, compute: Callable[[], T]) -> T:
        """Return ``compute()``, worked out once: what several columns are read off, such as a clustering history."""
        if key not in self._shared:
            self._shared[key] = compute()
        return cast(T, self._shared[key])

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

    def _evaluated(self, name: str) -> Array:
        with self._opened(name):
            self._levels[name], values = evaluate_on_view(self, self._expressions[name])
        return values

    def _derived(self, name: str) -> Array:
        if name in self._expressions:
            circle = " -> ".join([*self._pending[self._pending.index(name) :], name])
            raise ConfigError("EXPR-CYCLE", f"columns need each other in a circle: {circle}")
        found = find_column(name)
        if found is None or found.compute is None or name in self._pending:
            truth = one_hot(self.jets, name)
            if truth is None:
                raise self._missing(name, known=found is not None)
            return truth
        with self._opened(name):
            return found.compute(self)

    @contextmanager
    def _opened(self, name: str) -> Iterator[None]:
        """Note that ``name`` is being computed, which tells circles and lets messages say who needs what."""
        self._pending.append(name)
        try:
            yield
        finally:
            self._pending.pop()

    def _missing(self, name: str, *, known: bool) -> ConfigError | DataError:
        if not self._pending and not known:
            return ConfigError("BAD-VALUE", f"no column '{name}'", did_you_mean(name, self.names()))
        what = f"these jets do not carry the column '{name}'"
        if self._pending:
            what = f"column '{self._pending[0]}' needs '{name}', which these jets do not carry"
        return DataError("NO-BRANCH", what, did_you_mean(name, [*self.jets.constituents, *self.jets.jet]))
