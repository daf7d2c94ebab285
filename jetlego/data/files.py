"""Paths, globs and ``sample://`` names to files; what a file is by its bytes; the same file met twice."""

from __future__ import annotations

import glob
import gzip
import hashlib
import importlib
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from jetlego.data.shards.leaks import shared_sources
from jetlego.data.shards.manifest import MANIFEST, is_prepared, shard_paths
from jetlego.errors import DataError, quoted

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_HEAD = 4096
_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FOUR_NUMBERS = re.compile(rb"\s*" + _NUMBER + rb"(?:\s+" + _NUMBER + rb"){3,}\s*")
_SHARD = b"\x93JETLEGO"
_MAGIC = {
    _SHARD: "shard", b"root": "root", b"\x89HDF\r\n\x1a\n": "hdf5", b"PAR1": "parquet", b"PK\x03\x04": "npz",
}  # fmt: skip
_ENDINGS = {
    ".root": "root", ".h5": "hdf5", ".hdf5": "hdf5", ".parquet": "parquet", ".npz": "npz", ".hepmc": "hepmc",
    ".hepmc2": "hepmc", ".hepmc3": "hepmc", ".json": "json", ".pickle": "pickle", ".pkl": "pickle", ".shard": "shard",
}  # fmt: skip


def find_files(paths: Paths) -> list[Path]:
    """Return the files that paths, globs and ``sample://`` names stand for, in the order given.

    Parameters
    ----------
    paths
        One or several; a glob may hold ``**``, its matches are sorted by name. A path that exists is never a glob.
        A folder that ``jetlego data prepare`` wrote stands for its shards.

    Raises
    ------
    DataError
        ``NO-FILES`` for a missing file or a glob without a match; ``SHARD-MISSING`` or ``SHARD-HASH`` for a prepared
        folder that is not whole.
    """
    words = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    files = [file for word in words for file in _expand(os.fspath(word))]
    if not files:
        raise DataError("NO-FILES", "no file was given")
    return files


def _expand(word: str) -> list[Path]:
    if word.startswith("sample://"):
        return list(importlib.import_module("jetlego.data.sample").resolve(word))
    path = Path(word).expanduser()
    if _exists(path):
        if is_prepared(path):
            return shard_paths(path)
        if path.is_dir():
            raise DataError("NO-FILES", f"'{quoted(word)}' is a folder", f"write {quoted(word)}/*.root for its files")
        return [path]
    found = list(_matches(str(path)))
    if not found:
        kind = "glob" if glob.has_magic(word) else "path"
        hint = "files on servers must be copied or mounted first" if "://" in word else ""
        raise DataError("NO-FILES", f"no file matches the {kind} '{quoted(word)}'", hint)
    return found


def _matches(pattern: str) -> Iterator[Path]:
    """Yield the files that a glob matches, and the shards of prepared folders; manifests are not data."""
    for path in map(Path, sorted(glob.glob(pattern, recursive=True))):  # noqa: PTH207
        if path.is_dir() and is_prepared(path):
            yield from shard_paths(path)
        elif path.is_file() and not (path.name == MANIFEST and is_prepared(path)):
            yield path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for the file system
        return False


def first_bytes(path: Path, count: int = _HEAD) -> bytes:
    """Return the first bytes of a file.

    Raises
    ------
    DataError
        ``BAD-FILE`` if it cannot be read at all.
    """
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise DataError("BAD-FILE", f"{quoted(path)}: {error.strerror or error}") from error


def is_shard(path: Path) -> bool:
    """Return whether a file is a prepared shard, by its first bytes or its name."""
    return path.suffix == ".shard" or first_bytes(path, len(_SHARD)) == _SHARD


def container_of(path: Path) -> str:
    """Return what a file is by its bytes.

    Returns
    -------
    str
        ``root``, ``hdf5``, ``parquet``, ``npz``, ``hepmc``, ``json``, ``pickle``, ``shard`` or ``text`` (columns of
        numbers); gzip is looked into once.

    Raises
    ------
    DataError
        ``BAD-FILE`` for an empty or unknown file; ``NOT-ROOT`` and the like if ending and bytes disagree.
    """
    head = first_bytes(path)
    inner = _gunzip(head) if head.startswith(b"\x1f\x8b") else head
    kind = _kind(inner)
    promised = _promised(path)
    if promised and kind != promised:
        raise not_what_it_says(path, promised, head)
    if kind is None:
        raise DataError("BAD-FILE", f"{quoted(path)} is of no known kind; it begins with {_shown(head)}")
    return kind


