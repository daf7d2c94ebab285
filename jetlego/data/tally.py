"""What reading dropped or found odd, counted over all files and told once, at the end."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.errors import JetlegoWarning


@dataclass
class Tally:
    """Counters of one read; :meth:`warn` turns them into warnings.

    Parameters
    ----------
    jets, constituents
        Read so far, before any selection.
    kept, weight_sum
        Jets left after selection; their weights, None if there are none.
    found
        {(warning ID, text): number of cases}.
    bad_files
        Files skipped on request, each with its reason.
    """

    jets: int = 0
    kept: int = 0
    weight_sum: float | None = None
    constituents: int = 0
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    bad_files: list[str] = field(default_factory=list)

    def count_kept(self, weight: FloatArray | None, number: int) -> None:
        """Count jets left after selection, and their weights if they have any."""
        self.kept += number
        if weight is not None:
            self.weight_sum = (self.weight_sum or 0.0) + float(weight.sum(dtype=np.float64))

    def add(self, id: str, text: str, number: int) -> None:
        """Count ``number`` cases of one warning; ``{n}`` and ``{share}`` in the text are filled in at the end."""
        if number:
            self.found[id, text] += int(number)

    def warn(self) -> list[tuple[str, str]]:
        """Give one warning for each kind of case that occurred, and return (ID, text) of each."""
        told = []
        for (id, text), number in self.found.items():
            share = f"{number / max(self.constituents, 1):.2g}"
            what = text.replace("{n}", str(number)).replace("{share}", share)  # not format: file names may hold braces
            told.append((id, what))
        if self.bad_files:
            what = f"{len(self.bad_files)} bad files were skipped: {', '.join(self.bad_files[:5])}"
            told.append(("BAD-FILE", what))
        for id, what in told:
            warnings.warn(JetlegoWarning(id, what), stacklevel=3)
        return told
