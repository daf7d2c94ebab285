"""Files into frames: the branches a configuration needs, its two kinds of magic, chunk by chunk."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from jetlego.data.containers.open import open_tables
from jetlego.data.containers.table import Table
from jetlego.data.files import container_of
from jetlego.data.weaver.config import TRAINING_FLAG, WeaverConfig
from jetlego.data.weaver.frame import Frame
from jetlego.errors import JetlegoWarning

T = TypeVar("T")


class Window(NamedTuple):
    """Which entries of each file to read, as fractions."""

    start: float = 0.0
    stop: float = 1.0

    def entries(self, total: int) -> tuple[int, int]:
        """Return the entry range, at least one entry wide if there is any."""
        start, stop = int(self.start * total), int(self.stop * total)
        return start, min(max(stop, start + 1), total)


def read_frames(
    config: WeaverConfig, files: Iterable[Path], branches: Iterable[str], *, training: bool, step: int | None = None,
    window: Window | None = None, seed: int = 0,
) -> Iterator[Frame]:  # fmt: skip
    """Yield the entries of every file, in order, as frames with the raw branches.

    Parameters
    ----------
    branches
        Names that expressions and inputs need; file magic and the training flag are filled in, others are read.
    step
        Entries a frame; None: a file at a time.
    """
    names, first_row = list(branches), 0
    for path in files:
        constants = _constants(config, path, training)
        wanted = {name: _source_name(config, name, path) for name in names if name not in constants}
        with closing(open_for(config, path, wanted.values())) as table:
            _warn_overwritten(config, path, table)
            begin, end = (window or Window()).entries(table.num_entries)
            cuts = [begin, end] if step is None else table.boundaries(begin, end, step)
            for start, stop in itertools.pairwise(cuts):
                frame = Frame(stop - start, seed=seed, rows=np.arange(first_row + start, first_row + stop))
                _fill(frame, table.read(wanted.values(), start, stop), wanted, constants)
                yield frame
            first_row += table.num_entries


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items while a thread fetches the next one: decompression and arithmetic release the GIL."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield cast(T, item)


def open_for(config: WeaverConfig, path: Path, branches: Iterable[str]) -> Table:
    """Return the open table of a file: the named tree, the only one, or the one with the branches."""
    kind = container_of(path)
    if kind == "root":
        from jetlego.data.containers.root import open_root

        return open_root(path, tree=config.options["treename"], wanted=branches)
    return open_tables(path, kind)[0]


def _fill(frame: Frame, arrays: dict[str, Any], wanted: dict[str, str], constants: dict[str, Any]) -> None:
    """Add the branches, each under the name it was asked for and under its own, and the constants of the file."""
    for name, source in wanted.items():
        frame.add(name, arrays[source])
        if source != name:
            frame.columns[source] = frame.columns[name]
    for name, value in constants.items():
        frame.add(name, np.full(frame.length, value))


def _source_name(config: WeaverConfig, name: str, path: Path) -> str:
    """Return the branch to read for a name: every part that branch magic names is replaced, one after the other."""
    if container_of(path) != "root":
        return name
    for part, replacement in (config.options["branch_magic"] or {}).items():
        name = name.replace(part, replacement)
    return name


def _constants(config: WeaverConfig, path: Path, training: bool) -> dict[str, Any]:
    found: dict[str, Any] = {TRAINING_FLAG: training}
    for variable, patterns in (config.options["file_magic"] or {}).items():
        found[variable] = next((value for pattern, value in patterns.items() if re.search(pattern, str(path))), 0)
    return found


def _warn_overwritten(config: WeaverConfig, path: Path, table: Table) -> None:
    for variable in config.options["file_magic"] or {}:
        if table.has(variable):
            what = f"{path}: branch '{variable}' is replaced by the value that file_magic gives"
            warnings.warn(JetlegoWarning("FILE-MAGIC", what), stacklevel=4)
