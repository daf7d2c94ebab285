"""HepMC2 and HepMC3 listings, plain or gzip: events streamed from text, final particles clustered to jets.

References
----------
Dobbs, Hansen, Comput. Phys. Commun. 134 (2001) 41 (HepMC2); Buckley et al., arXiv:1912.08005 (HepMC3).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from jetlego.data.formats.clustered import Event, EventReader
from jetlego.data.formats.text import numbered_lines
from jetlego.errors import DataError, JetlegoWarning, quoted

_START = {b"HepMC::IO_GenEvent-START_EVENT_LISTING": 2, b"HepMC::Asciiv3-START_EVENT_LISTING": 3}
_END = (b"HepMC::IO_GenEvent-END_EVENT_LISTING", b"HepMC::Asciiv3-END_EVENT_LISTING")
_CODE = {2: 2, 3: 3}
"""Column of the PDG code; px, py, pz, E, m and status follow."""

_FINAL = 1
_HEPMC2_RANDOM = 11
"""Column of an E line of HepMC2 that tells how many random numbers come before the weights."""


@dataclass
class _Open:
    """An event whose lines are still coming."""

    line: int
    version: int
    unit: bytes | None = None
    weight: float | None = None
    rows: list[list[bytes]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


class HepMCReader(EventReader):
    """Events of one listing."""

    def events(self) -> Iterator[Event]:
        """Yield the events of the file."""
        version, ended, count = 0, False, 0
        event: _Open | None = None
        for number, line in numbered_lines(self.path):
            kind = line[:2]
            if kind == b"P " and event is not None:
                event.rows.append(line.split())
                event.places.append(number)
            elif kind == b"E " or line in _END:
                if event is not None:
                    yield self._finished(event, count)
                    count += 1
                ended = line in _END
                event = None if ended else _Open(number, version, weight=self._hepmc2_weight(line, version, number))
            elif line in _START:
                version, ended = _START[line], False
            elif event is not None:
                self._other(event, line, number)
        if event is not None:
            yield self._finished(event, count)
        if not ended:
            what = f"{quoted(self.path)} ends without END_EVENT_LISTING; events may be missing"
            warnings.warn(JetlegoWarning("HEPMC-END", what), stacklevel=2)

    def _other(self, event: _Open, line: bytes, number: int) -> None:
        words = line.split()
        if line.startswith(b"U ") and len(words) >= 2:
            event.unit = words[1].upper()
        elif line.startswith(b"W ") and event.version == 3 and len(words) >= 2:
            event.weight = self._number(words[1], number)

    def _hepmc2_weight(self, line: bytes, version: int, number: int) -> float | None:
        """Return the first weight of an E line of HepMC2, where it has any."""
        words = line.split()
        if version != 2 or len(words) <= _HEPMC2_RANDOM:
            return None
        weights = _HEPMC2_RANDOM + 1 + int(self._number(words[_HEPMC2_RANDOM], number))
        if len(words) <= weights + 1 or self._number(words[weights], number) < 1:
            return None
        return self._number(words[weights + 1], number)

    def _finished(self, event: _Open, count: int) -> Event:
        code = _CODE[event.version] if event.version else 2
        table = self._table(event, code)
        pdgid, status = table[:, 0], table[:, 6]
        p4 = table[:, 1:5] * self._scale(event)
        rule = self.schema.cluster
        final = (status == _FINAL) & ~np.isin(np.abs(pdgid), rule.invisible)
        labelling = np.isin(np.abs(pdgid), [code for codes in rule.match.values() for code in codes])
        partons = np.column_stack([p4, pdgid])[labelling]
        return Event(count, p4[final], pdgid[final].astype(np.int64), partons, event.weight)

    def _table(self, event: _Open, code: int) -> np.ndarray:
        """Return (n, 7): PDG code, px, py, pz, E, m, status of all particles of an event."""
        wanted = [row[code : code + 7] for row in event.rows]
        try:
            return np.array(wanted, dtype=np.float64).reshape(-1, 7)
        except ValueError:
            pass
        for row, number in zip(wanted, event.places, strict=True):
            if len(row) < 7:
                what = f"a particle line of {len(row) + code} columns; it needs {code + 7}"
                raise DataError("BAD-FILE", f"{quoted(self.path)}:{number}: {what}")
            for word in row:
                self._number(word, number)
        raise AssertionError("a block of good particle lines did not parse")

    def _number(self, word: bytes, number: int) -> float:
        try:
            return float(word)
        except ValueError:
            text = quoted(word.decode("latin-1"))
            raise DataError("BAD-FILE", f"{quoted(self.path)}:{number}: '{text}' is not a number") from None

    def _scale(self, event: _Open) -> float:
        """Return the factor to GeV: the unit of the event, or else that of the schema."""
        if event.unit in (b"GEV", b"MEV"):
            return 1e-3 if event.unit == b"MEV" else 1.0
        if self.schema.momentum_unit is None:
            what = f"{quoted(self.path)}:{event.line}: the event does not say its momentum unit"
            raise DataError("UNITS", what, "set the schema key momentum_unit to GeV or MeV")
        return self.schema.momentum_scale
