"""Finding, reading and checking schemas: shipped ones by name, a user's own by path."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jetlego.data.schemas.schema import Schema
from jetlego.data.yaml_reader import YamlDocument, parse_yaml, read_yaml
from jetlego.errors import ConfigError, did_you_mean, quoted

Model = TypeVar("Model", bound=BaseModel)


@cache
def shipped_schemas() -> dict[str, Schema]:
    """Return {name: schema} of every layout that jetlego knows, sorted by name."""
    folder = resources.files(__package__)
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    documents = [parse_yaml(f.read_text(encoding="utf-8"), name=f.name) for f in files]
    return {schema.name: schema for schema in (checked(Schema, document) for document in documents)}


def list_schemas() -> list[tuple[str, str, str]]:
    """Return (name, title, reference) of every shipped schema, for ``jetlego data schemas``."""
    return [(s.name, s.title, s.reference) for s in shipped_schemas().values()]


def load_schema(schema: str | Path | dict[str, Any] | Schema) -> Schema:
    """Return a schema by name, by path of a YAML file, or from a dict of the same form.

    Raises
    ------
    ConfigError
        ``UNKNOWN-KEY`` or ``BAD-VALUE`` with the place; ``NO-FILES`` if a path does not exist.
    """
    if isinstance(schema, Schema):
        return schema
    if isinstance(schema, dict):
        return checked(Schema, YamlDocument(schema, "schema", {}))
    known = shipped_schemas()
    if str(schema) in known:
        return known[str(schema)]
    if isinstance(schema, Path) or str(schema).endswith((".yaml", ".yml")):
        return checked(Schema, read_yaml(schema))
    hint = did_you_mean(str(schema), ["auto", *known])
    raise ConfigError("BAD-VALUE", f"there is no schema '{quoted(schema)}'", hint)


def checked(model: type[Model], document: YamlDocument) -> Model:
    """Return the document as a ``model``, or raise ``ConfigError`` with every fault at its line."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        faults = [_fault(document, fault, model) for fault in error.errors(include_url=False)]
    first, rest = faults[0], "".join("\n" + str(fault) for fault in faults[1:])
    raise ConfigError(first.id, first.what, first.hint + rest)


def _fault(document: YamlDocument, fault: Any, model: type[BaseModel]) -> ConfigError:
    loc = tuple(fault["loc"])
    at = document.where(loc) if document.places else document.name
    dotted = ".".join(map(str, loc)) or "schema"
    if fault["type"] == "extra_forbidden":
        hint = did_you_mean(str(loc[-1]), _keys(model, loc[:-1]))
        return ConfigError("UNKNOWN-KEY", f"{at}: unknown key '{quoted(dotted)}'", hint)
    reason = fault["msg"].removeprefix("Value error, ")
    return ConfigError("BAD-VALUE", f"{at}: {dotted}: {reason[:1].lower()}{reason[1:]}")


def _keys(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    for key in loc:
        field = model.model_fields.get(str(key))
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(a) for a in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)
