"""Whether every class has jets to learn from, to choose the best epoch on, and to be judged by."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from jetlego.conventions import IntArray
from jetlego.data.jets import Jets
from jetlego.data.labels import told_absent
from jetlego.errors import ConfigError, JetlegoWarning
from jetlego.training.config import DataConfig

_CALLED = {"train": "training", "val": "validation", "test": "test"}


def check_classes(counts: Mapping[str, IntArray], config: DataConfig) -> None:
    """Raise ``LABELS`` if the training jets lack a class, unless that is allowed; warn if the others do."""
    for split, found in counts.items():
        told = told_absent(found, tuple(config.classes), what=f"the {_CALLED[split]} jets")
        if told and split == "train" and not config.allow_missing_class:
            hint = "leave it out of data.classes, name files that have it, or say --allow-missing-class"
            raise ConfigError("LABELS", told, hint)
        if told:
            warnings.warn(JetlegoWarning("LABELS", told), stacklevel=3)


def class_counts(jets: Jets, config: DataConfig) -> IntArray:
    """Return (K,) how many jets each class has."""
    label = np.zeros(0, np.int64) if jets.label is None else jets.label
    return np.bincount(label[label >= 0], minlength=len(config.classes))
