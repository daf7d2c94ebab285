"""The manifest of a prepared folder: what was read, how, and the SHA-256 of every shard.

Nothing in it depends on when, where or by how many workers the shards were made. Its last line of defense is a digest
of itself, so that an edited manifest is refused like an edited shard.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jetlego.atomic import write_atomic
from jetlego.errors import ConfigError, DataError, quoted

FORMAT = 1
"""Goes up when the same options would give other bytes."""

MANIFEST, PLAN = "manifest.json", ".plan.json"
SHARD_NAME = re.compile(r"\d{5,}-\d{3,}\.shard")
_HINT = "jetlego data prepare --overwrite makes it anew"


def shard_name(task: int, part: int) -> str:
    """Return the file name of a shard; names sort in the order of the jets."""
    return f"{task:05d}-{part:03d}.shard"


def is_prepared(path: Path) -> bool:
    """Return whether a path is a folder of shards, finished or not, or the manifest of one."""
    folder = folder_of(path)
    return (folder / MANIFEST).is_file() or (path.is_dir() and (path / PLAN).is_file())


def folder_of(path: Path) -> Path:
    """Return the folder of a path that is the folder itself or its manifest."""
    return path.parent if path.name == MANIFEST else path


def signed(data: Mapping[str, Any]) -> str:
    """Return JSON text that holds its own digest."""
    return json.dumps({**data, "sha256": _digest(data)}, indent=1, sort_keys=True) + "\n"


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def write_signed(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON with its own digest, whole or not at all."""
    write_atomic(path, signed(data))


def read_signed(path: Path) -> dict[str, Any]:
    """Return what :func:`write_signed` wrote.

    Raises
    ------
    DataError
        ``SHARD-HASH`` if it was changed, ``SHARD-MISSING`` if there is none.
    """
    try:
        data = json.loads(path.read_bytes())
        digest = data.pop("sha256")
    except FileNotFoundError as error:
        raise DataError("SHARD-MISSING", f"there is no {quoted(path)}", "run jetlego data prepare first") from error
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError("SHARD-HASH", f"{quoted(path)} is damaged", _HINT) from error
    if digest != _digest(data):
        raise DataError("SHARD-HASH", f"{quoted(path)} was changed after it was written", _HINT)
    if data.get("format") != FORMAT:
        what = f"{quoted(path)} is of format {data.get('format')}; this version of jetlego reads {FORMAT}"
        raise DataError("SHARD-VERSION", what, _HINT)
    return data


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a folder whose shards are all there, with the lengths they should have.

    Raises
    ------
    DataError
        ``SHARD-MISSING`` or ``SHARD-HASH``, naming the file.
    ConfigError
        ``PATH-ESCAPE`` if a name in the manifest leads out of the folder.
    """
    folder = folder_of(path)
    if not (folder / MANIFEST).is_file() and (folder / PLAN).is_file():
        what = f"{quoted(folder)} is prepared only in part"
        raise DataError("SHARD-MISSING", what, "the same jetlego data prepare goes on from there")
    manifest = read_signed(folder / MANIFEST)
    for shard in manifest["shards"]:
        _check_shard(folder, shard)
    return manifest


def shard_paths(path: Path) -> list[Path]:
    """Return the shards of a prepared folder that hold jets, in order; raises as :func:`read_manifest`."""
    folder = folder_of(path)
    return [folder / shard["name"] for shard in read_manifest(folder)["shards"] if shard["jets"]]


def _check_shard(folder: Path, shard: Mapping[str, Any]) -> None:
    path = folder / shard["name"]
    if not SHARD_NAME.fullmatch(shard["name"]) or path.resolve().parent != folder.resolve():
        raise ConfigError("PATH-ESCAPE", f"{quoted(folder)}: the shard '{quoted(shard['name'])}' is not in the folder")
    if not path.is_file():
        hint = "the same jetlego data prepare makes it again"
        raise DataError("SHARD-MISSING", f"there is no shard {quoted(path)}", hint)
    size = path.stat().st_size
    if size != shard["bytes"]:
        what = f"{quoted(path)} has {size} bytes of {shard['bytes']}"
        raise DataError("SHARD-HASH", what, "the same jetlego data prepare makes it again")
