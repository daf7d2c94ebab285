"""Truth: from one-hot branches, a class column or an expression to one label a jet, in the order the user wants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.conventions import IntArray
from jetlego.data.formats.reader import Classes
from jetlego.data.jets import Jets
from jetlego.data.schemas.schema import Column, Label, class_name
from jetlego.errors import ConfigError, DataError, did_you_mean, quoted

UNLABELLED, NO_CLASS, SEVERAL_CLASSES = -1, -2, -3
"""Codes beside the class index; the last two are errors if a selected jet has them."""


def one_hot_columns(label: Label, classes: Classes | None, names: Sequence[str]) -> dict[str, Column] | None:
    """Return {class: column} of the truth branches to read; None if the file has no truth and need not have.

    With ``classes`` only the branches it names are needed, which may be others than the schema's.
    """
    known = dict(label.one_hot or {})
    if classes is not None:
        words = [word for given in classes.values() for word in _words(given)]
        return {word: _column_of(word, known, label.prefix or "", names) for word in words}
    present = {name: column for name, column in known.items() if column.column is None or column.column in names}
    if label.prefix is not None:
        read = {column.column for column in present.values()}
        further = [name for name in names if name.startswith(label.prefix) and name not in read]
        present |= {class_name(name): Column(column=name) for name in further}
    if present:
        return present
    return None if label.optional else known


def _column_of(word: str | int, known: Mapping[str, Column], prefix: str, names: Sequence[str]) -> Column:
    if isinstance(word, int):
        raise ConfigError("BAD-VALUE", f"class {word}: this layout has truth branches, name them")
    if word in known:
        return known[word]
    return Column(column=prefix + word if prefix + word in names else word)


def _words(words: Any) -> tuple[Any, ...]:
    return tuple(words) if isinstance(words, list | tuple) else (words,)


def from_one_hot(columns: Mapping[str, np.ndarray]) -> IntArray:
    """Return the (B,) position of the only column that is 1, or a code."""
    table = np.stack([np.asarray(values) for values in columns.values()], axis=1) != 0
    total = table.sum(axis=1)
    label = table.argmax(axis=1).astype(np.int64)
    label[total == 0] = NO_CLASS
    label[total > 1] = SEVERAL_CLASSES
    return label


def from_values(values: np.ndarray, label: Label) -> IntArray:
    """Return the (B,) class index of stored class numbers or codes."""
    codes = np.asarray(values).astype(np.int64) - label.offset
    codes = np.abs(codes) if label.absolute else codes
    missing = UNLABELLED if label.unmatched == "unlabelled" else NO_CLASS
    if label.values is None:
        inside = (codes >= 0) & (codes < len(label.class_names))
        return np.where(inside, codes, missing)
    out = np.full(len(codes), missing, np.int64)
    for i, wanted in enumerate(label.values.values()):
        out[np.isin(codes, _words(wanted))] = i
    return out


def from_file_name(path: Path, label: Label, count: int) -> IntArray:
    """Return (count,) labels by the first class whose pattern occurs in the file's name, else unlabelled."""
    patterns = list((label.file_name or {}).values())
    found = next((i for i, pattern in enumerate(patterns) if re.search(pattern, path.name)), UNLABELLED)
    return np.full(count, found, np.int64)


def regroup(label: IntArray, names: tuple[str, ...], classes: Classes | None) -> tuple[IntArray, tuple[str, ...]]:
    """Return labels and names in the user's classes, each of which stands for one or several of ``names``."""
    if classes is None:
        return label, names
    new = np.full(len(names) + 1, NO_CLASS, np.int64)
    for i, words in enumerate(classes.values()):
        for word in _words(words):
            new[_position(word, names)] = i
    out = np.where(label >= 0, new[label], label)
    return out, tuple(classes)


def _position(word: str | int, names: tuple[str, ...]) -> int:
    if isinstance(word, int) and 0 <= word < len(names):
        return word
    if word in names:
        return names.index(str(word))
    if isinstance(word, str) and class_name(word) in names:
        return names.index(class_name(word))
    raise ConfigError("BAD-VALUE", f"there is no truth class '{quoted(word)}'", did_you_mean(str(word), names))


def check_labels(jets: Jets, path: Path) -> None:
    """Raise ``DataError`` ``LABELS`` with counts if a jet belongs to no class or to several."""
    if jets.label is None:
        return
    none, several = (int((jets.label == code).sum()) for code in (NO_CLASS, SEVERAL_CLASSES))
    if none or several:
        what = f"{quoted(path)}: of {jets.num_jets} jets {none} belong to none of the classes and {several} to several"
        raise DataError("LABELS", f"{what} ({quoted(', '.join(jets.classes))})", "name all classes, or select by where")
