"""Jets of any layout into a file of JetClass names: a ROOT TTree, Parquet, or padded HDF5 arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.atomic import written_aside
from jetlego.data.extras import optional
from jetlego.data.files import Paths
from jetlego.data.generate.layout import JetTable
from jetlego.data.generate.writer import TREE, write_jets
from jetlego.data.jets import Jets
from jetlego.data.read import iterate_jets
from jetlego.errors import ConfigError, JetlegoError, JetlegoWarning

Tables = Iterator[JetTable]

_ZSTD = 5
_POSITION = frozenset({"file_index", "event_index", "jet_index"})
"""Where a jet stood in its source; the new file gives it a place of its own."""


def convert(paths: Paths, out: str | Path, *, double: bool = False, rntuple: bool = False, **options: Any) -> int:
    """Write the jets of some files to one file of JetClass names, and return their number.

    Parameters
    ----------
    paths
        Files, globs or ``sample://`` names.
    out
        ``*.root`` (TTree ``tree``), ``*.parquet``, or ``*.h5`` (arrays (jets, slots) and ``part_mask``).
    double
        Keep momenta in double precision; JetClass itself has single.
    rntuple
        In a ROOT file, an RNTuple instead of a TTree.
    **options
        As of :func:`~jetlego.data.read.iterate_jets`: ``schema``, ``where``, ``entries``, ``classes``, ``columns``, ...

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` for another ending.
    DataError
        Whatever reading raises; nothing is written then.
    EnvironmentFault
        ``NOT-WRITABLE``, ``DISK-FULL``; ``DEPENDENCY`` without the extra that a format needs.
    """
    _writer(out, rntuple)  # a wrong ending is told before anything is read
    return save_jets(iterate_jets(paths, **options), out, double=double, rntuple=rntuple)


def save_jets(jets: Jets | Iterable[Jets], out: str | Path, *, double: bool = False, rntuple: bool = False) -> int:
    """Write jets, whole or in chunks of the same columns, to one file of JetClass names, and return their number.

    Parameters and errors as of :func:`convert`.
    """
    parts = [jets] if isinstance(jets, Jets) else jets
    return _writer(out, rntuple)(Path(out), (table_of(part, double=double) for part in parts))


def _writer(out: str | Path, rntuple: bool) -> Callable[[Path, Tables], int]:
    ending = Path(out).suffix
    if ending not in _WRITERS:
        raise ConfigError("BAD-VALUE", f"{out}: jets are written as {', '.join(_WRITERS)}, not '{ending}'")
    if rntuple and ending != ".root":
        raise ConfigError("BAD-VALUE", f"{out}: an RNTuple stands in a .root file, not in '{ending}'")
    return _write_rntuple if rntuple else _WRITERS[ending]


def table_of(jets: Jets, *, double: bool = False) -> JetTable:
    """Return jets as the columns of a JetClass file.

    Parameters
    ----------
    double
        Momenta as float64 rather than float32.
    """
    momenta = jets.p4 if double else jets.p4.astype(np.float32)
    names = ("part_px", "part_py", "part_pz", "part_energy")
    constituents = {**{name: momenta[:, i] for i, name in enumerate(names)}, **jets.constituents}
    jet = {name: values for name, values in jets.jet.items() if name not in _POSITION}
    jet = {name: values for name, values in jet.items() if not name.startswith("label_")}
    if jets.label is not None:
        _warn_unlabelled(jets.label)
        jet |= {f"label_{name}": jets.label == i for i, name in enumerate(jets.classes)}
    if jets.weight is not None:
        jet["weight"] = jets.weight
    return JetTable({name: np.ascontiguousarray(values) for name, values in constituents.items()}, jet, jets.jet_ptr)


def _warn_unlabelled(label: np.ndarray) -> None:
    unknown = int((label < 0).sum())
    if unknown:
        what = f"{unknown} of {len(label)} jets are unlabelled; in the new file they belong to none of its classes"
        warnings.warn(JetlegoWarning("LABELS", what), stacklevel=3)


def _write_root(out: Path, tables: Tables) -> int:
    return write_jets(out, tables, level=_ZSTD)


def _write_rntuple(out: Path, tables: Tables) -> int:
    import uproot

    written, ntuple = 0, None
    with written_aside(out) as temporary:
        # Given a stream and not a path, uproot does not write the temporary name into the file.
        with temporary.open("w+b") as stream, uproot.recreate(stream, compression=uproot.ZSTD(_ZSTD)) as file:
            for table in tables:
                fields = _lists(table)
                if ntuple is None:
                    ntuple = file.mkrntuple(TREE, fields)
                else:
                    ntuple.extend(fields)
                written += table.num_jets
        with uproot.open(temporary) as file:
            _verify(out, written, file[TREE].num_entries)
    return written


def _lists(table: JetTable) -> Any:
    """Return an awkward array of columns of jets, and of constituents as one list a jet; uproot would sort a dict."""
    import awkward as ak

    offsets = ak.index.Index64(table.jet_ptr)
    flat = {name: ak.contents.NumpyArray(values) for name, values in (table.constituents | table.jet).items()}
    lists = [ak.contents.ListOffsetArray(offsets, flat[name]) for name in table.constituents]
    columns = [*lists, *(flat[name] for name in table.jet)]
    return ak.Array(ak.contents.RecordArray(columns, list(flat), length=table.num_jets))


def _write_parquet(out: Path, tables: Tables) -> int:
    arrow = optional("pyarrow", extra="parquet", task="writing Parquet")
    parquet = optional("pyarrow.parquet", extra="parquet", task="writing Parquet")
    written = 0
    with written_aside(out) as temporary:
        writer = None
        try:
            for table in tables:
                batch = arrow.table(_arrow_columns(table, arrow))
                writer = writer or parquet.ParquetWriter(temporary, batch.schema, compression="zstd")
                writer.write_table(batch)
                written += table.num_jets
        finally:
            if writer is not None:
                writer.close()
        _verify(out, written, parquet.read_metadata(temporary).num_rows)
    return written


def _arrow_columns(table: JetTable, arrow: Any) -> Mapping[str, Any]:
    offsets = arrow.array(table.jet_ptr.astype(np.int32))
    columns = {}
    for name, values in table.constituents.items():
        flat = arrow.array(values)
        item = arrow.field("item", flat.type, nullable=False)
        columns[name] = arrow.ListArray.from_arrays(offsets, flat, type=arrow.list_(item))
    return {**columns, **{name: arrow.array(values) for name, values in table.jet.items()}}


def _write_hdf5(out: Path, tables: Tables) -> int:
    h5py = optional("h5py", extra="hdf5", task="writing HDF5")
    written = 0
    with written_aside(out) as temporary:
        with h5py.File(temporary, "w", track_order=True) as file:  # the order of label_* is that of the classes
            for table in tables:
                counts = np.diff(table.jet_ptr)
                mask = np.arange(counts.max(initial=0)) < counts[:, None]
                for name, values in table.constituents.items():
                    _append(file, name, _padded(values, mask))
                _append(file, "part_mask", mask)
                for name, values in table.jet.items():
                    _append(file, name, values)
                written += table.num_jets
        with h5py.File(temporary, "r") as file:
            _verify(out, written, min(len(data) for data in file.values()))
    return written


def _padded(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    out = np.zeros(mask.shape, values.dtype)
    out[mask] = values
    return out


def _append(file: Any, name: str, values: np.ndarray) -> None:
    """Add rows to a data set that grows in both directions; slots beyond a jet's own are zero."""
    if name not in file:
        limits = (None,) * values.ndim
        file.create_dataset(name, data=values, maxshape=limits, chunks=True, compression="gzip", shuffle=True)
        return
    data, rows = file[name], len(file[name])
    width = max(data.shape[1], values.shape[1]) if values.ndim == 2 else 0
    data.resize((rows + len(values), width) if values.ndim == 2 else (rows + len(values),))
    if values.ndim == 2:
        data[rows:, : values.shape[1]] = values
    else:
        data[rows:] = values


def _verify(out: Path, written: int, stored: int) -> None:
    if stored != written:
        raise JetlegoError("INTERNAL", f"{out}: {stored} jets stored of {written}")


_WRITERS: dict[str, Callable[[Path, Tables], int]] = {
    ".root": _write_root, ".parquet": _write_parquet, ".h5": _write_hdf5, ".hdf5": _write_hdf5,
}  # fmt: skip
