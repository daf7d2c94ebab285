"""The ``.auto.yaml`` beside a configuration: the same file with measured numbers filled in.

Weaver keys it by the configuration's MD5 alone. Ours also says, in a comment that weaver skips, from which files and
which selection the numbers come, so that stale ones are noticed.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jetlego.atomic import write_atomic
from jetlego.data.weaver.config import WeaverConfig
from jetlego.errors import ConfigError, JetlegoWarning

_SUFFIX = ".auto.yaml"
_HEADER = "# jetlego: measured on files "
_ENDS = 2**16


def auto_path(path: Path) -> Path:
    """Return where weaver looks for measured numbers: ``name.<md5 of the file>.auto.yaml``."""
    if _SUFFIX in path.name:
        return path
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return Path(str(path).replace(".yaml", f".{md5}{_SUFFIX}"))


def write_auto_file(config: WeaverConfig, source: Path, files: Iterable[Path]) -> Path:
    """Write the measured configuration beside its source, whole or not at all, and return its path."""
    path = auto_path(source)
    header = f"{_HEADER}{manifest_hash(files, config)}\n"
    write_atomic(path, header + "\n".join(_lines(config.options, 0)) + "\n")
    return path


def check_auto_file(path: Path, config: WeaverConfig, files: Iterable[Path], *, reuse: bool) -> None:
    """Check that measured numbers come from these files and this selection.

    Raises
    ------
    ConfigError
        ``AUTO-MISMATCH`` if they do not, unless ``reuse``.

    Warns
    -----
    JetlegoWarning
        ``AUTO-UNKNOWN`` for a file that weaver wrote, which cannot be checked.
    """
    with path.open(encoding="utf-8") as file:
        first = file.readline().rstrip("\n")
    if not first.startswith(_HEADER):
        what = f"{path}: cannot tell from which files these numbers come"
        warnings.warn(JetlegoWarning("AUTO-UNKNOWN", what), stacklevel=3)
    elif first.removeprefix(_HEADER) != manifest_hash(files, config) and not reuse:
        what = f"{path}: its numbers were measured on other files or with another selection"
        raise ConfigError("AUTO-MISMATCH", what, "delete it to measure again, or say --reuse-preprocess")


def manifest_hash(files: Iterable[Path], config: WeaverConfig) -> str:
    """Return a SHA-256 of names, sizes and ends of the files, in any order, and of what selects jets from them."""
    total = hashlib.sha256()
    for line in sorted(_fingerprint(path) for path in files):
        total.update(line.encode())
    chosen = [config.options[key] for key in ("treename", "selection", "branch_magic", "file_magic", "new_variables")]
    total.update(json.dumps([*chosen, config.options["preprocess"]["data_fraction"]], sort_keys=True).encode())
    return total.hexdigest()


def _fingerprint(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        ends = file.read(_ENDS)
        file.seek(max(0, size - _ENDS))
        ends += file.read(_ENDS)
    return f"{path.name} {size} {hashlib.sha256(ends).hexdigest()}\n"


def _lines(value: Any, indent: int) -> Iterator[str]:
    """Yield block that YAML 1.1 and 1.2 read alike: strings in quotes, floats with point and signed exponent."""
    space = "  " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            if _is_block(item):
                yield f"{space}{_scalar(str(key))}:"
                yield from _lines(item, indent + 1)
            else:
                yield f"{space}{_scalar(str(key))}: {_flow(item)}"
    else:
        for item in value:
            yield f"{space}- {_flow(item)}"


def _is_block(value: Any) -> bool:
    return bool(value) and (isinstance(value, dict) or (isinstance(value, list) and any(map(_is_nested, value))))


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(str(key))}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)  # a JSON string, number, true, false or null is the same in YAML


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return text
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent if exponent[0] in '+-' else '+' + exponent}"
