"""Strict YAML 1.2 in plain Python values, with the line and column of everything.

Built from the parser's events, so that nothing is ever constructed by a tag, limits hold before memory is spent, and a
duplicate key is told with both places. Plain scalars follow the YAML 1.2 core schema: ``1e-3`` is a number, ``no`` a
string, ``010`` is ten and ``1_000`` a string.

References
----------
YAML 1.2.2, section 10.3 (core schema).
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from jetlego.errors import ConfigError, quoted

MAX_BYTES, MAX_NODES, MAX_DEPTH, MAX_ALIASES = 2**20, 100_000, 64, 100

KeyPath = tuple[Any, ...]
Place = tuple[int, int]

_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NESTED = re.compile(rf"(?:[\[{{]\s*){{{MAX_DEPTH + 1}}}")
_SPECIAL = re.compile(r"(?P<sign>[-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)
_OLD_WORDS = {w: value for word, value in (("yes", True), ("no", False), ("on", True), ("off", False))
              for w in (word, word.capitalize(), word.upper())}  # fmt: skip


@dataclass(frozen=True)
class YamlDocument:
    """Plain data and where each part of it stands.

    Parameters
    ----------
    data
        dict, list, str, int, float, bool or None.
    name
        File name, or what else to call the source in messages.
    places
        {path of keys and list positions: (line, column)}, both counted from 1; a key's place is that of the key.
    """

    data: Any
    name: str
    places: dict[KeyPath, Place] = field(repr=False)

    def place(self, path: str | Iterable[Any] = ()) -> Place:
        """Return (line, column) of a dotted path or tuple of keys; of the nearest enclosing part if it is absent."""
        keys = _split(path) if isinstance(path, str) else tuple(path)
        while keys and keys not in self.places:
            keys = keys[:-1]
        return self.places.get(keys, (1, 1))

    def where(self, path: str | Iterable[Any] = ()) -> str:
        """Return ``file:line:col`` of a dotted path or tuple of keys."""
        line, column = self.place(path)
        return f"{self.name}:{line}:{column}"


def read_yaml(path: str | Path, *, yaml11_words: bool = False, max_bytes: int = MAX_BYTES) -> YamlDocument:
    """Read one YAML file.

    Parameters
    ----------
    path
        UTF-8 file of at most ``max_bytes``.
    yaml11_words
        Read ``yes, no, on, off`` as booleans and obey merge keys ``<<``, for configurations written for weaver.
    max_bytes
        Size limit; weaver's ``.auto.yaml`` files need 16 MiB.

    Raises
    ------
    ConfigError
        ``NO-FILES`` if there is no such file; else as :func:`parse_yaml`.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError("NO-FILES", f"there is no file '{quoted(path)}'", _neighbor(Path(path)))
    size = path.stat().st_size
    if size > max_bytes:
        raise ConfigError("YAML-LIMIT", f"{path} has {size} bytes, more than {max_bytes}")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError("YAML-SYNTAX", f"{path}:{line}: not UTF-8") from None
    return parse_yaml(text, name=str(path), yaml11_words=yaml11_words, max_bytes=max_bytes)


