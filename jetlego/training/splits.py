"""The jets of a run: training, validation and test, read from files or parted from one list by a keyed permutation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from jetlego.atomic import write_atomic
from jetlego.conventions import IntArray
from jetlego.data.draw import Draw
from jetlego.data.files import check_splits, find_files
from jetlego.data.jets import Jets
from jetlego.data.permutation import shuffled
from jetlego.data.stream import BlockIndex, Source, scan
from jetlego.errors import DataError
from jetlego.training.acceptance import draw_of_blocks, drawn_once, unweighted, without_acceptance
from jetlego.training.config import DataConfig, StreamConfig
from jetlego.training.presence import check_classes, class_counts
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
    draw
        Which training jets take part in each epoch; None: each once.
    """

    train: Split
    val: Split
    test: Split
    origin: Origin
    draw: Draw | None = None


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
    ConfigError
        ``LABELS`` if a class has no training jet; where validation or test jets lack one, it is a warning.
    DataError
        ``SPLIT-LEAK``, besides what reading raises.
    """
    paths = split_paths(config)
    missing = {name: share for name, share in _shares(config).items() if not paths[name]}
    origin = (origin or Origin.of(config)).finished(paths["train"], _choice_of_train(config, missing))
    jets = origin.read(paths["train"], "train")
    parts = _part(jets.num_jets, config, missing)
    parted = {}
    for name in ("val", "test"):
        if paths[name]:
            found = _some_of(origin.read(paths[name], "validate"), config.max_jets)
        else:
            found = unweighted(jets.select(parts[name]), origin)
        parted[name] = drawn_once(found) if name == "val" else without_acceptance(found)[0]
    train, draw = without_acceptance(jets if len(parts["train"]) == jets.num_jets else jets.select(parts["train"]))
    made = {"train": train, **parted}
    check_classes({name: class_counts(jets, config) for name, jets in made.items()}, config)
    return Splits(train, parted["val"], parted["test"], origin, draw)


def _choice_of_train(config: DataConfig, missing: dict[str, float]) -> Callable[[int], IntArray] | None:
    """Return which of the jets of ``train`` are learnt from, by their number; None: all of them."""
    if not missing and config.max_jets is None and config.train_jets is None:
        return None
    return lambda num_jets: _part(num_jets, config, missing)["train"]


def read_labeled(
    paths: Sequence[str], config: DataConfig, *, origin: Origin | None = None, use: Use = "validate"
) -> Jets:
    """Read the jets of ``paths`` with the classes and the selection of the configuration."""
    return without_acceptance(_some_of((origin or Origin.of(config)).read(paths, use), config.max_jets))[0]


def _some_of(jets: Jets, most: int | None) -> Jets:
    rows = _some(np.arange(jets.num_jets), most)
    return jets if len(rows) == jets.num_jets else jets.select(rows)


def _some(rows: IntArray, most: int | None) -> IntArray:
    """Return ``most`` of some rows in their order, drawn alike for all runs."""
    if most is None or len(rows) <= most:
        return rows
    return rows[np.sort(shuffled(np.arange(most), num_samples=len(rows), seed=_SPLIT_SEED, epoch=1))]


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
    first = origin.provisional()
    sources: dict[str, Source] = {name: first.source(paths[name], _use(name)) for name in names}
    known = None if record is None or not record.exists() else json.loads(record.read_text())
    if known is None:
        found = {name: scan(source, size=settings.block, workers=settings.workers) for name, source in sources.items()}
    else:
        found = {name: _recorded(known[name], sources[name]) for name in names}
        origin.skipped.extend(known["skipped"])
        origin.tally.found.update({(id, text): number for id, text, number in known["found"]})
    if record is not None and known is None:
        parts = {name: _to_record(found[name], sources[name]) for name in names}
        odd = [[*kind, number] for kind, number in origin.tally.found.items()]
        write_atomic(record, json.dumps({**parts, "skipped": origin.skipped, "found": odd}))
    missing = {name: share for name, share in _shares(config).items() if name not in found}
    if missing:
        *cut, found["train"] = found["train"].part(list(missing.values()), seed=_SPLIT_SEED)
        found.update(zip(missing, cut, strict=True))
    if config.max_jets is not None:
        found = {name: index.first(config.max_jets, seed=_SPLIT_SEED) for name, index in found.items()}
    if config.train_jets is not None:
        found["train"] = found["train"].first(config.train_jets, seed=_SPLIT_SEED)
    check_classes({name: index.counts[:, :-1].sum(axis=0) for name, index in found.items()}, config)
    if _choice_of_train(config, missing) is None and not origin.skipped:
        origin = origin.finished(paths["train"], None)
    else:
        origin = origin.finished_on(paths["train"], found["train"])
    made = {}
    for name in ("train", "val", "test"):
        known_as = name if name in sources else "train"
        source = sources[name] if known_as == name and origin.weaver is None else None
        if source is None:
            source = origin.source(paths[known_as], _use(name))
            source.first = sources[known_as].first
        made[name] = StreamedSplit(source, found[name], settings)
    draw = draw_of_blocks(origin, paths["train"], found["train"])
    return Splits(made["train"], made["val"], made["test"], origin, draw)


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


def _part(num_jets: int, config: DataConfig, shares: dict[str, float]) -> dict[str, IntArray]:
    """Return which of the jets of ``train`` belong to each split, ascending."""
    rows = _some(np.arange(num_jets), config.max_jets)
    parts, start, total = {}, 0, len(rows)
    if shares:
        order = shuffled(np.arange(total), num_samples=total, seed=_SPLIT_SEED, epoch=0)
        for name, share in shares.items():
            stop = start + max(1, round(share * total))
            parts[name] = rows[np.sort(order[start:stop])]
            start = stop
        rows = rows[np.sort(order[start:])]
    return {**parts, "train": _some(rows, config.train_jets)}


def _to_record(index: BlockIndex, source: Source) -> dict[str, object]:
    return {"files": list(source.names), "stamps": source.marks(), "first": source.first, **index.to_dict()}


def _recorded(known: dict[str, Any], source: Source) -> BlockIndex:
    """Return the index of a record, if the files are still the same."""
    if known["files"] != list(source.names) or known["stamps"] != source.marks():
        what = f"the files of {source.names[0]} and others changed since this run began"
        raise DataError("FILE-CHANGED", what, "put them back, or start a new run")
    source.first = known["first"]
    return BlockIndex.from_dict(known)
