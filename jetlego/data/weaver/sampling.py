"""Sampling weights: the table of a configuration's ``weights``, and the jets that a random selection keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.draw import MAX_REPEATS
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.frame import Frame
from jetlego.data.weaver.labels import LabelSpec
from jetlego.data.weaver.plan import Plan
from jetlego.data.weaver.reweighting import WeightSpec
from jetlego.data.weaver.tensors import to_numpy
from jetlego.data.weights import WeightTable, accepted, class_histograms, weight_table
from jetlego.errors import ConfigError

ACCEPTANCE = "weaver_acceptance"
"""Column of training jets that holds the probability with which each is drawn."""


class Weigher:
    """Applies the sampling weights of a configuration, or none if not ``active``."""

    def __init__(self, config: WeaverConfig, table: WeightTable | None, *, active: bool) -> None:
        self.spec = config.weight_spec if active else None
        self.table = table

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that the weights need."""
        return () if self.spec is None else self.spec.names

    def drawn(self, frame: Frame, *, seed: int, epoch: int) -> IntArray:
        """Return the positions of the jets to use: all in order, or a random selection."""
        if self.spec is None or self.spec.for_loss:
            return np.arange(frame.length)
        return resampled(jet_weights(frame, self.spec, self.table), frame.rows, seed=seed, epoch=epoch)

    def loss_weight(self, frame: Frame) -> FloatArray | None:
        """Return (N,) weights if they go into the loss."""
        if self.spec is None or not self.spec.for_loss:
            return None
        return jet_weights(frame, self.spec, self.table)


def jet_weights(frame: Frame, spec: WeightSpec, table: WeightTable | None) -> FloatArray:
    """Return the (N,) float32 sampling weight of the jets of a frame."""
    if spec.branches:
        return np.prod([_column(frame, name) for name in spec.branches], axis=0, dtype=np.float64).astype(np.float32)
    if table is None:
        raise ConfigError("NO-WEIGHTS", "weights: the reweighting table is not made yet")
    weight = table.weights([_column(frame, name) for name, _ in spec.variables], _class_of(frame, spec))
    base = _base(frame, spec)
    return weight if base is None else (weight * base).astype(np.float32)


def stored_table(spec: WeightSpec) -> WeightTable | None:
    """Return the table that an ``.auto.yaml`` file holds, or None."""
    if spec.histograms is None:
        return None
    table = np.stack([np.asarray(spec.histograms[name], np.float32) for name in spec.classes])
    return _table(spec, table)


def bare(config: WeaverConfig) -> WeaverConfig:
    """Return a configuration that selects the same jets and asks for nothing of them."""
    options = {**config.options, "observers": [], "monitor_variables": []}
    return replace(config, options=options, groups=(), parameters={}, label_spec=LabelSpec(simple=False, columns={}))


def make_table(config: WeaverConfig, files: Iterable[Path], *, extra_selection: str | None = None,
               step: int | None = None) -> WeightTable:  # fmt: skip
    """Return the reweighting table of all training files, with the selection and the extra selection applied."""
    files, names = list(files), () if config.weight_spec is None else config.weight_spec.names
    plan = Plan(bare(config), "train", extra_selection, more=names)
    return table_of(config, lambda: plan.frames(files, step=step))


def table_of(config: WeaverConfig, frames: Callable[[], Iterator[Frame]]) -> WeightTable:
    """Return the reweighting table of selected jets that hold the weights' columns; ``frames`` may be called twice."""
    spec = config.weight_spec
    if spec is None or spec.branches:
        raise ConfigError("NO-WEIGHTS", "weights: this configuration has no histogram reweighting")
    total: FloatArray | None = None
    for frame in frames():
        counts = _counts(frame, spec)
        total = counts if total is None else total + counts
    if total is None:
        raise ConfigError("NO-WEIGHTS", "weights: there are no training files")
    table = _table(spec, weight_table(total.astype(np.float32), spec.method, spec.threshold, spec.class_weights))
    if spec.base is None:
        return table
    weights = np.concatenate([jet_weights(frame, spec, table) for frame in frames()])
    typical = np.percentile(weights, 100 - spec.threshold)
    return _table(spec, (table.table / typical).astype(np.float32))


def resampled(weight: FloatArray, rows: IntArray, *, seed: int, epoch: int = 0, scale: float = 1.0) -> IntArray:
    """Return the positions of the jets to use: each is kept if ``U(0, scale) < weight``, in several rounds.

    ``rows`` are the numbers of the jets in the whole data set. A first round tells how many pass; then
    ``min(10, N // kept)`` fresh rounds make up for those that do not. Random numbers are keyed by seed, epoch, row and
    round.
    """
    kept = int(accepted(weight, rows, seed=seed, epoch=epoch, scale=scale).sum())
    rounds = min(MAX_REPEATS, len(weight) // max(1, kept))
    chosen = [
        np.flatnonzero(accepted(weight, rows, seed=seed, epoch=epoch, copy=copy, scale=scale))
        for copy in range(1, rounds + 1)
    ]
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)


def _counts(frame: Frame, spec: WeightSpec) -> FloatArray:
    values = [_column(frame, name) for name, _ in spec.variables]
    edges = [np.asarray(edge) for _, edge in spec.variables]
    label, base, clip = _class_of(frame, spec), _base(frame, spec), not spec.discard_outside
    return class_histograms(values, label, len(spec.classes), edges, weight=base, clip=clip).astype(np.float64)


def _class_of(frame: Frame, spec: WeightSpec) -> IntArray:
    """Return the position of each jet's class among those listed, the later one if several, -1 if none."""
    label = np.full(frame.length, -1)
    for at, name in enumerate(spec.classes):
        label[_column(frame, name) == 1] = at
    return label


def _base(frame: Frame, spec: WeightSpec) -> FloatArray | None:
    if spec.base is None:
        return None
    return np.broadcast_to(to_numpy(frame.evaluate(spec.base), "reweight_basewgt"), frame.length)


def _column(frame: Frame, name: str) -> np.ndarray:
    return to_numpy(frame.columns[name], f"'{name}' of the weights")


def _table(spec: WeightSpec, table: FloatArray) -> WeightTable:
    names = tuple(name for name, _ in spec.variables)
    edges = tuple(np.asarray(edge) for _, edge in spec.variables)
    return WeightTable(names, edges, table, spec.discard_outside)
