"""Splits that share jets although they share no file: shards hold the jets of the files they were prepared from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jetlego.data.shards.manifest import MANIFEST, read_signed


@dataclass(frozen=True)
class Content:
    """What a split holds under one path: (size, SHA-256) of files, and the cut that was made on their jets."""

    split: str
    place: Path
    files: frozenset[tuple[int, str]]
    where: str | None = None

    def shares(self, other: Content) -> bool:
        """Return whether jets may be common; of two different cuts nothing is known, so they are trusted."""
        trusted = None not in (self.where, other.where) and self.where != other.where
        return self.split != other.split and not trusted and bool(self.files & other.files)


def shared_sources(
    splits: Mapping[str, Iterable[Path]], digest: Callable[[Path], str]
) -> tuple[Content, Content] | None:
    """Return two splits of which one holds shards of a file that the other holds too, itself or as shards.

    Parameters
    ----------
    digest
        Gives the SHA-256 of a file; called for files that are as long as a source alone.
    """
    splits = {name: list(files) for name, files in splits.items()}
    prepared = [content for name, files in splits.items() for content in _prepared(name, files)]
    sizes = {size for content in prepared for size, _ in content.files}
    plain = [
        Content(name, path, frozenset({(path.stat().st_size, digest(path))}))
        for name, files in splits.items() for path in files
        if path.stat().st_size in sizes
    ]  # fmt: skip
    pairs = itertools.combinations([*prepared, *plain], 2)
    return next((pair for pair in pairs if pair[0].shares(pair[1])), None)


def _prepared(split: str, files: Iterable[Path]) -> Iterator[Content]:
    folders = dict.fromkeys(path.parent for path in files if path.suffix == ".shard")
    for folder in folders:
        if (folder / MANIFEST).is_file():
            manifest = read_signed(folder / MANIFEST)
            sources = frozenset((source["size"], source["sha256"]) for source in manifest["sources"])
            yield Content(split, folder, sources, manifest["parameters"]["where"])
