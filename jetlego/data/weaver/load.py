"""The ways in: all tensors of some files at once, chunk by chunk, and the preparation of a training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetlego.data.files import Paths, find_files
from jetlego.data.weaver.autofile import auto_path, check_auto_file, write_auto_file
from jetlego.data.weaver.bucketing import bucket_names, mixed_order
from jetlego.data.weaver.config import WeaverConfig, load_weaver_config
from jetlego.data.weaver.plan import Mode, Plan
from jetlego.data.weaver.rows import Workspace
from jetlego.data.weaver.sampling import Weigher, make_table, stored_table
from jetlego.data.weaver.standardise import measure_parameters
from jetlego.data.weaver.tensors import Chunk, WeaverBatch, new_tally, warn_non_finite
from jetlego.data.weights import WeightTable
from jetlego.errors import DataError, JetlegoWarning

STEP = 8_000
"""Jets a chunk: about a hundred megabytes of padded tensors, and large against the overhead of a call."""


def weaver_tensors(config: str | Path | WeaverConfig, files: Paths, *, mode: Mode = "predict") -> dict[str, Any]:
    """Return exactly the tensors that weaver hands to a network.

    Parameters
    ----------
    config
        Path of a weaver data configuration, or one that was read.
    files
        Path, glob or list of them (ROOT, Parquet, HDF5).
    mode
        ``"predict"``: test-time selection, with observers; ``"train"``, ``"validate"``: see :func:`iterate_weaver`.

    Returns
    -------
    dict
        ``input/<group>`` (N, variables, length) float32, ``label/<name>``, ``observer/<name>`` or ``monitor/<name>``,
        rows in the order of files and entries.

    Raises
    ------
    ConfigError
        A fault of the configuration, with line and column.
    DataError
        A missing file, branch or label; ``NO-JETS`` if no jet passes the selection.
    """
    batches = list(iterate_weaver(config, files, mode=mode))
    return _joined(batches, "observer" if mode == "predict" else "monitor")


def iterate_weaver(
    config: str | Path | WeaverConfig, files: Paths, *, mode: Mode = "predict", extra_selection: str | None = None,
    batch_size: int | None = None, shuffle: bool = False, packed: bool = False, step: int = STEP, seed: int = 0,
    epoch: int = 0,
) -> Iterator[WeaverBatch]:  # fmt: skip
    """Yield the tensors batch by batch; by default a chunk at a time, rows in the order of files and entries.

    Parameters
    ----------
    config, files
        As in :func:`weaver_tensors`. The sibling ``.auto.yaml`` is used if there is one; without it, open centers and
        weight tables are measured on these files (see :func:`prepare_weaver`), when predicting with a warning.
    mode
        ``"train"``: selection, labels checked, ``aux_training_`` true, jets drawn by the sampling weights;
        ``"validate"``: all selected jets; ``"predict"``: test-time selection, with observers.
    extra_selection
        A further cut.
    batch_size
        Jets a batch (the last one of a chunk may be smaller); None: a chunk.
    shuffle
        Put chunks together from pieces of all files and mix the jets within; every jet comes once an epoch. With the
        configuration's ``bucketing``, batches hold jets of one bucket.
    packed
        Inputs without padding, see :class:`Packed`.
    step
        Jets a chunk, about.
    seed, epoch
        Key of the order and of the random selection.

    Raises
    ------
    DataError
        ``NO-JETS`` if no jet passes at all.

    Warns
    -----
    JetlegoWarning
        ``NONFINITE``, at the end, once for each variable with NaN or infinite values.
    """
    paths = find_files(files)
    loaded = config if isinstance(config, WeaverConfig) else _with_sibling(Path(config))
    if mode == "predict" and loaded.is_open:
        what = f"{loaded.path}: centers and scales are measured on the very files that are predicted"
        warnings.warn(JetlegoWarning("NO-STANDARDISATION", what), stacklevel=2)
    loaded, table = _measured(loaded, paths, mode, extra_selection, step)
    weigh = Weigher(loaded, table, active=_uses_weights(loaded, mode))
    plan = Plan(loaded, mode, extra_selection, (*weigh.names, *bucket_names(loaded, shuffle)))
    if shuffle:
        frames = plan.mixed_frames(paths, step=step, seed=seed, epoch=epoch)
    else:
        frames = plan.frames(paths, step=step, seed=seed)
    tally, total, space = new_tally(plan), 0, Workspace()
    for frame in frames:
        total += frame.length
        order = weigh.drawn(frame, seed=seed, epoch=epoch)
        if not len(order):
            continue
        if shuffle:
            order = order[mixed_order(frame, loaded, order, batch_size=batch_size, seed=seed, epoch=epoch)]
        chunk, size = Chunk(plan, frame, tally, weigh.loss_weight(frame), space), batch_size or len(order)
        for start in range(0, len(order), size):
            yield chunk.batch(order[start : start + size], packed=packed)
    if not total:
        raise DataError("NO-JETS", f"no jet of {paths[0]} and {len(paths) - 1} more files passes the selection")
    warn_non_finite(tally)


def prepare_weaver(
    path: str | Path, files: Paths, *, extra_selection: str | None = None, reuse: bool = False,
    remake_weights: bool = True, step: int = STEP,
) -> WeaverConfig:  # fmt: skip
    """Return the configuration ready for training, and keep what was measured in the sibling ``.auto.yaml``.

    Parameters
    ----------
    path
        Configuration; its sibling is used if it fits these files.
    files
        Training files, never validation or test files.
    extra_selection
        A further cut, for the weight table alone (weaver standardises without it).
    reuse
        Use a sibling that was measured on other files.
    remake_weights
        Make the weight table anew even if the sibling has one.

    Raises
    ------
    ConfigError
        ``AUTO-MISMATCH`` if the sibling was measured on other files.
    """
    source, paths = Path(path), find_files(files)
    config, sibling = load_weaver_config(source), auto_path(source)
    if sibling != source and sibling.is_file():
        check_auto_file(sibling, config, paths, reuse=reuse)
        config = load_weaver_config(sibling)
    spec, changed = config.weight_spec, config.is_open
    if config.is_open:
        config = config.with_parameters(measure_parameters(config, paths, step=step))
    if spec is not None and not spec.branches and (remake_weights or spec.histograms is None):
        table = make_table(config, paths, extra_selection=extra_selection, step=step)
        config = config.with_weights(dict(zip(spec.classes, table.table.tolist(), strict=True)))
        changed = True
    if changed:
        write_auto_file(config, source, paths)
    return config


def _with_sibling(path: Path) -> WeaverConfig:
    """Read the sibling ``.auto.yaml`` instead, if there is one."""
    if not path.is_file():
        return load_weaver_config(path)  # which says that there is no such file
    sibling = auto_path(path)
    return load_weaver_config(sibling if sibling.is_file() else path)


def _measured(
    config: WeaverConfig, paths: Sequence[Path], mode: Mode, extra_selection: str | None, step: int
) -> tuple[WeaverConfig, WeightTable | None]:
    """Return the configuration without open numbers, and the weight table if this mode needs one."""
    if config.is_open:
        config = config.with_parameters(measure_parameters(config, paths, step=step))
    spec = config.weight_spec
    if spec is None or spec.branches or not _uses_weights(config, mode):
        return config, None
    return config, stored_table(spec) or make_table(config, paths, extra_selection=extra_selection, step=step)


def _uses_weights(config: WeaverConfig, mode: Mode) -> bool:
    spec = config.weight_spec
    return spec is not None and (mode == "train" or (mode == "validate" and spec.validate_too))


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
