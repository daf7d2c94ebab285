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

UNLABELLED, NO_CLASS, SEVERAL_CLASSES, NEGATIVE, UNSEEN = -1, -2, -3, -4, -5
"""Codes beside the class index; all but the first are errors if a selected jet has them."""

FAULTS = {
    NO_CLASS: "belong to none of the classes", SEVERAL_CLASSES: "belong to several",
    NEGATIVE: "have a negative class number", UNSEEN: "have a class number that no class has",
}  # fmt: skip
"""What is wrong with jets of each code."""


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
    """Return the (B,) position of the only column that is set (above 0), or a code; NaN and negative are not set."""
    table = np.stack([np.asarray(values) > 0 for values in columns.values()], axis=1)
    total = table.sum(axis=1)
    label = table.argmax(axis=1).astype(np.int64)
    label[total == 0] = NO_CLASS
    label[total > 1] = SEVERAL_CLASSES
    return label


def from_values(values: np.ndarray, label: Label) -> IntArray:
    """Return the (B,) class index of stored class numbers or codes."""
    stored = np.asarray(values)
    known = np.isfinite(stored)
    codes = np.where(known, stored, 0).astype(np.int64) - label.offset
    codes = np.abs(codes) if label.absolute else codes
    if label.unmatched == "unlabelled":
        missing = np.full(len(codes), UNLABELLED)
    else:
        missing = np.select([~known, codes < 0], [NO_CLASS, NEGATIVE], UNSEEN)
    if label.values is None:
        inside = known & (codes >= 0) & (codes < len(label.class_names))
        return np.where(inside, codes, missing)
    out = missing.astype(np.int64)
    for i, wanted in enumerate(label.values.values()):
        out[known & np.isin(codes, _words(wanted))] = i
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
    out = np.where(label >= 0, new[np.maximum(label, -1)], label)
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
    """Raise ``DataError`` ``LABELS`` with counts if a jet belongs to no class, to several, or to an unknown one."""
    counts = label_faults(jets)
    if counts:
        cases = ", ".join(f"{count} {FAULTS[code]}" for code, count in counts.items())
        what = f"{quoted(path)}: of {jets.num_jets} jets {cases} ({quoted(', '.join(jets.classes))})"
        raise DataError("LABELS", what, "name all classes, or select by where")


def label_faults(jets: Jets) -> dict[int, int]:
    """Return {code: jets} of what is wrong with labels; empty if nothing is."""
    if jets.label is None:
        return {}
    counts = {code: int((jets.label == code).sum()) for code in FAULTS}
    return {code: count for code, count in counts.items() if count}


def told_absent(counts: IntArray, classes: Sequence[str], *, what: str) -> str:
    """Return that some jets lack a class; nothing if they do not.

    Parameters
    ----------
    counts
        (K,) jets of each class.
    classes
        Their names.
    what
        Names the jets, such as ``"the training jets"``.

    Notes
    -----
    For those who train: a class that is never seen is never learnt, and its scores mean nothing.
    """
    absent = [name for name, count in zip(classes, counts, strict=True) if not count]
    if not absent:
        return ""
    found = ", ".join(f"{name} {count}" for name, count in zip(classes, counts, strict=True) if count)
    word = "class" if len(absent) == 1 else "classes"
    return f"{what} hold no jet of the {word} {quoted(', '.join(absent))} (found: {quoted(found) or 'none'})"
