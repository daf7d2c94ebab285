"""The tensors of one chunk of selected jets: everything is transformed once, then any rows may be put into a batch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.weaver.frame import Column, Frame, Jagged
from jetlego.data.weaver.fused import fused_rows
from jetlego.data.weaver.inputs import Group, Parameters
from jetlego.data.weaver.labels import SIMPLE_LABEL, class_index
from jetlego.data.weaver.padding import transform_into
from jetlego.data.weaver.plan import Plan
from jetlego.data.weaver.rows import Rows, Workspace
from jetlego.errors import ConfigError, DataError, JetlegoWarning

Tally = Mapping[str, list[int]]
"""{variable: [NaN, infinities]} met so far."""


@dataclass(frozen=True)
class WeaverBatch:
    """Arrays of some jets.

    Parameters
    ----------
    inputs
        {group: (N, variables, length) float32}, or {group: :class:`~jetlego.data.weaver.rows.Packed`}.
    labels
        {label name: (N, ...)}; ``_label_`` is the int64 class index.
    others
        {name: array}: observers (as read) or monitor variables (as the network sees them); jagged ones are awkward.
    weight
        (N,) loss weight, None unless the configuration says ``use: loss``.
    """

    inputs: dict[str, Any]
    labels: dict[str, np.ndarray]
    others: dict[str, Any]
    weight: FloatArray | None = None

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))


class Chunk:
    """Transformed jets of one frame.

    Parameters
    ----------
    plan
        With every center and scale known.
    frame
        Selected jets with all variables.
    tally
        Counts NaN and infinities, see :func:`warn_non_finite`.
    weight
        (N,) loss weight to hand on.
    space
        Memory to write to, of which the chunk before has no more need.

    Raises
    ------
    DataError
        ``LABELS`` if a jet has no class or several, unless predicting.
    """

    def __init__(
        self, plan: Plan, frame: Frame, tally: Tally, weight: FloatArray | None = None, space: Workspace | None = None
    ) -> None:
        self.space = space or Workspace()
        self.space.restart()
        self.plan, self.frame, self.tally, self.weight = plan, frame, tally, weight
        self.labels = _labels(plan, frame)
        self.observers = {name: self._plain(name) for name in plan.observers}
        self.groups = {group.name: self._transformed(group) for group in plan.config.groups}
        self.monitors = {name: self._monitored(name) for name in plan.monitors}

    def __len__(self) -> int:
        return self.frame.length

    def batch(self, rows: IntArray | None = None, *, packed: bool = False) -> WeaverBatch:
        """Return the tensors of these rows (default: all, in order); packed leaves the padding out."""
        chosen = np.arange(len(self)) if rows is None else rows
        inputs = {group.name: self._input(group, chosen, packed) for group in self.plan.config.groups}
        labels = {name: value[chosen] for name, value in self.labels.items()}
        others = {name: value[chosen] for name, value in {**self.observers, **self.monitors}.items()}
        return WeaverBatch(inputs, labels, others, None if self.weight is None else self.weight[chosen])

    def _input(self, group: Group, rows: IntArray, packed: bool) -> Any:
        parts = self.groups[group.name]
        if isinstance(parts, np.ndarray):
            return parts[rows]
        length = group.length or 0
        if not packed:
            made = [part.padded(rows, length) for part in parts]
            return made[0] if len(made) == 1 else np.concatenate(made, axis=1)
        return self._rows(group).packed(rows, length)

    def columns(self, group: Group) -> tuple[IntArray, FloatArray]:
        """Return offsets and (variables, P) float32 of all jets of a group with a length, without padding.

        Raises
        ------
        DataError
            ``RAGGED-MISMATCH`` if its variables have rows of different lengths.
        """
        return self._rows(group).columns(group.length or 0)

    def _rows(self, group: Group) -> Rows:
        parts = self.groups[group.name]
        assert not isinstance(parts, np.ndarray)  # a group with a length
        if len(parts) > 1:
            what = f"group '{group.name}': its variables have rows of different lengths and cannot be packed"
            raise DataError("RAGGED-MISMATCH", what)
        return parts[0]

    def _transformed(self, group: Group) -> np.ndarray | list[Rows]:
        if group.length is None:
            columns = [self._unpadded(name) for name in group.variables]
            return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
        fused = self._fused(group)
        if fused is not None:
            return [fused]
        rows = [as_rows(self.frame.columns[name], name) for name in group.variables]
        if all(row.offsets is rows[0].offsets for row in rows):
            return [self._scaled(rows, group.variables)]
        return [self._scaled([row], (name,)) for row, name in zip(rows, group.variables, strict=True)]

    def _fused(self, group: Group) -> Rows | None:
        used = [self._parameters(name) for name in group.variables]
        found = fused_rows(self.plan, self.frame, group.variables, used, self.space)
        if found is None:
            return None
        for name, met in zip(group.variables, found.met.tolist(), strict=True):
            self._count(name, met)
        return found.rows

    def _scaled(self, rows: Sequence[Jagged], names: Sequence[str]) -> Rows:
        content = self.space.floats(len(rows), len(rows[0].content))
        for at, name in enumerate(names):
            self._count(name, transform_into(content[at], rows[at].content, self._parameters(name)))
        return Rows.of(content, rows[0].offsets, [self._parameters(name) for name in names])

    def _unpadded(self, name: str) -> FloatArray:
        array = to_numpy(self.frame.columns[name], f"variable '{name}' of a group without length")
        values = np.empty(array.size, np.float32)
        self._count(name, transform_into(values, array.reshape(-1), self._parameters(name)))
        return values.reshape(array.shape)

    def _parameters(self, name: str) -> Parameters:
        parameters = self.plan.config.parameters[name]
        if parameters.is_open:
            what = f"variable '{name}' has no center and scale yet"
            raise ConfigError("NO-STANDARDISATION", what, "train once, or give the .auto.yaml file of a training")
        return parameters

    def _count(self, name: str, met: Sequence[int]) -> None:
        for at, number in enumerate(met):
            self.tally[name][at] += number

    def _plain(self, name: str) -> Any:
        known = name in self.labels and name not in self.frame.columns
        column = self.labels[name] if known else self.frame.columns[name]
        return column.to_awkward() if isinstance(column, Jagged) else column

    def _monitored(self, name: str) -> Any:
        """Return a variable as the network sees it: transformed and padded if it is an input."""
        parameters = self.plan.config.parameters.get(name)
        if parameters is None:
            return self._plain(name)
        if parameters.length is None:
            return self._unpadded(name)
        rows = self._scaled([as_rows(self.frame.columns[name], name)], (name,))
        return rows.padded(np.arange(len(self)), parameters.length)[:, 0]


def new_tally(plan: Plan) -> dict[str, list[int]]:
    """Return a fresh count of NaN and infinities for each input variable."""
    return {name: [0, 0] for name in plan.config.parameters}


def warn_non_finite(tally: Tally) -> None:
    """Warn once for each variable that held NaN (now 0) or infinities (which stay unless clipped)."""
    for name, (nans, infinities) in tally.items():
        if nans or infinities:
            what = f"variable '{name}': {nans} NaN were set to 0, {infinities} infinities were clipped or stay"
            warnings.warn(JetlegoWarning("NONFINITE", what), stacklevel=3)


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
    """Return a column as a numpy array; rows of unequal length cannot be one."""
    array = value.to_awkward() if isinstance(value, Jagged) else value
    if not isinstance(array, ak.Array):
        return np.asarray(array)
    try:
        return ak.to_numpy(array, allow_missing=False)
    except ValueError:
        raise DataError("BAD-SHAPE", f"{what} has type {array.type}; an array is needed") from None


def as_rows(column: Column, name: str) -> Jagged:
    """Return a column as rows; a flat column is rows of one, a regular array rows of equal length."""
    if isinstance(column, Jagged):
        return column
    array = to_numpy(column, f"variable '{name}'")
    if array.ndim > 2:
        raise DataError("BAD-SHAPE", f"variable '{name}' has {array.ndim} axes; at most two can be padded")
    width = array.shape[1] if array.ndim == 2 else 1
    return Jagged(np.arange(len(array) + 1) * width, array.reshape(-1))
