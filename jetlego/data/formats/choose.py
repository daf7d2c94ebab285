"""From a file to the reader that understands it; automatic choice says what it saw and what is nearest."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jetlego.data.containers.open import open_tables
from jetlego.data.containers.table import Table
from jetlego.data.files import container_of, is_shard
from jetlego.data.formats.reader import Reader, Request
from jetlego.data.schemas.load import load_schema, shipped_schemas
from jetlego.data.schemas.schema import Schema
from jetlego.errors import ConfigError, DataError, quoted

SchemaLike = str | Path | dict[str, Any] | Schema
"""A layout by name, YAML file or dict, or ``"auto"``."""

_READERS = {
    "ntuple": "ntuple:NtupleReader", "delphes": "delphes:DelphesReader", "hepmc": "hepmc:HepMCReader",
    "events": "events:PlainEventReader", "recnn": "recnn:RecnnReader", "jetsgame": "jetsgame:JetsGameReader",
    "shards": "jetlego.data.shards.reader:ShardReader",
}  # fmt: skip
"""{format: module and class}, imported when a file needs it."""

_TABLES = ("root", "hdf5", "parquet", "npz")


def open_reader(path: Path, schema: SchemaLike, request: Request) -> Reader:
    """Return the open reader of a file.

    Parameters
    ----------
    schema
        A layout, or ``"auto"``; prepared shards are known by themselves.

    Raises
    ------
    DataError
        ``NO-SCHEMA`` if automatic choice finds no layout that fits; whatever the container says of a bad file.
    """
    if schema != "auto" and not is_shard(path):  # jets of a shard are in order, whatever layout they came from
        chosen = load_schema(schema)
        return _reader_class(chosen)(path, chosen, request)
    chosen, table = choose_schema(path)
    if table is None:
        return _reader_class(chosen)(path, chosen, request)
    return _reader_class(chosen)(path, chosen, request, table=table)


def _reader_class(schema: Schema) -> type:
    module, _, name = _READERS[schema.format].partition(":")
    place = module if "." in module else f"jetlego.data.formats.{module}"
    return getattr(importlib.import_module(place), name)


def choose_schema(path: Path) -> tuple[Schema, Table | None]:
    """Return the shipped layout that fits a file best, and its open table if it is one of columns."""
    container = container_of(path)
    candidates = [s for s in shipped_schemas().values() if s.recognise is not None and container in s.containers]
    if container not in _TABLES:
        return candidates[0], None
    tables = open_tables(path, container)
    try:
        schema, table = _best(path, candidates, tables)
    except BaseException:
        _close(tables)
        raise
    _close(t for t in tables if t is not table)
    return schema, table


def _close(tables: Iterable[Table]) -> None:
    for table in tables:
        table.close()


def _best(path: Path, candidates: list[Schema], tables: list[Table]) -> tuple[Schema, Table]:
    fits = [(_rank(s), s, t) for t in tables for s in candidates if _fits(s, t)]
    if not fits:
        what = f"{quoted(path)}: no known layout fits; {_seen(tables)}"
        raise DataError("NO-SCHEMA", what, _nearest(candidates, tables))
    most = max(rank for rank, _, _ in fits)
    best = [(s, t) for rank, s, t in fits if rank == most]
    trees = {t.title for _, t in best}
    if len(trees) > 1:
        what = f"{quoted(path)} contains several trees of jets: {quoted(', '.join(sorted(trees)))}"
        raise ConfigError("TREE-AMBIGUOUS", what, "name one by the schema key tree")
    return best[0]


def _signature(schema: Schema) -> tuple[str, ...]:
    return schema.recognise.columns if schema.recognise else ()


def _rank(schema: Schema) -> int:
    return len(_signature(schema)) + (schema.recognise is not None and schema.recognise.tree is not None)


def _fits(schema: Schema, table: Table) -> bool:
    rule = schema.recognise
    return rule is not None and (rule.tree in (None, table.title)) and all(table.has(name) for name in rule.columns)


def _seen(tables: list[Table]) -> str:
    table = max(tables, key=lambda t: len(t.names))
    names = list(table.names)
    more = f" ... ({len(names)} in all)" if len(names) > 12 else ""
    within = f" in '{table.title}'" if table.title else ""
    return f"there are the columns {quoted(', '.join(names[:12]))}{more}{within}" if names else "there are no columns"


def _nearest(candidates: list[Schema], tables: list[Table]) -> str:
    advice = "describe it by a schema of your own: schema=file.yaml"
    if not candidates or not tables:
        return advice
    pairs = ((s, _lacking(s, t)) for s in candidates for t in tables)
    schema, lacks = min(pairs, key=lambda pair: len(pair[1]) / _rank(pair[0]))
    return f"nearest is '{schema.name}', for which {quoted(', '.join(lacks[:4]))} is missing; or {advice}"


def _lacking(schema: Schema, table: Table) -> list[str]:
    tree = schema.recognise.tree if schema.recognise else None
    other = [f"a tree '{tree}'"] if tree not in (None, table.title) else []
    return [*other, *(f"'{name}'" for name in _signature(schema) if not table.has(name))]