def _kind(head: bytes) -> str | None:
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[:1] == b"\x80" and head[1:2] and head[1] in (2, 3, 4, 5):
        return "pickle"
    text = head.lstrip()
    if text.startswith(b"HepMC::Version"):
        return "hepmc"
    if text[:1] in (b"[", b"{", b'"'):
        return "json"
    lines = [line for line in text.splitlines()[:-1] or [text] if line and not line.startswith(b"#")]
    if (lines and _FOUR_NUMBERS.fullmatch(lines[0])) or (not lines and text.startswith(b"#")):
        return "text"
    return None


def _gunzip(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except zlib.error:
        return b""


def _promised(path: Path) -> str | None:
    endings = [suffix.lower() for suffix in path.suffixes]
    if endings and endings[-1] == ".gz":
        endings.pop()
    return _ENDINGS.get(endings[-1]) if endings else None


def not_what_it_says(path: Path, promised: str, head: bytes) -> DataError:
    """Return the error for a file whose bytes are not of the kind its name or its use promises."""
    if head.startswith(b"version https://git-lfs"):
        return DataError("BAD-FILE", f"{quoted(path)} is a git-lfs pointer, not data", "run git lfs pull")
    names = {"root": "ROOT", "hdf5": "HDF5", "parquet": "Parquet", "hepmc": "HepMC", "json": "JSON"}
    name = names.get(promised, promised)
    begins = f"it begins with {_shown(head)}" if head else "it is empty"
    return DataError(f"NOT-{promised.upper()}", f"{quoted(path)} is not a {name} file: {begins}")


def _shown(head: bytes) -> str:
    return "'" + quoted(head[:24].decode("latin-1")) + "'"


def open_text(path: Path) -> BinaryIO:
    """Return a binary stream of a file, through gzip where its bytes say so."""
    if first_bytes(path, 2) == b"\x1f\x8b":
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_duplicates(files: Iterable[Path]) -> None:
    """Raise ``DataError`` ``DUPLICATE-INPUT`` if a file comes twice: by path, by link, or as a copy.

    Only files of equal size are compared by their SHA-256, so that different files cost nothing.
    """
    pair = _first_pair([("", file) for file in files])
    if pair:
        (_, first), (_, second) = pair
        raise DataError("DUPLICATE-INPUT", f"{quoted(first)} and {quoted(second)} are the same file", "name it once")


def check_splits(splits: Mapping[str, Iterable[Path]]) -> None:
    """Raise ``DataError`` ``SPLIT-LEAK`` if two splits, such as train and test, share a file or a copy of it.

    Prepared shards are compared by the files that they were prepared from.
    """
    splits = {name: list(files) for name, files in splits.items()}
    pair = _first_pair([(name, file) for name, files in splits.items() for file in files], across=True)
    if pair:
        (a, first), (b, second) = pair
        what = f"{quoted(first)} ({a}) and {quoted(second)} ({b}) are the same file"
        raise DataError("SPLIT-LEAK", what, "give each split its own files")
    shared = shared_sources(splits, fingerprint)
    if shared:
        told = [f"{quoted(content.place)} ({content.split})" for content in shared]
        what = f"{' and '.join(told)} hold jets of the same file"
        raise DataError("SPLIT-LEAK", what, "give each split its own files")


def _first_pair(named: list[tuple[str, Path]], *, across: bool = False) -> tuple[tuple[str, Path], ...] | None:
    """Return two entries with the same bytes; of different names if ``across``."""
    by_size: dict[int, list[tuple[str, Path]]] = {}
    for entry in named:
        by_size.setdefault(entry[1].stat().st_size, []).append(entry)
    for group in by_size.values():
        if len(group) < 2:
            continue
        seen: dict[str, list[tuple[str, Path]]] = {}
        identities = _identities([file for _, file in group])
        for entry, identity in zip(group, identities, strict=True):
            for earlier in seen.setdefault(identity, []):
                if not across or earlier[0] != entry[0]:
                    return earlier, entry
            seen[identity].append(entry)
    return None


def _identities(files: list[Path]) -> list[str]:
    hashes: dict[tuple[int, int], str] = {}
    out = []
    for file in files:
        status = file.stat()
        key = (status.st_dev, status.st_ino)
        if key not in hashes:
            hashes[key] = fingerprint(file)
        out.append(hashes[key])
    return out
