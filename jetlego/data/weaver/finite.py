"""NaN and infinite values among a configuration's inputs, where weaver's own rule shall not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import BoolArray
from jetlego.data.tally import Tally
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.frame import Frame, Jagged
from jetlego.errors import NonFiniteError, quoted

WeaverNonfinite = Literal["weaver", "error", "drop-particle", "drop-jet", "zero"]

_TOLD = {"drop-particle": "dropped", "drop-jet": "dropped with their jets", "zero": "set to zero"}


def finite_frame(frame: Frame, config: WeaverConfig, how: WeaverNonfinite, path: Path, tally: Tally) -> Frame:
    """Return selected jets without NaN and infinite inputs, as ``how`` says; the rest is counted.

    Notes
    -----
    ``"weaver"`` leaves all as it is: NaN becomes 0 behind the transformation, infinities are clipped or stay.
    ``"zero"`` makes either 0 behind the transformation. A value of the jet has no particle to drop: ``"drop-particle"``
    drops its jet.

    Raises
    ------
    NonFiniteError
        ``NONFINITE`` with variable, file, first entry and count, if ``how`` is ``"error"``.
    """
    if how == "weaver":
        return frame
    jets, particles = np.zeros(frame.length, bool), dict[int, BoolArray]()
    for name in dict.fromkeys(name for group in config.groups for name in group.variables):
        column = frame.columns[name]
        values = column.content if isinstance(column, Jagged) else column
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            continue
        bad = ~np.isfinite(values)
        if not bad.any():
            continue
        if how == "error":
            raise _fault(frame, name, column, bad, path)
        tally.add("NONFINITE", f"{{n}} NaN or infinite values of '{quoted(name)}' were {_TOLD[how]}", bad.sum())
        if how == "zero":  # NaN is what becomes 0 behind the transformation
            filled = np.where(bad, values.dtype.type(np.nan), values)
            frame.add(name, Jagged(column.offsets, filled) if isinstance(column, Jagged) else filled)
        elif not isinstance(column, Jagged):
            jets |= bad.reshape(frame.length, -1).any(axis=1)
        elif how == "drop-jet":
            jets |= np.bincount(_owner(column)[bad], minlength=frame.length) > 0
        else:
            particles[id(column.offsets)] = bad | particles.get(id(column.offsets), np.zeros(len(bad), bool))
    frame = _without_particles(frame, particles) if particles else frame
    return frame.take(np.flatnonzero(~jets)) if jets.any() else frame


def _owner(column: Jagged) -> np.ndarray:
    return np.repeat(np.arange(len(column.offsets) - 1), column.counts)


def _without_particles(frame: Frame, dropped: dict[int, BoolArray]) -> Frame:
    """Return all jets, rows of each structure without the elements that are dropped from it."""
    out = Frame(frame.length, seed=frame.context.seed, rows=frame.rows)
    for name in list(frame.columns):
        column = frame.columns[name]
        if isinstance(column, Jagged) and id(column.offsets) in dropped:
            kept = ~dropped[id(column.offsets)]
            counts = np.bincount(_owner(column)[kept], minlength=frame.length)
            column = Jagged(offsets_of(counts), column.content[kept])
        out.add(name, column)
    return out


def _fault(frame: Frame, name: str, column: object, bad: BoolArray, path: Path) -> NonFiniteError:
    first = int(np.flatnonzero(bad.reshape(-1))[0])
    jet, place = first // max(1, bad.size // max(1, len(bad))), ""
    if isinstance(column, Jagged):
        jet = int(np.searchsorted(column.offsets, first, side="right")) - 1
        place = f"constituent {first - column.offsets[jet]} of "
    what = f"{quoted(path)}: '{quoted(name)}' of {place}entry {int(frame.rows[jet])} is NaN or infinite, as are"
    return NonFiniteError(f"{what} {int(bad.sum())} values of the chunk", "set data.nonfinite: weaver, zero, drop-...")
