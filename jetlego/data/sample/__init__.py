"""The embedded jets: ``sample://top`` and ``sample://qcd``, whole or by split, as files on disk.

Anywhere a path is accepted, ``sample://top/train`` (``val``, ``test``) names one split and ``sample://top`` all three.
How the jets were made, and what they are not, stands in ``DATA_CARD.md`` beside the files.
"""

from __future__ import annotations

from pathlib import Path

from jetlego.errors import DataError, did_you_mean, quoted

PREFIX = "sample://"
CLASSES = ("top", "qcd")
SPLITS = ("train", "val", "test")
FOLDER = Path(__file__).parent


def sample_names() -> tuple[str, ...]:
    """Return every name of embedded jets, such as ``sample://top`` and ``sample://top/test``."""
    return tuple(f"{PREFIX}{c}{split}" for c in CLASSES for split in ("", *(f"/{s}" for s in SPLITS)))


def resolve(name: str) -> list[Path]:
    """Return the files that a name of embedded jets stands for.

    Parameters
    ----------
    name
        ``sample://top``, ``sample://qcd``, or one of their splits, such as ``sample://qcd/test``.

    Raises
    ------
    DataError
        ``NO-FILES`` with the nearest names; or if the installation lacks the files.
    """
    if name not in sample_names():
        raise DataError("NO-FILES", f"there are no embedded jets '{quoted(name)}'", did_you_mean(name, sample_names()))
    jets, _, split = name.removeprefix(PREFIX).partition("/")
    files = [FOLDER / f"{jets}_{s}.root" for s in ([split] if split else SPLITS)]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise DataError("NO-FILES", f"{name}: {missing[0]} is not installed", "reinstall jetlego")
    return files


def data_card() -> str:
    """Return the text that says how the embedded jets were made, measured and cut."""
    return (FOLDER / "DATA_CARD.md").read_text(encoding="utf-8")
