"""Lines of text files, plain or gzip, with their numbers; what goes wrong below is told as a bad file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from jetlego.data.files import open_text
from jetlego.errors import DataError, quoted

_MAX_LINE = 64 * 2**20


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line without its end).

    Raises
    ------
    DataError
        ``BAD-FILE`` if the file cannot be read to its end, such as a gzip stream cut short, or a line beyond 64 MiB.
    """
    number = 0
    try:
        with open_text(path) as stream:
            while line := stream.readline(_MAX_LINE):
                number += 1
                if len(line) == _MAX_LINE:
                    raise DataError("BAD-FILE", f"{quoted(path)}:{number}: a line of more than {_MAX_LINE} bytes")
                yield number, line.rstrip(b"\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("BAD-FILE", f"{quoted(path)}: cannot be read beyond line {number}: {error}") from error
