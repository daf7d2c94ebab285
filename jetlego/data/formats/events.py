"""Plain event files of FastJet: ``px py pz E`` a line, ``#`` comments, ``#END`` after each event.

References
----------
Cacciari, Salam, Soyez, FastJet user manual, arXiv:1111.6097 (the files of its examples).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.data.formats.clustered import Event, EventReader
from jetlego.data.formats.text import numbered_lines
from jetlego.errors import DataError, quoted


class PlainEventReader(EventReader):
    """Events of one plain text file; a file without ``#END`` is one event."""

    def events(self) -> Iterator[Event]:
        """Yield the events of the file."""
        rows: list[list[bytes]] = []
        places: list[int] = []
        count = 0
        for number, line in numbered_lines(self.path):
            if line.startswith(b"#END"):
                yield Event(count, self._momenta(rows, places))
                rows, places, count = [], [], count + 1
            elif line.strip() and not line.startswith(b"#"):
                rows.append(line.split()[:4])
                places.append(number)
        if rows:
            yield Event(count, self._momenta(rows, places))

    def _momenta(self, rows: list[list[bytes]], places: list[int]) -> FloatArray:
        try:
            return np.array(rows, dtype=np.float64).reshape(-1, 4) * self.schema.momentum_scale
        except ValueError:
            pass
        for row, number in zip(rows, places, strict=True):
            if len(row) < 4 or not all(map(_is_number, row)):
                text = quoted(b" ".join(row).decode("latin-1"))
                raise DataError("BAD-FILE", f"{quoted(self.path)}:{number}: '{text}' is not px py pz E")
        raise AssertionError("a block of good rows did not parse")


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
