"""The right container for a file, by its bytes."""

from __future__ import annotations

from pathlib import Path

from jetlego.data.containers.table import Table
from jetlego.data.files import container_of
from jetlego.data.schemas.schema import Schema
from jetlego.errors import DataError, quoted


def open_table(path: Path, schema: Schema) -> Table:
    """Return the table of a file that a schema speaks of.

    Raises
    ------
    DataError
        ``BAD-FILE``, ``NOT-...``, ``NO-TREE``.
    EnvironmentFault
        ``DEPENDENCY`` if an extra is missing.
    """
    kind = container_of(path)
    if kind == "root":
        from jetlego.data.containers.root import open_root

        return open_root(path, tree=schema.tree, wanted=required_columns(schema))
    table = _open_other(path, kind)
    table.use_blocks(schema.blocks)
    return table


def open_tables(path: Path, kind: str) -> list[Table]:
    """Return every table of a file of known kind, each with the columns that it has by itself."""
    if kind == "root":
        from jetlego.data.containers.root import open_trees

        return list(open_trees(path))
    return [_open_other(path, kind)]


def _open_other(path: Path, kind: str) -> Table:
    """Return the table of a file that holds but one; imports what the kind needs and no more."""
    if kind == "hdf5":
        from jetlego.data.containers.hdf5 import Hdf5Table

        return Hdf5Table(path)
    if kind == "parquet":
        from jetlego.data.containers.parquet import ParquetTable

        return ParquetTable(path)
    if kind == "npz":
        from jetlego.data.containers.npz import NpzTable

        return NpzTable(path)
    raise DataError("BAD-FILE", f"{quoted(path)} holds {kind}, not a table of columns")


def required_columns(schema: Schema) -> list[str]:
    """Return the source columns without which a schema cannot be read."""
    parts = [part for part in (schema.jets, schema.particles) if part is not None]
    columns = [c for part in parts for c in (*part.quantities.values(), *part.columns.values())]
    return [c.column for c in columns if c.column is not None]
