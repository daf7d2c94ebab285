"""Jets as JSON, one a line, of JetsGame and LundNet; and the Lund declusterings that stand beside them.

References
----------
Carrazza, Dreyer, arXiv:1903.09644 (JetsGame); Dreyer, Qu, arXiv:2012.08526 (LundNet).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data import labels
from jetlego.data.formats.reader import Reader
from jetlego.data.formats.text import numbered_lines
from jetlego.data.jets import Jets
from jetlego.errors import DataError, quoted

_MOMENTUM = ("px", "py", "pz", "E")
DECLUSTERING = ("p_pt", "p_m", "h_pt", "s_pt", "z", "Delta", "kt", "psi")


@dataclass(frozen=True)
class Declusterings:
    """Primary Lund declusterings of some jets.

    Parameters
    ----------
    columns
        {name: (D,) float64}: ``p_pt, p_m, h_pt, s_pt`` (GeV; of parent, harder and softer branch), ``z``, ``Delta``,
        ``kt`` (GeV), ``psi``, as far as the file has them.
    jet_ptr
        (B + 1,) int64; jet b owns rows ``jet_ptr[b]:jet_ptr[b + 1]``.
    """

    columns: Mapping[str, FloatArray]
    jet_ptr: IntArray


class JetsGameReader(Reader):
    """Jets of one file; each line is a list whose first element describes the jet and whose others are particles."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._count = 0

    @property
    def num_entries(self) -> int:
        """Jets met so far."""
        return self._count

    def chunks(self, start: int, stop: int | None, step: int | None) -> Iterator[Jets]:
        """Yield the jets of lines ``start:stop``, ``step`` at a time."""
        stream = islice(self._counted(stop), start, None)
        first = start
        while block := list(islice(stream, step)):
            yield self._jets(block, first)
            first += len(block)

    def _counted(self, stop: int | None) -> Iterator[FloatArray]:
        if stop is not None and stop <= 0:
            return
        for number, value in json_values(self.path):
            self._count += 1
            yield self._momenta(value, number)
            if stop is not None and self._count >= stop:
                return

    def _momenta(self, value: Any, number: int) -> FloatArray:
        particles = value[1:] if isinstance(value, list) else None
        if particles is None or not all(isinstance(p, dict) for p in particles):
            raise DataError("BAD-FILE", f"{quoted(self.path)}:{number}: a jet must be a list of particles")
        try:
            rows = [[particle[key] for key in _MOMENTUM] for particle in particles]
            return np.array(rows, dtype=np.float64).reshape(-1, 4) * self.schema.momentum_scale
        except KeyError as error:
            if particles and {"z", "Delta"} <= particles[0].keys():
                what = f"{quoted(self.path)}:{number}: holds declusterings, not particles"
                raise DataError("NO-CONSTITUENTS", what, "read them by jetlego.data.formats.jetsgame") from None
            what = f"{quoted(self.path)}:{number}: a particle without {quoted(error.args[0])}"
            raise DataError("BAD-FILE", what) from None
        except (TypeError, ValueError):
            raise DataError("BAD-FILE", f"{quoted(self.path)}:{number}: a momentum that is no number") from None

    def _jets(self, momenta: list[FloatArray], first: int) -> Jets:
        count = len(momenta)
        out: dict[str, Any] = {}
        if self.schema.label is not None:
            label = labels.from_file_name(self.path, self.schema.label, count)
            names = self.schema.label.class_names
            out["label"], out["classes"] = labels.regroup(label, names, self.request.classes)
        return Jets(
            p4=np.concatenate(momenta), jet_ptr=offsets_of(np.array([len(m) for m in momenta], np.int64)),
            jet={"event_index": np.arange(first, first + count), "jet_index": np.zeros(count, np.int64)}, **out,
        )  # fmt: skip


def read_declusterings(path: str | Path) -> Declusterings:
    """Read a file of Lund declusterings, one list a jet and line.

    Raises
    ------
    DataError
        ``BAD-FILE`` with the line.
    """
    rows: list[dict[str, float]] = []
    counts = []
    for number, value in json_values(Path(path)):
        if not isinstance(value, list) or not all(isinstance(row, dict) and "z" in row for row in value):
            raise DataError("BAD-FILE", f"{quoted(path)}:{number}: is no list of declusterings")
        rows += value
        counts.append(len(value))
    names = [name for name in DECLUSTERING if all(name in row for row in rows)]
    columns = {name: np.array([row[name] for row in rows], np.float64) for name in names}
    return Declusterings(columns, offsets_of(np.array(counts, np.int64)))


def json_values(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield (line number, value) of every line that is not a JSON string; strings are headers.

    Raises
    ------
    DataError
        ``BAD-FILE`` with the line, for text that is not JSON, and for NaN and Infinity, which JSON does not have.
    """
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise DataError("BAD-FILE", f"{quoted(path)}:{number}: is not JSON: {quoted(error)}") from None
        if not isinstance(value, str):
            yield number, value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")
