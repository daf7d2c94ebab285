"""What may be chosen when shards are prepared; every choice has a part in the bytes, and stands in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from jetlego.clustering.algorithms import ALGORITHMS, TOPOLOGIES
from jetlego.data.faults import validated
from jetlego.data.features import resolve_features
from jetlego.data.formats.reader import Nonfinite
from jetlego.data.schemas.load import load_schema
from jetlego.data.schemas.schema import Schema, Strict
from jetlego.data.yaml_reader import read_yaml
from jetlego.errors import did_you_mean


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_listed)]


class Options(Strict):
    """Which jets, which of their columns, how precise, and what is computed once and for all."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())

    schema_: Any = Field("auto", alias="schema", description="layout: auto, a name, a YAML file or a mapping")
    classes: dict[str, str | int | list[str | int]] | None = Field(None, description="class name -> truth branches")
    columns: Names | None = Field(None, description="beside the momenta; default: all that the layout knows")
    where: str | None = Field(None, description="keep only jets that fulfil this expression")
    nonfinite: Nonfinite = "error"
    max_constituents: int | None = Field(None, ge=1, description="keep so many of the hardest of each jet")
    on_bad_file: Literal["error", "skip"] = "error"
    features: list[Any] | None = Field(["kin"], description="inputs of constituents, ready to use; none: no inputs")
    standardise: Literal["robust", "standard", "none"] = Field(
        "robust", description="median and quartiles, or mean and deviation, of raw inputs; none: fixed transforms"
    )
    histories: Names = Field([], description="clustering algorithms whose histories are stored")
    momenta: Literal["exact", "float32", "float64"] = Field(
        "exact", description="exact: float32 in shards where that changes no number, float64 elsewhere"
    )
    values: Literal["stored", "float32", "float16"] = Field(
        "stored", description="of floating constituent columns and inputs; stored: as the files have them"
    )
    jets_per_shard: int = Field(20_000, ge=1, description="about; files are cut between baskets")

    @field_validator("features", mode="before")
    @classmethod
    def _features_or_none(cls, value: Any) -> Any:
        return None if value in (None, [], (), "none", ["none"]) else _listed(value)

    @field_validator("features")
    @classmethod
    def _known_features(cls, value: list[Any] | None) -> list[Any] | None:
        if value is not None:
            resolve_features(value)
        return value

    @field_validator("histories")
    @classmethod
    def _known_algorithms(cls, value: list[str]) -> list[str]:
        known = [name for name in (*ALGORITHMS, *TOPOLOGIES) if not name.endswith("genkt")]
        for name in value:
            if name not in known:
                raise ValueError(f"there is no algorithm '{name}'; {did_you_mean(name, known)}")
        return sorted(set(value))

    @field_validator("schema_")
    @classmethod
    def _resolved_schema(cls, value: Any) -> Any:
        """Keep names; a YAML file is told by its content, so that a change in it is a change of the options."""
        if isinstance(value, Path) or (isinstance(value, str) and value.endswith((".yaml", ".yml"))):
            return load_schema(value).model_dump(mode="json", exclude_unset=True)
        if value != "auto":
            load_schema(value)
        return value.model_dump(mode="json", exclude_unset=True) if isinstance(value, Schema) else value

    @property
    def raw_inputs(self) -> bool:
        """Whether inputs are stored before standardisation, rather than with their fixed transforms."""
        return self.standardise != "none"

    def resolved(self) -> dict[str, Any]:
        """Return plain data for the manifest."""
        return self.model_dump(mode="json", by_alias=True)


def load_options(path: str | Path | None = None, changes: Mapping[str, Any] | None = None) -> Options:
    """Return options from a YAML file with the keys of `Options`, and what the caller says otherwise.

    Raises
    ------
    ConfigError
        ``UNKNOWN-KEY`` or ``BAD-VALUE`` with the place; ``NO-FILES`` if there is no such file.
    """
    if path is None:
        return validated(Options, dict(changes or {}), place=lambda loc: "options", of="options")
    document = read_yaml(path)
    data = document.data if isinstance(document.data, dict) else {"": document.data}
    return validated(Options, {**data, **(changes or {})}, place=document.where, of="options")
