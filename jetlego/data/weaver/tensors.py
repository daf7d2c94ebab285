"""The tensors that weaver hands to a network, from the same configuration and the same files."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import awkward as ak
import numpy as np

from jetlego.conventions import FloatArray
from jetlego.data.expressions import Expression, evaluation_order, parse_expression
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.frame import Column, Frame, Jagged
from jetlego.data.weaver.inputs import Group, Parameters
from jetlego.data.weaver.labels import SIMPLE_LABEL, class_index
from jetlego.data.weaver.padding import fill_rows, transform_into
from jetlego.data.weaver.reader import Window, one_ahead, read_frames
from jetlego.errors import ConfigError, DataError, JetlegoWarning

Mode = Literal["train", "validate", "predict"]


@dataclass(frozen=True)
class WeaverBatch:
    """Arrays of the selected jets of one chunk.

    Parameters
    ----------
    inputs
        {group: (N, variables, length) float32}.
    labels
        {label name: (N, ...)}; ``_label_`` is the int64 class index.
    others
        {name: array}: observers (as read) or monitor variables (as the network sees them); jagged ones are awkward.
    weight
        (N,) loss weight, None unless the configuration says ``use: loss``.
    """

    inputs: dict[str, FloatArray]
    labels: dict[str, np.ndarray]
    others: dict[str, Any]
    weight: FloatArray | None = None

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))


@dataclass
class Plan:
    """What to evaluate on each frame, worked out once.

    Parameters
    ----------
    config
        With every center and scale known.
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

    def _wanted(self) -> list[str]:
        config = self.config
        names = [name for group in config.groups for name in group.variables]
        names += [name for expression in config.label_spec.columns.values() for name in expression.names]
        names += [name for name in (*self.others, *self.more) if name not in config.label_names]
        return names

    @property
    def others(self) -> list[str]:
        """Observers when predicting; monitor variables always."""
        observers = self.config.options["observers"] if self.mode == "predict" else []
        return [*observers, *self.config.options["monitor_variables"]]

    def selected(self, frame: Frame) -> Frame:
        """Return the jets of a frame that pass the cuts, with all variables defined."""
        for name in self.cut_variables:
            frame.define(name, self.config.variables[name])
        if self.cuts:
            mask = np.ones(frame.length, bool)
            for cut in self.cuts:
                mask &= _as_mask(frame, cut)
            frame = frame.take(np.flatnonzero(mask))
        for name in self.later_variables:
            frame.define(name, self.config.variables[name])
        return frame

    def frames(
        self, files: Iterable[Path], *, step: int | None = None, window: Window | None = None, seed: int = 0
    ) -> Iterator[Frame]:
        """Yield the selected jets of the files; a chunk may turn out empty."""
        raw = read_frames(
            self.config, files, self.branches, training=self.mode == "train", step=step, window=window, seed=seed
        )
        for frame in one_ahead(raw):
            yield self.selected(frame)


def make_batch(plan: Plan, frame: Frame, *, tally: Mapping[str, list[int]]) -> WeaverBatch:
    """Return the tensors of a frame of selected jets.

    Parameters
    ----------
    tally
        {variable: [NaN, infinities]} that counts what was met, see :func:`warn_non_finite`.
    """
    config = plan.config
    labels = _labels(plan, frame)
    observed = config.options["observers"] if plan.mode == "predict" else []
    observers = {name: _plain(frame, name, labels) for name in observed}
    inputs = {group.name: _group(frame, group, config.parameters, tally) for group in config.groups}
    monitors = {name: _monitored(plan, frame, name, labels) for name in config.options["monitor_variables"]}
    return WeaverBatch(inputs, labels, {**observers, **monitors})


def new_tally(config: WeaverConfig) -> dict[str, list[int]]:
    """Return a fresh count of NaN and infinities for each input variable."""
    return {name: [0, 0] for name in config.parameters}


def warn_non_finite(tally: Mapping[str, list[int]]) -> None:
    """Warn once for each variable that held NaN (now 0) or infinities (which stay unless clipped)."""
    for name, (nans, infinities) in tally.items():
        if nans or infinities:
            what = f"variable '{name}': {nans} NaN were set to 0, {infinities} infinities were clipped or stay"
            warnings.warn(JetlegoWarning("NONFINITE", what), stacklevel=3)


def _as_mask(frame: Frame, cut: Expression) -> np.ndarray:
    value = frame.evaluate(cut)
    if isinstance(value, ak.Array):
        value = ak.to_numpy(ak.fill_none(value, False))
    if isinstance(value, Jagged) or np.shape(value) not in ((), (frame.length,)):
        hint = "reduce it, as in ak.any(..., axis=1)"
        raise cut.source.fault("EXPR-SHAPE", "a selection needs one value a jet", hint)
    return np.broadcast_to(np.asarray(value).astype(bool), frame.length)


