"""What pydantic finds wrong with plain data, told as ours: every fault at its place, with the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jetlego.errors import ConfigError, did_you_mean, quoted

Model = TypeVar("Model", bound=BaseModel)
Place = Callable[[tuple[Any, ...]], str]


def validated(model: type[Model], data: Any, *, place: Place = lambda loc: "", of: str) -> Model:
    """Return plain data as a ``model``.

    Parameters
    ----------
    place
        From the path of a fault, a tuple of keys and list positions, to where it stands, such as ``"run.yaml:3:5"``.
    of
        What the data is, such as ``"configuration"``.

    Raises
    ------
    ConfigError
        ``UNKNOWN-KEY`` or ``BAD-VALUE``; further faults stand in the lines after the first.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = [_told(fault, model, place, of) for fault in error.errors(include_url=False)]
    first, rest = faults[0], "".join("\n" + str(fault) for fault in faults[1:])
    raise ConfigError(first.id, str(first) + rest) if rest else first


def _told(fault: Any, model: type[BaseModel], place: Place, of: str) -> ConfigError:
    loc = tuple(fault["loc"])
    dotted = quoted(".".join(map(str, loc))) or of
    missing = fault["type"] == "missing"
    where = place(loc[:-1] if missing else loc)
    where = f"{where}: " if where else ""
    if fault["type"] == "extra_forbidden":
        hint = did_you_mean(str(loc[-1]), _keys(model, loc[:-1]))
        return ConfigError("UNKNOWN-KEY", f"{where}unknown key '{dotted}'", hint)
    if missing:
        return ConfigError("BAD-VALUE", f"{where}'{dotted}' is missing")
    reason = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    value = fault["input"]
    is_ = "" if isinstance(value, dict | list | BaseModel) else f" is {quoted(value)}"  # a whole section tells nothing
    return ConfigError("BAD-VALUE", f"{where}'{dotted}'{is_}: {reason}", _near_word(fault))


def _near_word(fault: Any) -> str:
    """Return a hint if a word is close to one of those that are allowed."""
    if fault["type"] != "literal_error" or not isinstance(fault["input"], str):
        return ""
    options = [part.strip("' ") for part in fault["ctx"]["expected"].replace(" or ", ", ").split(",")]
    return did_you_mean(fault["input"], options) if difflib.get_close_matches(fault["input"], options) else ""


def _keys(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """Return the keys of the section at ``loc``, as a user writes them; none if there is no such section."""
    for key in loc:
        field = next((f for name, f in model.model_fields.items() if key in (name, f.alias)), None)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)
