"""The jets of a run: training, validation and test, read from files or parted from one list by a keyed permutation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from jetlego.atomic import write_atomic
from jetlego.data.files import check_splits, find_files
from jetlego.data.jets import Jets
from jetlego.data.permutation import shuffled
from jetlego.data.stream import BlockIndex, Source, scan
from jetlego.errors import DataError
from jetlego.training.config import DataConfig, StreamConfig
from jetlego.training.sources import Origin, Use
from jetlego.training.streaming import StreamedSplit

_SPLIT_SEED = 20_260_101  # one parting for all runs, so that their figures can be compared

Split = TypeVar("Split", Jets, StreamedSplit)


@dataclass(frozen=True)
class Splits(Generic[Split]):
    """Three sets of jets that share none, in memory or on disk.

    Parameters
    ----------
    train, val, test
        The jets.
    origin
        How they were read.
    """

    train: Split
    val: Split
    test: Split
    origin: Origin


AnySplits = Splits[Jets] | Splits[StreamedSplit]

STREAM_RECORD = "stream.json"
"""What the first pass over streamed files found, in the run folder."""


def splits_of(config: DataConfig, *, origin: Origin | None = None, folder: Path | None = None) -> AnySplits:
    """Return the three splits as the configuration wants them: in memory, or streamed.

    Parameters
    ----------
    origin
        How files are read; default: what the configuration says.
    folder
        Run folder, which remembers what the first pass over streamed files found.
    """
    if config.stream is None:
        return read_splits(config, origin=origin)
    return open_splits(config, origin=origin, record=None if folder is None else folder / STREAM_RECORD)


def read_splits(config: DataConfig, *, origin: Origin | None = None) -> Splits[Jets]:
    """Read the three splits into memory; where ``val`` or ``test`` names no file, they are parted from ``train``.

    ``sample://top`` in ``train``, with nothing else named, stands for the parts of the embedded sample.

    Parameters
    ----------
    origin
        How files are read; default: what the configuration says.

    Raises
    ------
    DataError
        ``LABELS`` if a class has no training jet, ``SPLIT-LEAK``, besides what reading raises.
    """
    origin = origin or Origin.of(config)
    paths = split_paths(config)
    train = read_labeled(paths["train"], config, origin=origin, use="train")
    parted = {name: read_labeled(paths[name], config, origin=origin) for name in ("val", "test") if paths[name]}
    missing = {name: share for name, share in _shares(config).items() if name not in parted}
    if missing:
        train, cut = _part(train, missing)
        parted.update(cut)
    train = _some(train, config.train_jets)
    _require_every_class(np.bincount(train.label, minlength=len(config.classes)), config)
    return Splits(train, parted["val"], parted["test"], origin)


def read_labeled(
    paths: Sequence[str], config: DataConfig, *, origin: Origin | None = None, use: Use = "validate"
) -> Jets:
    """Read the jets of ``paths`` with the classes and the selection of the configuration."""
    return _some((origin or Origin.of(config)).read(paths, use), config.max_jets)


def _some(jets: Jets, most: int | None) -> Jets:
    """Return ``most`` jets in their order, drawn alike for all runs."""
    if most is None or jets.num_jets <= most:
        return jets
    return jets.select(np.sort(shuffled(np.arange(most), num_samples=jets.num_jets, seed=_SPLIT_SEED, epoch=1)))


def open_splits(
    config: DataConfig, *, origin: Origin | None = None, record: Path | None = None
) -> Splits[StreamedSplit]:
    """Return the three splits as streams, after a first pass over all files that counts their jets.

    Parameters
    ----------
    origin
        How files are read; default: what the configuration says.
    record
        File that keeps what the first pass found; read instead of another pass if it is there.

    Raises
    ------
    DataError
        As :func:`read_splits`; ``FILE-CHANGED`` if the files are not those of the record.
    """
    origin, settings, paths = origin or Origin.of(config), config.stream or StreamConfig(), split_paths(config)
    names = [name for name in ("train", "val", "test") if paths[name]]
    sources: dict[str, Source] = {name: origin.source(paths[name], _use(name)) for name in names}
    known = None if record is None or not record.exists() else json.loads(record.read_text())
    if known is None:
        found = {name: scan(source, size=settings.block, workers=settings.workers) for name, source in sources.items()}
    else:
        found = {name: _recorded(known[name], sources[name]) for name in names}
        origin.skipped.extend(known["skipped"])
    if record is not None and known is None:
        parts = {name: _to_record(found[name], sources[name]) for name in names}
        write_atomic(record, json.dumps({**parts, "skipped": origin.skipped}))
    missing = {name: share for name, share in _shares(config).items() if name not in found}
    if missing:
        *cut, found["train"] = found["train"].part(list(missing.values()), seed=_SPLIT_SEED)
        found.update(zip(missing, cut, strict=True))
        for name in missing:
            sources[name] = origin.source(paths["train"], _use(name))
            sources[name].first = sources["train"].first
    if config.max_jets is not None:
        found = {name: index.first(config.max_jets, seed=_SPLIT_SEED) for name, index in found.items()}
    if config.train_jets is not None:
        found["train"] = found["train"].first(config.train_jets, seed=_SPLIT_SEED)
    _require_every_class(found["train"].counts[:, :-1].sum(axis=0), config)
    made = {name: StreamedSplit(sources[name], found[name], settings) for name in ("train", "val", "test")}
    return Splits(made["train"], made["val"], made["test"], origin)


def split_paths(config: DataConfig) -> dict[str, list[str]]:
    """Return {split: what it is read from}, empty where it is parted from ``train``.

    Raises
    ------
    DataError
        ``SPLIT-LEAK`` if a file stands in two splits.
    """
    whole = [path.startswith("sample://") and "/" not in path.removeprefix("sample://") for path in config.train]
    if all(whole) and not config.val and not config.test:
        return {split: [f"{path}/{split}" for path in config.train] for split in ("train", "val", "test")}
    paths = {"train": config.train, "val": config.val, "test": config.test}
    check_splits({name: find_files(given) for name, given in paths.items() if given})
    return paths


def _use(split: str) -> Use:
    return "train" if split == "train" else "validate"


def _shares(config: DataConfig) -> dict[str, float]:
    return {"val": config.val_fraction, "test": config.test_fraction}


def _part(jets: Jets, shares: dict[str, float]) -> tuple[Jets, dict[str, Jets]]:
    order = shuffled(np.arange(jets.num_jets), num_samples=jets.num_jets, seed=_SPLIT_SEED, epoch=0)
    parts, start = {}, 0
    for name, share in shares.items():
        stop = start + max(1, round(share * jets.num_jets))
        parts[name] = jets.select(np.sort(order[start:stop]))
        start = stop
    return jets.select(np.sort(order[start:])), parts


def _to_record(index: BlockIndex, source: Source) -> dict[str, object]:
    return {"files": list(source.names), "stamps": source.marks(), "first": source.first, **index.to_dict()}


def _recorded(known: dict[str, Any], source: Source) -> BlockIndex:
    """Return the index of a record, if the files are still the same."""
    if known["files"] != list(source.names) or known["stamps"] != source.marks():
        what = f"the files of {source.names[0]} and others changed since this run began"
        raise DataError("FILE-CHANGED", what, "put them back, or start a new run")
    source.first = known["first"]
    return BlockIndex.from_dict(known)


def _require_every_class(counts: np.ndarray, config: DataConfig) -> None:
    absent = [name for name, count in zip(config.classes, counts, strict=True) if count == 0]
    if absent:
        found = ", ".join(f"{name} {count}" for name, count in zip(config.classes, counts, strict=True))
        raise DataError(
            "LABELS",
            f"no training jet of class {', '.join(absent)} (found: {found})",
            "check data.classes and data.train",
        )
