"""The two ways in: all tensors of some files at once, or chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetlego.data.files import Paths, find_files
from jetlego.data.weaver.config import WeaverConfig, load_weaver_config
from jetlego.data.weaver.tensors import Plan, WeaverBatch, make_batch, new_tally, warn_non_finite
from jetlego.errors import DataError

STEP = 20_000
"""Jets a chunk: some ten megabytes a branch, small against memory and large against the overhead of a call."""


def weaver_tensors(config: str | Path | WeaverConfig, files: Paths, *, training: bool = False) -> dict[str, Any]:
    """Return exactly the tensors that weaver hands to a network.

    Parameters
    ----------
    config
        Path of a weaver data configuration, or one that was read.
    files
        Path, glob or list of them (ROOT, Parquet, HDF5).
    training
        The training selection, labels checked, without observers; default: as for prediction.

    Returns
    -------
    dict
        ``input/<group>`` (N, variables, length) float32, ``label/<name>``, ``observer/<name>`` (``monitor/<name>``),
        rows in the order of files and entries.

    Raises
    ------
    ConfigError
        A fault of the configuration, with line and column.
    DataError
        A missing file, branch or label; ``NO-JETS`` if no jet passes the selection.
    """
    batches = list(iterate_weaver(config, files, training=training))
    return _joined(batches, "observer" if batches[0].others and not training else "monitor")


def iterate_weaver(
    config: str | Path | WeaverConfig, files: Paths, *, training: bool = False, step: int = STEP
) -> Iterator[WeaverBatch]:
    """Yield the tensors in chunks of about ``step`` jets, rows in the order of files and entries.

    Parameters as in :func:`weaver_tensors`. Chunks in which no jet passes the selection are left out; NaN and infinite
    values are warned about once for each variable, at the end.

    Raises
    ------
    DataError
        ``NO-JETS`` if no jet passes at all.
    """
    loaded = config if isinstance(config, WeaverConfig) else load_weaver_config(config)
    plan, tally, total = Plan(loaded, training), new_tally(loaded), 0
    paths = find_files(files)
    for frame in plan.frames(paths, step=step):
        if frame.length:
            total += frame.length
            yield make_batch(plan, frame, tally=tally)
    if not total:
        raise DataError("NO-JETS", f"no jet of {paths[0]} and {len(paths) - 1} more files passes the selection")
    warn_non_finite(tally)


def _joined(batches: Sequence[WeaverBatch], word: str) -> dict[str, Any]:
    first = batches[0]
    out: dict[str, Any] = {}
    for prefix, part in (("input", "inputs"), ("label", "labels"), (word, "others")):
        for name in getattr(first, part):
            out[f"{prefix}/{name}"] = _concatenated([getattr(batch, part)[name] for batch in batches])
    return out


def _concatenated(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    return ak.concatenate(parts) if any(isinstance(part, ak.Array) for part in parts) else np.concatenate(parts)
