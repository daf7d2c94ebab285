"""The jets of a run: training, validation and test, read from files or parted from one list by a keyed permutation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jetlego.data.jets import Jets
from jetlego.data.permutation import shuffled
from jetlego.data.read import read_jets
from jetlego.errors import DataError
from jetlego.training.config import DataConfig

_SPLIT_SEED = 20_260_101  # one parting for all runs, so that their figures can be compared


@dataclass(frozen=True)
class Splits:
    """Three sets of jets that share none."""

    train: Jets
    val: Jets
    test: Jets


def read_splits(config: DataConfig) -> Splits:
    """Read the three splits; where ``val`` or ``test`` names no file, they are parted from ``train``.

    ``sample://top`` in ``train``, with nothing else named, stands for the parts of the embedded sample.

    Raises
    ------
    DataError
        ``LABELS`` if a class has no training jet, besides what reading raises.
    """
    paths = _name_sample_splits(config)
    train = read_labeled(paths["train"], config)
    parted = {name: read_labeled(paths[name], config) for name in ("val", "test") if paths[name]}
    shares = {"val": config.val_fraction, "test": config.test_fraction}
    missing = {name: share for name, share in shares.items() if name not in parted}
    if missing:
        train, cut = _part(train, missing)
        parted.update(cut)
    _require_every_class(train, config)
    return Splits(train=train, val=parted["val"], test=parted["test"])


def read_labeled(paths: list[str], config: DataConfig) -> Jets:
    """Read the jets of ``paths`` with the classes and the selection of the configuration."""
    jets = read_jets(paths, schema=config.schema_, classes=config.classes, where=config.where)
    if config.max_jets is not None and jets.num_jets > config.max_jets:
        order = shuffled(np.arange(config.max_jets), num_samples=jets.num_jets, seed=_SPLIT_SEED, epoch=1)
        jets = jets.select(np.sort(order))
    return jets


def _name_sample_splits(config: DataConfig) -> dict[str, list[str]]:
    whole = [path.startswith("sample://") and "/" not in path.removeprefix("sample://") for path in config.train]
    if all(whole) and not config.val and not config.test:
        return {split: [f"{path}/{split}" for path in config.train] for split in ("train", "val", "test")}
    return {"train": config.train, "val": config.val, "test": config.test}


def _part(jets: Jets, shares: dict[str, float]) -> tuple[Jets, dict[str, Jets]]:
    order = shuffled(np.arange(jets.num_jets), num_samples=jets.num_jets, seed=_SPLIT_SEED, epoch=0)
    parts, start = {}, 0
    for name, share in shares.items():
        stop = start + max(1, round(share * jets.num_jets))
        parts[name] = jets.select(np.sort(order[start:stop]))
        start = stop
    return jets.select(np.sort(order[start:])), parts


def _require_every_class(jets: Jets, config: DataConfig) -> None:
    counts = np.bincount(jets.label, minlength=len(config.classes))
    absent = [name for name, count in zip(config.classes, counts, strict=True) if count == 0]
    if absent:
        found = ", ".join(f"{name} {count}" for name, count in zip(config.classes, counts, strict=True))
        raise DataError(
            "LABELS",
            f"no training jet of class {', '.join(absent)} (found: {found})",
            "check data.classes and data.train",
        )