def _labels(plan: Plan, frame: Frame) -> dict[str, np.ndarray]:
    spec = plan.config.label_spec
    values = {}
    for name, expression in spec.columns.items():
        value = frame.evaluate(expression)
        if np.ndim(value) == 0 and not isinstance(value, ak.Array | Jagged):
            value = np.full(frame.length, value)
        values[name] = to_numpy(value, f"label '{name}'")
    return {SIMPLE_LABEL: class_index(values, check=plan.mode != "predict")} if spec.simple else values


def to_numpy(value: Any, what: str) -> np.ndarray:
    """Return a label as a numpy array; rows of unequal length cannot be one."""
    array = value.to_awkward() if isinstance(value, Jagged) else value
    if not isinstance(array, ak.Array):
        return np.asarray(array)
    try:
        return ak.to_numpy(array, allow_missing=False)
    except ValueError:
        raise DataError("BAD-SHAPE", f"{what} has type {array.type}; an array is needed") from None


def _plain(frame: Frame, name: str, labels: Mapping[str, np.ndarray]) -> Any:
    column = labels[name] if name in labels and name not in frame.columns else frame.columns[name]
    return column.to_awkward() if isinstance(column, Jagged) else column


def _monitored(plan: Plan, frame: Frame, name: str, labels: Mapping[str, np.ndarray]) -> Any:
    """Return a variable as the network sees it: transformed and padded if it is an input."""
    parameters = plan.config.parameters.get(name)
    if parameters is None:
        return _plain(frame, name, labels)
    group = Group(name, parameters.length, (name,))
    made = _group(frame, group, plan.config.parameters, new_tally(plan.config))
    return made[:, 0] if parameters.length is not None else made


def _group(
    frame: Frame, group: Group, parameters: Mapping[str, Parameters], tally: Mapping[str, list[int]]
) -> FloatArray:
    if group.length is None:
        parts = [_unpadded(frame, name, parameters[name], tally) for name in group.variables]
        return parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
    rows = [as_rows(frame.columns[name], name) for name in group.variables]
    if all(row.offsets is rows[0].offsets for row in rows):
        return _padded(rows, group, parameters, tally)
    single = [Group(group.name, group.length, (name,)) for name in group.variables]
    return np.concatenate([_padded([row], g, parameters, tally) for row, g in zip(rows, single, strict=True)], axis=1)


def _padded(
    rows: Sequence[Jagged], group: Group, parameters: Mapping[str, Parameters], tally: Mapping[str, list[int]]
) -> FloatArray:
    """Return the tensor of variables whose rows have the same lengths."""
    used = [parameters[name] for name in group.variables]
    content = np.empty((len(rows), len(rows[0].content)), np.float32)
    for at, name in enumerate(group.variables):
        _require_known(name, used[at])
        _count(tally[name], transform_into(content[at], rows[at].content, used[at]))
    out = np.empty((len(rows[0].offsets) - 1, len(rows), group.length or 0), np.float32)
    wrap, pad_value = np.array([p.wrap for p in used]), np.array([p.pad_value for p in used], np.float32)
    fill_rows(out, content, rows[0].offsets, wrap, pad_value)
    return out


def _unpadded(frame: Frame, name: str, parameters: Parameters, tally: Mapping[str, list[int]]) -> FloatArray:
    column = frame.columns[name]
    _require_known(name, parameters)
    array = to_numpy(column, f"variable '{name}' of a group without length")
    values = np.empty(array.size, np.float32)
    _count(tally[name], transform_into(values, array.reshape(-1), parameters))
    return values.reshape(array.shape)


def _require_known(name: str, parameters: Parameters) -> None:
    if parameters.is_open:
        what = f"variable '{name}' has no center and scale yet"
        raise ConfigError("NO-STANDARDISATION", what, "train once, or give the .auto.yaml file of a training")


def _count(total: list[int], met: Sequence[int]) -> None:
    for at, number in enumerate(met):
        total[at] += number


def as_rows(column: Column, name: str) -> Jagged:
    """Return a column as rows; a flat column is rows of one, a regular array rows of equal length."""
    if isinstance(column, Jagged):
        return column
    array = to_numpy(column, f"variable '{name}'")
    if array.ndim > 2:
        raise DataError("BAD-SHAPE", f"variable '{name}' has {array.ndim} axes; at most two can be padded")
    width = array.shape[1] if array.ndim == 2 else 1
    return Jagged(np.arange(len(array) + 1) * width, array.reshape(-1))
