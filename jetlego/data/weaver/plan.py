"""What to read and evaluate for one use of a configuration, worked out once; and the jets that pass its cuts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import awkward as ak
import numpy as np

from jetlego.conventions import BoolArray
from jetlego.data.ahead import one_ahead
from jetlego.data.expressions import Expression, evaluation_order, parse_expression
from jetlego.data.expressions.tape import Tape, write_tape
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.frame import Frame, Jagged
from jetlego.data.weaver.reader import FrameReader, Window

Mode = Literal["train", "validate", "predict"]


@dataclass
class Plan:
    """Cuts, variables in their order, and branches.

    Parameters
    ----------
    config
        The configuration.
    mode
        ``"train"`` and ``"validate"`` apply ``selection`` and check the labels; ``"predict"`` applies
        ``test_time_selection`` and delivers observers. ``aux_training_`` is true in ``"train"`` alone.
    extra_selection
        A further cut, ``(selection) & (extra)``.
    more
        Names of further columns to keep, such as those of a weight.
    """

    config: WeaverConfig
    mode: Mode
    extra_selection: str | None = None
    more: tuple[str, ...] = ()
    cuts: list[Expression] = field(init=False)
    cut_variables: list[str] = field(init=False)
    later_variables: list[str] = field(init=False)
    branches: list[str] = field(init=False)
    _tapes: dict[tuple[tuple[str, ...], frozenset[str]], Tape | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        config = self.config
        chosen = config.test_selection if self.mode == "predict" else config.selection
        self.cuts = [cut for cut in (chosen,) if cut is not None]
        if self.extra_selection:
            self.cuts.append(parse_expression(self.extra_selection, where="extra selection"))
        before = [name for cut in self.cuts for name in cut.names]
        self.cut_variables, first = evaluation_order(before, config.variables)
        later, second = evaluation_order([*before, *self._wanted()], config.variables)
        self.later_variables = [name for name in later if name not in self.cut_variables]
        self.branches = list(dict.fromkeys([*first, *second]))
        self._flat = {name for name in self.later_variables if write_tape([name], self._only(name)) is not None}

    def _wanted(self) -> list[str]:
        config = self.config
        names = [name for group in config.groups for name in group.variables]
        names += [name for expression in config.label_spec.columns.values() for name in expression.names]
        names += [name for name in (*self.observers, *self.monitors, *self.more) if name not in config.label_names]
        return names

    @property
    def observers(self) -> list[str]:
        """Variables delivered as they are read, when predicting."""
        return self.config.options["observers"] if self.mode == "predict" else []

    @property
    def monitors(self) -> list[str]:
        """Variables delivered as the network sees them."""
        return self.config.options["monitor_variables"]

    def _only(self, name: str) -> dict[str, Expression]:
        return {name: self.config.variables[name]}

    def tape(self, names: Sequence[str], variables: Mapping[str, Expression]) -> Tape | None:
        """Return the steps that give some inputs at once, None if there are none such; written once."""
        key = (tuple(names), frozenset(variables))
        if key not in self._tapes:
            self._tapes[key] = write_tape(names, variables)
        return self._tapes[key]

    def selected(self, frame: Frame) -> Frame:
        """Return the jets of a frame that pass the cuts; variables that a tape can give are there, but not made yet."""
        for name in self.cut_variables:
            frame.define(name, self.config.variables[name])
        if self.cuts:
            mask = np.ones(frame.length, bool)
            for cut in self.cuts:
                mask &= _as_mask(frame, cut)
            frame = frame.take(np.flatnonzero(mask))
        for name in self.later_variables:
            (frame.defer if name in self._flat else frame.define)(name, self.config.variables[name])
        return frame

    def frames(
        self, files: Iterable[Path], *, step: int | None = None, window: Window | None = None, seed: int = 0
    ) -> Iterator[Frame]:
        """Yield the selected jets of the files in order; a chunk may turn out empty."""
        for frame in one_ahead(self._reader(files, seed).in_order(step=step, window=window)):
            yield self.selected(frame)

    def mixed_frames(self, files: Iterable[Path], *, step: int, seed: int, epoch: int) -> Iterator[Frame]:
        """Yield the selected jets in chunks that are put together from all over the files."""
        for pieces in one_ahead(self._reader(files, seed).mixed(step=step, epoch=epoch)):
            yield Frame.concatenate([self.selected(piece) for piece in pieces])

    def _reader(self, files: Iterable[Path], seed: int) -> FrameReader:
        return FrameReader(self.config, files, self.branches, training=self.mode == "train", seed=seed)


def _as_mask(frame: Frame, cut: Expression) -> BoolArray:
    value = frame.evaluate(cut)
    if isinstance(value, ak.Array):
        value = ak.to_numpy(ak.fill_none(value, False))
    if isinstance(value, Jagged) or np.shape(value) not in ((), (frame.length,)):
        hint = "reduce it, as in ak.any(..., axis=1)"
        raise cut.source.fault("EXPR-SHAPE", "a selection needs one value a jet", hint)
    return np.broadcast_to(np.asarray(value).astype(bool), frame.length)
