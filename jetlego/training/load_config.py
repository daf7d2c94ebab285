"""From a YAML file and ``dotted.key=value`` words to a checked :class:`RunConfig`, every fault at its line."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from jetlego.data.faults import Place, validated
from jetlego.data.yaml_reader import YamlDocument, parse_yaml, read_yaml
from jetlego.errors import ConfigError, quoted
from jetlego.training.config import RunConfig


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a run's configuration.

    Parameters
    ----------
    path
        YAML file (architecture: "A run in YAML").
    overrides
        Words such as ``training.epochs=3``; the value is read as YAML.

    Raises
    ------
    ConfigError
        ``UNKNOWN-KEY`` or ``BAD-VALUE`` with ``file:line:col``, the dotted key and the nearest valid name; further
        faults of the same file stand in the lines after the first.
    """
    document = read_yaml(Path(path))
    data = copy.deepcopy(document.data)
    if not isinstance(data, dict):
        raise ConfigError("BAD-VALUE", f"{path}: a configuration is a mapping with the keys data, model, ...")
    words = dict(_parse_override(word) for word in overrides)
    for dotted, value in words.items():
        _assign(data, dotted, value)
    data.setdefault("name", Path(path).stem)
    return parse_config(data, place=lambda loc: _place(document, Path(path), loc, words))


def parse_config(data: dict[str, Any], *, place: Place = lambda loc: "") -> RunConfig:
    """Check plain data against :class:`RunConfig`; ``place`` turns the path of a fault into where it stands."""
    return validated(RunConfig, data, place=place, of="configuration")


def _parse_override(word: str) -> tuple[str, Any]:
    dotted, equals, text = word.partition("=")
    if not equals or not dotted:
        raise ConfigError(
            "BAD-VALUE", f"'{quoted(word)}' is not of the form dotted.key=value", "for example training.epochs=3"
        )
    return dotted, parse_yaml(text, name=word).data if text.strip() else None


def _assign(data: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    section: Any = data
    for i, key in enumerate(parents):
        section = section.setdefault(key, {})
        if not isinstance(section, dict):
            raise ConfigError("BAD-VALUE", f"{dotted}: '{'.'.join(parents[: i + 1])}' is not a section")
    section[last] = value


def _place(document: YamlDocument, path: Path, loc: tuple[Any, ...], words: Iterable[str]) -> str:
    dotted = ".".join(map(str, loc))
    for word in words:
        made_by_it = word.startswith(dotted + ".") and not _is_in(document, loc)
        if dotted == word or dotted.startswith(word + ".") or made_by_it:
            return "command line"
    line, column = document.place(loc)
    return f"{path}:{line}:{column}"


def _is_in(document: YamlDocument, loc: tuple[Any, ...]) -> bool:
    """Return whether the file itself has something there."""
    section: Any = document.data
    for key in loc:
        if isinstance(section, dict) and key in section:
            section = section[key]
        else:
            return False
    return True


def to_yaml(data: dict[str, Any]) -> str:
    """Return plain data as YAML 1.2 text."""
    out = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.dump(data, out)
    return out.getvalue()
