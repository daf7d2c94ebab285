"""Flat tables out: one row a jet, as a ROOT TTree (or Parquet by the file's ending), whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jetlego.atomic import written_aside
from jetlego.errors import ConfigError, DataError, EnvironmentFault, JetlegoError, did_you_mean

_ROWS_A_WRITE = 50_000  # larger baskets have open issues in uproot's writer


def write_table(path: str | Path, columns: Mapping[str, np.ndarray], *, tree: str = "predictions") -> None:
    """Write columns of equal length, in their order.

    Parameters
    ----------
    path
        ``*.root`` for a TTree with ZSTD compression, ``*.parquet`` for Parquet.
    columns
        {name: (B,) array}.
    tree
        Name of the TTree.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` for another ending.
    EnvironmentFault
        ``NOT-WRITABLE`` if the file cannot be made; nothing is left behind.
    """
    path = Path(path)
    write = {".root": _write_root, ".parquet": _write_parquet}.get(path.suffix)
    if write is None:
        raise ConfigError("BAD-VALUE", f"{path}: a table is written as .root or .parquet, not '{path.suffix}'")
    arrays = {name: np.ascontiguousarray(values) for name, values in columns.items()}
    with written_aside(path) as temporary:
        write(temporary, arrays, tree)


def read_table(path: str | Path, *, tree: str = "predictions") -> dict[str, np.ndarray]:
    """Return the columns of a table that :func:`write_table` wrote as ROOT.

    Raises
    ------
    DataError
        ``NO-FILES`` or ``NO-TREE``.
    """
    import uproot

    if not Path(path).exists():
        raise DataError("NO-FILES", f"there is no file '{path}'")
    with uproot.open(path) as file:
        if tree not in file:
            raise DataError("NO-TREE", f"{path} has no tree '{tree}'", did_you_mean(tree, file.keys(cycle=False)))
        return dict(file[tree].arrays(library="np"))


def _write_root(path: Path, columns: dict[str, np.ndarray], tree: str) -> None:
    import uproot

    rows = len(next(iter(columns.values())))
    with uproot.recreate(path, compression=uproot.ZSTD(5)) as file:
        out = file.mktree(tree, {name: values.dtype for name, values in columns.items()})
        for start in range(0, rows, _ROWS_A_WRITE):
            out.extend({name: values[start : start + _ROWS_A_WRITE] for name, values in columns.items()})
    with uproot.open(path) as file:
        written = file[tree].num_entries
    if written != rows:
        raise JetlegoError("INTERNAL", f"{path}: {written} rows written of {rows}")


def _write_parquet(path: Path, columns: dict[str, np.ndarray], tree: str) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise EnvironmentFault(
            "DEPENDENCY", "writing Parquet needs pyarrow", "pip install 'jetlego[parquet]'"
        ) from error
    pq.write_table(pa.table(columns), path, compression="zstd")
