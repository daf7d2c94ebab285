"""What a schema may say: which columns of a file hold jets, constituents, truth and weights, and in which units.

A layout that nobody has seen before needs a YAML file of this form and nothing else. Canonical names, types and units
of the columns that come out stand here, once.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jetlego.conventions import JETCLASS_LABELS

Unit = Literal["none", "momentum", "length"]

COLUMN_TYPES = {
    "part_charge": "int32", "part_pdgid": "int32", "part_isChargedHadron": "bool", "part_isNeutralHadron": "bool",
    "part_isPhoton": "bool", "part_isElectron": "bool", "part_isMuon": "bool", "jet_nparticles": "int32",
}  # fmt: skip
"""Types of canonical columns that some files store differently (charge as float, flags as integers)."""

COLUMN_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("jet_pt", "jet_energy", "jet_mass", "jet_sdmass", "jet_px", "jet_py", "jet_pz"), "momentum"),
    **dict.fromkeys(("part_d0val", "part_d0err", "part_dzval", "part_dzerr"), "length"),
}
"""Canonical columns with a unit; all others are carried through as stored."""

MOMENTUM_KEYS = ("px", "py", "pz", "energy", "pt", "eta", "rapidity", "phi", "mass")
FORMS = (
    ("px", "py", "pz", "energy"), ("px", "py", "pz", "mass"),
    ("pt", "eta", "phi", "energy"), ("pt", "eta", "phi", "mass"), ("pt", "eta", "phi"),
    ("pt", "rapidity", "phi", "mass"), ("pt", "rapidity", "phi"),
)  # fmt: skip
"""Sets of quantities that give a four-momentum; without energy or mass a particle is massless."""


class Strict(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Strict):
    """One column of the source, or an expression over several, and what must happen to it."""

    column: str | None = Field(default=None, description="name in the file, whole, whatever characters it holds")
    also: tuple[str, ...] = Field(default=(), description="other names of the column, tried in order")
    expr: str | None = Field(default=None, description="expression over columns of the file")
    members: tuple[str, ...] = Field(default=(), description="members of a stored object, such as [fP, fX]")
    element: int | None = Field(default=None, ge=0, description="element of a list, such as the nominal weight")
    unit: Unit | None = Field(default=None, description="what momentum_unit and length_unit apply to; default: by name")
    optional: bool = Field(default=False, description="of a weight: none where the file has no such column")
    power: int = Field(default=1, description="of the unit, such as 2 for MeV^2")
    dtype: Literal["bool", "int32", "int64", "float32", "float64"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Column:
        if (self.column is None) == (self.expr is None):
            raise ValueError("give either column or expr")
        return self


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _as_columns(value: Any) -> Any:
    return {name: name for name in value} if isinstance(value, list) else value


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, int) else value


Codes = Annotated[tuple[int, ...], BeforeValidator(_as_tuple)]
Source = Annotated[Column, BeforeValidator(_as_column)]
Columns = Annotated[dict[str, Source], BeforeValidator(_as_columns)]


class Momentum(Strict):
    """Columns of a four-momentum, in any accepted form, and further columns beside it."""

    px: Source | None = None
    py: Source | None = None
    pz: Source | None = None
    energy: Source | None = None
    pt: Source | None = None
    eta: Source | None = None
    rapidity: Source | None = None
    phi: Source | None = None
    mass: Source | None = None
    columns: Columns = Field(default={}, description="{canonical name: column}, all required; a list keeps the names")
    optional: Columns = Field(default={}, description="the same, read where the file has them")

    @property
    def quantities(self) -> dict[str, Column]:
        """{px, pt, ...: column} as far as given."""
        return {key: value for key in MOMENTUM_KEYS if (value := getattr(self, key)) is not None}

    @property
    def form(self) -> tuple[str, ...] | None:
        """The first accepted set of quantities that is given, or None."""
        return next((form for form in FORMS if set(form) <= set(self.quantities)), None)


class Jet(Momentum):
    """Jet-level columns: one value an entry, or a list of one value a jet."""

    raw_factor: Source | None = Field(default=None, description="raw pT = pT (1 - raw_factor), for closure")


class Valid(Strict):
    """Which slots of a padded array hold a particle."""

    column: str | None = None
    above: float | None = None
    equals: float | bool | None = None
    any_nonzero: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_rule(self) -> Valid:
        one = (self.above is not None) + (self.equals is not None)
        if (self.column is None) == (not self.any_nonzero) or (self.column is not None) != (one == 1):
            raise ValueError("give column with above or equals, or else any_nonzero")
        return self


class Particles(Momentum):
    """Constituents: where they are and how they belong to jets."""

    kind: Literal["var", "var-var", "padded", "table", "refs"] = "var"
    valid: Valid | None = Field(default=None, description="rule for the slots of padded arrays")
    jet_index: str | None = Field(default=None, description="table: jet of each row, within its event")
    select: str | None = Field(default=None, description="expression; constituents to keep, others are counted")
    pdg_mass: bool = Field(default=False, description="masses from part_pdgid for forms without mass or energy")
    particle_index: str | None = Field(default=None, description="table: candidate of each row, within its event")
    refs: str | None = Field(default=None, description="refs: TRefArray branch of the jets")
    candidates: tuple[tuple[str, ...], ...] = Field(default=(), description="refs: groups of collections, first found")
    weight: Source | None = Field(default=None, description="PUPPI weight of each candidate")
    use_weight: Literal["auto", "always", "never"] = Field(default="never", description="multiply momenta by weight")

    @model_validator(mode="after")
    def _complete(self) -> Particles:
        needs = {"table": ("jet_index", "particle_index"), "refs": ("refs",), "padded": ("valid",)}.get(self.kind, ())
        for key in needs:
            if getattr(self, key) is None:
                raise ValueError(f"particles of kind '{self.kind}' need the key {key}")
        if self.pdg_mass and "part_pdgid" not in self.columns:
            raise ValueError("pdg_mass needs columns.part_pdgid")
        if self.use_weight != "never" and self.weight is None:
            raise ValueError(f"use_weight: {self.use_weight} needs the key weight")
        if self.kind != "refs" and self.form is None:
            forms = "; ".join(", ".join(form) for form in FORMS)
            raise ValueError(f"no four-momentum: give one of {forms}")
        return self


class Label(Strict):
    """Where the truth is: one-hot columns, an index column, an expression, or the file's name."""

    one_hot: Columns | None = Field(default=None, description="{class: 0/1 column}")
    prefix: str | None = Field(default=None, description="further one-hot columns of the file, such as label_")
    column: Source | None = Field(default=None, description="class of each jet")
    expr: str | None = Field(default=None, description="position in classes; false and true count as 0 and 1")
    file_name: dict[str, str] | None = Field(default=None, description="{class: pattern searched in the file's name}")
    classes: tuple[str, ...] | int | None = Field(default=None, description="names, or how many, by position")
    values: dict[str, Codes] | None = Field(default=None, description="{class: values of column}")
    absolute: bool = Field(default=False, description="use the absolute value of column, as of a PDG code")
    offset: int = Field(default=0, description="subtracted from column")
    unmatched: Literal["error", "unlabelled"] = Field(default="error", description="for values of no class")
    optional: bool = Field(default=False, description="no error where the file has no truth: unlabelled")

    @model_validator(mode="after")
    def _one_kind(self) -> Label:
        given = [k for k in ("one_hot", "column", "expr", "file_name") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of one_hot, column, expr, file_name")
        if given[0] in ("column", "expr") and self.classes is None and self.values is None:
            raise ValueError("give classes, or values of each class")
        for pattern in (self.file_name or {}).values():
            re.compile(pattern)
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the label."""
        if self.one_hot is not None:
            return tuple(self.one_hot)
        if self.file_name is not None:
            return tuple(self.file_name)
        if self.values is not None:
            return tuple(self.values)
        if isinstance(self.classes, int):
            return tuple(f"class_{i}" for i in range(self.classes))
        return self.classes or ()


class Block(Strict):
    """An array whose last axis holds different quantities, such as (N, particles, quantities)."""

    array: str = Field(description="data set, or array of an npz file")
    field: str | None = Field(default=None, description="field of a compound data set")
    names: tuple[str, ...] = Field(description="what the last axis holds, in order; '_' skips one")
    start: int = Field(default=0, description="of the flat row, where particles and others lie in one")
    stop: int | None = None
    total: int | None = Field(default=None, description="length that the last axis must have")
    scalar: bool = Field(default=False, description="one value a row rather than one a particle")
    optional: bool = Field(default=False, description="names beyond the last axis are absent, not an error")


class Cluster(Strict):
    """How jets are found in events that hold particles alone."""

    algorithm: Literal["anti_kt", "kt", "cambridge_aachen", "genkt", "ee_genkt"] = "anti_kt"
    radius: float = Field(default=0.4, gt=0)
    power: float | None = Field(default=None, description="exponent of genkt and ee_genkt")
    pt_min: float = Field(default=5.0, ge=0, description="GeV")
    eta_max: float | None = Field(default=None, gt=0)
    invisible: tuple[int, ...] = Field(default=(12, 14, 16), description="absolute PDG codes left out")
    match: dict[str, Codes] = Field(default={}, description="{class: absolute PDG codes}; the nearest labels a jet")
    match_radius: float = Field(default=0.8, gt=0)


class Recognise(Strict):
    """How automatic choice knows the layout: columns that must all be there, and a tree's name."""

    columns: tuple[str, ...] = ()
    tree: str | None = None


Format = Literal["ntuple", "delphes", "hepmc", "events", "recnn", "jetsgame", "shards"]
Container = Literal["root", "hdf5", "parquet", "npz", "hepmc", "text", "pickle", "json", "shard"]


class Schema(Strict):
    """A layout of jet files; one YAML file each."""

    name: str = "user"
    title: str = ""
    reference: str = Field(default="", description="paper or data set page")
    format: Format = "ntuple"
    containers: tuple[Container, ...] = ("root", "hdf5", "parquet", "npz")
    recognise: Recognise | None = Field(default=None, description="None: never chosen automatically")
    tree: str | None = Field(default=None, description="None: the only tree with all columns")
    collection: str | None = Field(default=None, description="jet collection; stands for {collection} in names")
    momentum_unit: Literal["GeV", "MeV"] | None = "GeV"
    length_unit: Literal["mm", "cm"] = "mm"
    frame: Literal["absolute", "relative"] = Field(default="absolute", description="relative: jet axis at (0, 0)")
    blocks: tuple[Block, ...] = ()
    jets: Jet = Jet()
    particles: Particles | None = Field(default=None, description="None: no constituents in the file")
    label: Label | None = None
    weight: Source | None = None
    select: str | None = Field(default=None, description="expression over columns; jets to keep")
    cluster: Cluster = Cluster()
    content_order: Literal["auto", "pxpypze", "epxpypz"] = Field(default="auto", description="of recnn pickles")

    @property
    def momentum_scale(self) -> float:
        """Factor to GeV."""
        return 1e-3 if self.momentum_unit == "MeV" else 1.0

    @property
    def length_scale(self) -> float:
        """Factor to mm."""
        return 10.0 if self.length_unit == "cm" else 1.0


def class_name(branch: str) -> str:
    """Return the class that a truth branch stands for: ``label_Tbqq`` is ``Tbqq``."""
    return branch.removeprefix("label_")


JETCLASS_CLASSES = tuple(class_name(branch) for branch in JETCLASS_LABELS)
