"""Finding, reading and checking schemas: shipped ones by name, a user's own by path."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jetlego.data.faults import validated
from jetlego.data.schemas.schema import Schema
from jetlego.data.yaml_reader import YamlDocument, parse_yaml, read_yaml
from jetlego.errors import ConfigError, did_you_mean, quoted

_TRUTH = frozenset({"one_hot", "column", "expr", "file_name"})
"""Keys that say what kind of truth there is; whoever names one replaces the label of the base."""


@cache
def _texts() -> dict[str, str]:
    """Return {file name: text} of the shipped files, sorted."""
    files = [f for f in resources.files(__package__).iterdir() if f.name.endswith(".yaml")]
    return {f.name: f.read_text(encoding="utf-8") for f in sorted(files, key=lambda f: f.name)}


@cache
def _documents() -> dict[str, YamlDocument]:
    documents = [parse_yaml(text, name=name) for name, text in _texts().items()]
    return {document.data["name"]: document for document in documents}


@cache
def shipped_schemas() -> dict[str, Schema]:
    """Return {name: schema} of every layout that jetlego knows, sorted by name."""
    return {name: _resolved(document) for name, document in _documents().items()}


def list_schemas() -> list[tuple[str, str, str]]:
    """Return (name, title, reference) of every shipped schema, for ``jetlego data schemas``."""
    return [(s.name, s.title, s.reference) for s in shipped_schemas().values()]


def schema_text(name: str) -> str:
    """Return a shipped schema as it is written, to be copied and changed.

    Raises
    ------
    ConfigError
        ``BAD-VALUE``, with the nearest name.
    """
    return _texts()[_documents()[_known(name)].name]


def load_schema(schema: str | Path | dict[str, Any] | Schema) -> Schema:
    """Return a schema by name, by path of a YAML file, or from a dict of the same form.

    Parameters
    ----------
    schema
        ``"jetclass"``; ``"nanoaod:FatJet"`` for another jet collection; ``"my.yaml"``; or a dict. A schema with the
        key ``base`` starts from a shipped one and changes what it names, such as
        ``{"base": "jetclass", "momentum_unit": "MeV"}``.

    Raises
    ------
    ConfigError
        ``UNKNOWN-KEY`` or ``BAD-VALUE`` with the place; ``NO-FILES`` if a path does not exist.
    """
    if isinstance(schema, Schema):
        return schema
    if isinstance(schema, dict):
        return _resolved(YamlDocument(schema, "schema", {}))
    if isinstance(schema, Path) or schema.endswith((".yaml", ".yml")):
        return _resolved(read_yaml(schema))
    name, _, collection = schema.partition(":")
    if collection:
        return with_collection(name, collection)
    return shipped_schemas()[_known(name)]


def with_collection(name: str, collection: str) -> Schema:
    """Return a shipped schema for another collection of jets."""
    return _resolved(YamlDocument({"base": name, "collection": collection}, "schema", {}))


def in_collection(schema: Schema, collection: str) -> Schema:
    """Return a schema with its jet collection named, in all column names too."""
    return Schema.model_validate(_named({**schema.model_dump(), "collection": collection}, collection))


def _known(name: str) -> str:
    if name not in _documents():
        hint = did_you_mean(name, ["auto", *_documents()])
        raise ConfigError("BAD-VALUE", f"there is no schema '{quoted(name)}'", hint)
    return name


def _resolved(document: YamlDocument) -> Schema:
    """Return the checked schema of a document, its base merged in and its collection named."""
    data = document.data
    if not isinstance(data, dict):
        raise ConfigError("BAD-VALUE", f"{document.name}: a schema is a mapping, such as {{base: jetclass}}")
    data = _on_base(data)
    if isinstance(data.get("collection"), str):
        data = _named(data, data["collection"])
    place = document.where if document.places else lambda loc: document.name
    return validated(Schema, data, place=place, of="schema")


def _on_base(data: dict[str, Any]) -> dict[str, Any]:
    """Return data merged into its shipped base; shipped ones end at a schema without base, which a test ensures."""
    if "base" not in data:
        return data
    changes = {key: value for key, value in data.items() if key != "base"}
    return _merged(_on_base(_documents()[_known(str(data["base"]))].data), changes)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        old = out.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and not (_TRUTH & value.keys()):
            out[key] = _merged(old, value)
        else:
            out[key] = value
    return out


def _named(value: Any, collection: str) -> Any:
    """Return data with ``{collection}`` replaced in every text."""
    if isinstance(value, str):
        return value.replace("{collection}", collection)
    if isinstance(value, list):
        return [_named(item, collection) for item in value]
    if isinstance(value, dict):
        return {key: _named(item, collection) for key, item in value.items()}
    return value