def parse_yaml(
    text: str, *, name: str = "<text>", yaml11_words: bool = False, max_bytes: int = MAX_BYTES
) -> YamlDocument:
    """Parse YAML text; ``name`` stands for the file in messages.

    Raises
    ------
    ConfigError
        ``YAML-SYNTAX`` (with line and column; duplicate keys with both), ``YAML-TAG`` for any tag, ``YAML-LIMIT``
        beyond 1 MiB, 100,000 nodes (aliases expanded), depth 64 or 100 aliases.
    """
    if len(text.encode("utf-8", "surrogatepass")) > max_bytes:
        raise ConfigError("YAML-LIMIT", f"{name} has more than {max_bytes} bytes")
    nested = _NESTED.search(text)  # the scanner looks 1,024 characters ahead before it tells, in quadratic time
    if nested:
        line = text.count("\n", 0, nested.start()) + 1
        raise ConfigError("YAML-LIMIT", f"{name}:{line}: nested deeper than {MAX_DEPTH}")
    scale = max(1, max_bytes // MAX_BYTES)
    return _Builder(name, yaml11_words, MAX_NODES * scale).document(text)


def _split(dotted: str) -> KeyPath:
    return tuple(int(part) if part.isdecimal() else part for part in dotted.split(".")) if dotted else ()


def scalar_value(text: str, *, yaml11_words: bool = False) -> Any:
    """Return the value of a plain (unquoted) scalar by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if yaml11_words and text in _OLD_WORDS:
        return _OLD_WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= 400 else float(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    special = _SPECIAL.fullmatch(text)
    if special:
        return float(text.replace(".", "").lower())
    return text


class _Builder:
    """Turns the events of one document into data, counting nodes as it goes."""

    def __init__(self, name: str, yaml11_words: bool, max_nodes: int) -> None:
        self.name, self.yaml11_words, self.max_nodes = name, yaml11_words, max_nodes
        self.places: dict[KeyPath, Place] = {}
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.open_anchors: set[str] = set()
        self.nodes = self.aliases = self.documents = 0

    def document(self, text: str) -> YamlDocument:
        """Return the only document of the text."""
        data = None
        try:
            events = self._checked(YAML(typ="safe", pure=True).parse(text))
            for event in events:
                data = self._value(event, events, ())
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = f"{self.name}:{mark.line + 1}:{mark.column + 1}" if mark else self.name
            raise ConfigError("YAML-SYNTAX", f"{at}: {quoted(error.problem or error.context)}") from None
        except (YAMLError, ValueError) as error:
            raise ConfigError("YAML-SYNTAX", f"{self.name}: {quoted(str(error).splitlines()[0])}") from None
        return YamlDocument(data, self.name, self.places)

    def _checked(self, events: Iterator[Any]) -> Iterator[Any]:
        """Pass on the events that carry content; refuse tags, second documents and too much of anything."""
        depth = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self._fail("YAML-SYNTAX", event, "a second document begins here; one file holds one")
            if isinstance(event, MappingStartEvent | SequenceStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    self._fail("YAML-LIMIT", event, f"nested deeper than {MAX_DEPTH}")
            if isinstance(event, MappingEndEvent | SequenceEndEvent):
                depth -= 1
            if getattr(event, "tag", None) is not None:
                self._fail("YAML-TAG", event, f"the tag '{quoted(event.tag)}' is refused; no tags are allowed")
            if isinstance(event, AliasEvent | ScalarEvent | MappingStartEvent | SequenceStartEvent
                          | MappingEndEvent | SequenceEndEvent):  # fmt: skip
                yield event

    def _value(self, event: Any, events: Iterator[Any], path: KeyPath) -> Any:
        self.places.setdefault(path, (event.start_mark.line + 1, event.start_mark.column + 1))
        self._count(event, 1)
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if event.anchor is not None:
            self.open_anchors.add(event.anchor)
        before = self.nodes
        if isinstance(event, ScalarEvent):
            plain = event.implicit[0] and event.style is None
            value = scalar_value(event.value, yaml11_words=self.yaml11_words) if plain else event.value
        elif isinstance(event, SequenceStartEvent):
            value = self._sequence(events, path)
        else:
            value = self._mapping(events, path)
        if event.anchor is not None:
            self.open_anchors.discard(event.anchor)
            self.anchors[event.anchor] = (value, self.nodes - before + 1)
        return value

    def _sequence(self, events: Iterator[Any], path: KeyPath) -> list[Any]:
        out: list[Any] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            out.append(self._value(event, events, (*path, len(out))))
        return out

    def _mapping(self, events: Iterator[Any], path: KeyPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merged: list[Any] = []
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event, out, path)
            value = self._value(next(events), events, (*path, key))
            if key == "<<":
                merged += value if isinstance(value, list) else [value]
            else:
                out[key] = value
        for base in merged:
            if not isinstance(base, dict):
                raise ConfigError("YAML-SYNTAX", f"{self.name}: '<<' needs a mapping")
            out = {**base, **out}
        return out

    def _key(self, event: Any, out: dict[str, Any], path: KeyPath) -> str:
        if not isinstance(event, ScalarEvent):
            self._fail("YAML-SYNTAX", event, "a key must be a plain word")
        key = str(event.value)
        here = (event.start_mark.line + 1, event.start_mark.column + 1)
        if key in out:
            line, column = self.places[(*path, key)]
            self._fail("YAML-SYNTAX", event, f"the key '{quoted(key)}' stands already at {line}:{column}")
        if key == "<<" and event.style is None and not self.yaml11_words:
            self._fail("YAML-SYNTAX", event, "merge keys are not part of YAML 1.2")
        self._count(event, 1)
        self.places[(*path, key)] = here
        return key

    def _alias(self, event: Any, path: KeyPath) -> Any:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            self._fail("YAML-LIMIT", event, f"more than {MAX_ALIASES} aliases")
        if event.anchor in self.open_anchors:
            self._fail("YAML-SYNTAX", event, f"the alias '*{quoted(event.anchor)}' contains itself")
        if event.anchor not in self.anchors:
            self._fail("YAML-SYNTAX", event, f"there is no anchor '&{quoted(event.anchor)}' above")
        value, size = self.anchors[event.anchor]
        self._count(event, size)
        return copy.deepcopy(value)  # so that an override of one does not change the other

    def _count(self, event: Any, number: int) -> None:
        self.nodes += number
        if self.nodes > self.max_nodes:
            self._fail("YAML-LIMIT", event, f"more than {self.max_nodes} nodes, aliases expanded")

    def _fail(self, id: str, event: Any, what: str) -> None:
        mark = event.start_mark
        raise ConfigError(id, f"{self.name}:{mark.line + 1}:{mark.column + 1}: {what}")


def _neighbor(path: Path) -> str:
    """Return a hint that names the file of the same folder whose name is nearest, if one is near."""
    folder = path.parent
    names = [p.name for p in folder.iterdir() if p.suffix == path.suffix] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean '{quoted(folder / near[0])}'?" if near else ""
