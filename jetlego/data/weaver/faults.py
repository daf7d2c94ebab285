"""Collects everything wrong with a configuration, so that one run tells all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jetlego.data.yaml_reader import YamlDocument
from jetlego.errors import ConfigError, did_you_mean, quoted


class Faults:
    """Faults of one file, each with its line and column."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self._found: list[ConfigError] = []

    def add(self, path: tuple[Any, ...], what: str, *, id: str = "BAD-VALUE", hint: str = "") -> None:
        """Note a fault at the place of a key or list item."""
        self._found.append(ConfigError(id, f"{self.document.where(path)}: {what}", hint))

    def add_error(self, error: ConfigError) -> None:
        """Note a fault that knows its place already."""
        self._found.append(error)

    def unknown_keys(self, path: tuple[Any, ...], given: Mapping[str, Any], known: Iterable[str]) -> None:
        """Note every key of a mapping that is not known."""
        known = list(known)
        for key in given:
            if key not in known:
                dotted = ".".join(map(str, (*path, key)))
                hint = did_you_mean(key, known)
                self.add((*path, key), f"unknown key '{quoted(dotted)}'", id="UNKNOWN-KEY", hint=hint)

    def raise_if_any(self) -> None:
        """Raise all faults as one error: the first, then one line for each further one."""
        if not self._found:
            return
        first, *others = self._found
        rest = "".join(f"\n{other}" for other in others)
        raise ConfigError(first.id, first.what, first.hint + rest)
