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

LEAST_LIST = 3
"""Rows from which a first column 0, 1, 2, ... cannot be px by chance."""


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
            momenta = np.array(rows, dtype=np.float64).reshape(-1, 4)
        except ValueError:
            pass
        else:
            self._refuse_numbered_list(momenta)
            return momenta * self.schema.momentum_scale
        for row, number in zip(rows, places, strict=True):
            if len(row) < 4 or not all(map(_is_number, row)):
                text = quoted(b" ".join(row).decode("latin-1"))
                raise DataError("BAD-FILE", f"{quoted(self.path)}:{number}: '{text}' is not px py pz E")
        raise AssertionError("a block of good rows did not parse")


    def _refuse_numbered_list(self, rows: FloatArray) -> None:
        """Raise for FastJet's lists of found jets (number, rapidity, azimuth, pT), which look like momenta."""
        if len(rows) >= LEAST_LIST and np.array_equal(rows[:, 0], np.arange(len(rows))):
            what = f"{quoted(self.path)}: the first column counts 0, 1, 2, ...: a numbered list, not px py pz E"
            raise DataError("BAD-FILE", what, "lists of jets that were found have no constituents")


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
