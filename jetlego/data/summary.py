"""What a set of jets holds, in numbers: counts, classes, and the range of every column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jetlego.data.files import Paths, container_of, find_files
from jetlego.data.formats.choose import open_reader
from jetlego.data.formats.ntuple import NtupleReader
from jetlego.data.formats.reader import Request
from jetlego.data.jets import Jets
from jetlego.data.read import SchemaLike
from jetlego.physics import kinematics

_POSITION = frozenset({"file_index", "event_index", "jet_index"})


@dataclass(frozen=True)
class Range:
    """The values of one column.

    Parameters
    ----------
    name, level
        Column name; ``"jet"`` or ``"constituent"``.
    minimum, median, maximum
        Of the finite values; NaN if there are none.
    num_nonfinite
        NaN and infinite values.
    """

    name: str
    level: str
    minimum: float
    median: float
    maximum: float
    num_nonfinite: int


@dataclass(frozen=True)
class Summary:
    """Counts and ranges of some jets.

    Parameters
    ----------
    num_jets, num_constituents, num_empty
        Jets, their constituents, and jets without any.
    classes
        {class: jets}, in the order of the label; empty if nothing is labelled.
    num_unlabelled
        Jets without truth.
    sum_of_weights
        None without weights.
    ranges
        Of every column, jets first; momenta as ``part_pt, part_eta, part_phi, part_energy``.
    """

    num_jets: int
    num_constituents: int
    num_empty: int
    classes: dict[str, int]
    num_unlabelled: int
    sum_of_weights: float | None
    ranges: tuple[Range, ...]


@dataclass(frozen=True)
class FileInfo:
    """What one file is.

    Parameters
    ----------
    schema
        Name of the layout.
    container
        ``root``, ``hdf5``, ``parquet``, ...
    tree
        Name of the tree; empty where there is none.
    num_entries
        Jets or events; None where the whole file must be read to know.
    num_bytes
        Size on disk.
    """

    path: Path
    schema: str
    container: str
    tree: str
    num_entries: int | None
    num_bytes: int


def describe_files(paths: Paths, *, schema: SchemaLike = "auto") -> list[FileInfo]:
    """Return what each file is, without reading its jets."""
    return [_describe(path, schema) for path in find_files(paths)]


def _describe(path: Path, schema: SchemaLike) -> FileInfo:
    with open_reader(path, schema, Request(columns=())) as reader:
        table = reader.table if isinstance(reader, NtupleReader) else None
        tree, entries = (table.title, table.num_entries) if table is not None else ("", None)
        return FileInfo(path, reader.schema.name, container_of(path), tree, entries, path.stat().st_size)


def summarize(jets: Jets) -> Summary:
    """Return counts and ranges of some jets."""
    label = jets.label if jets.label is not None else np.full(jets.num_jets, -1)
    counts = np.bincount(label[label >= 0], minlength=len(jets.classes))
    weight = jets.weight
    return Summary(
        num_jets=jets.num_jets,
        num_constituents=len(jets.p4),
        num_empty=int((jets.num_constituents == 0).sum()),
        classes=dict(zip(jets.classes, counts.tolist(), strict=True)),
        num_unlabelled=int((label < 0).sum()),
        sum_of_weights=None if weight is None else float(weight.sum(dtype=np.float64)),
        ranges=tuple(_ranges(jets)),
    )


def _ranges(jets: Jets) -> Iterator[Range]:
    yield _range("multiplicity", "jet", jets.num_constituents)
    for name, values in jets.jet.items():
        if name not in _POSITION:
            yield _range(name, "jet", values)
    if jets.weight is not None:
        yield _range("weight", "jet", jets.weight)
    if len(jets.p4):
        for name, formula in (("part_pt", kinematics.pt), ("part_eta", kinematics.eta), ("part_phi", kinematics.phi),
                              ("part_energy", kinematics.energy)):  # fmt: skip
            yield _range(name, "constituent", formula(jets.p4))
    for name, values in jets.constituents.items():
        yield _range(name, "constituent", values)


def _range(name: str, level: str, values: np.ndarray) -> Range:
    numbers = values.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, middle, high = (finite.min(), np.median(finite), finite.max()) if len(finite) else (np.nan,) * 3
    return Range(name, level, float(low), float(middle), float(high), len(numbers) - len(finite))
