"""Automatic standardisation: centers and scales measured on training data, as weaver's ``method: auto`` does.

``center`` is the median and ``scale`` the inverse of the larger distance from it to the 16th and 84th percentile.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.frame import Frame
from jetlego.data.weaver.inputs import Parameters
from jetlego.data.weaver.plan import Plan
from jetlego.data.weaver.reader import Window
from jetlego.data.weaver.tensors import as_rows
from jetlego.errors import DataError, JetlegoWarning

MAX_VALUES = 20_000_000
"""Values of a variable kept for the percentiles; beyond, every second jet is dropped again and again."""

_PERCENTILES = (16, 50, 84)


def measure_parameters(
    config: WeaverConfig, files: Iterable[Path], *, step: int | None = None, max_values: int = MAX_VALUES
) -> dict[str, Parameters]:
    """Return the parameters of all input variables, those that were open measured on the start of each file.

    Parameters
    ----------
    files
        Training files; of each, the first ``preprocess.data_fraction`` is read and ``selection`` applied.
    max_values
        Up to this many values of a variable the percentiles are exact; beyond, jets are thinned out evenly.

    Raises
    ------
    DataError
        ``NO-JETS`` if no jet passes the selection.
    """
    window = Window(0.0, float(config.options["preprocess"]["data_fraction"]))
    return measured_on(config, Plan(config, "train").frames(files, step=step, window=window), max_values=max_values)


def measured_on(
    config: WeaverConfig, frames: Iterable[Frame], *, max_values: int = MAX_VALUES
) -> dict[str, Parameters]:  # fmt: skip
    """Return the parameters of all input variables, those that were open measured on these selected jets.

    Raises
    ------
    DataError
        ``NO-JETS`` if there is none.
    """
    wanted = {name for name, p in config.parameters.items() if p.is_open and not name.endswith("_mask")}
    samples = {name: _Sample(max_values) for name in wanted}
    total = 0
    for frame in frames:
        total += frame.length
        for name, sample in samples.items():
            sample.add(frame, name)
    if wanted and not total:
        raise DataError("NO-JETS", "no jet passes the selection, so centers and scales cannot be measured")
    measured = {name: sample.center_and_scale(name) for name, sample in samples.items()}
    return {name: _completed(name, p, measured) for name, p in config.parameters.items()}


def center_and_scale(values: np.ndarray) -> tuple[float, float]:
    """Return median and inverse spread; a spread of 0 gives scale 1, and infinities may make either not finite."""
    with np.errstate(invalid="ignore"):
        low, center, high = np.percentile(values, _PERCENTILES)
        spread = max(high - center, center - low)
    return float(center), 1.0 if spread == 0 else float(1.0 / spread)


def _completed(name: str, parameters: Parameters, measured: Mapping[str, tuple[float, float]]) -> Parameters:
    if name in measured:
        return replace(parameters, center=measured[name][0], scale=measured[name][1])
    return replace(parameters, center=None) if parameters.is_open else parameters


class _Sample:
    """Values of one variable, of every ``stride``-th jet."""

    def __init__(self, max_values: int) -> None:
        self.max_values, self.stride, self.seen, self.size, self.missing = max_values, 1, 0, 0, 0
        self.parts: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, frame: Frame, name: str) -> None:
        rows = as_rows(frame.columns[name], name)
        number = np.repeat(np.arange(self.seen, self.seen + frame.length), rows.counts)
        self.seen += frame.length
        self._keep(rows.content, number)
        while self.size > self.max_values:
            self.stride *= 2
            kept, self.parts, self.size = self.parts, [], 0
            for values, owner in kept:
                self._keep(values, owner)

    def _keep(self, values: np.ndarray, number: np.ndarray) -> None:
        chosen = slice(None) if self.stride == 1 else number % self.stride == 0
        self.parts.append((values[chosen], number[chosen]))
        self.size += len(self.parts[-1][0])

    def center_and_scale(self, name: str) -> tuple[float, float]:
        values = np.concatenate([part for part, _ in self.parts])
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        if missing.any():
            what = f"variable '{name}': {int(missing.sum())} NaN count as 0 in its standardisation"
            warnings.warn(JetlegoWarning("NONFINITE", what), stacklevel=4)
            values = np.where(missing, values.dtype.type(0), values)
        if not len(values):
            raise DataError("NO-JETS", f"variable '{name}' has no values to measure its center and scale on")
        center, scale = center_and_scale(values)
        if not (np.isfinite(center) and 0 < scale < np.inf):
            what = f"variable '{name}': center {center} and scale {scale} follow from its infinite values"
            raise DataError("NONFINITE", what, "clip it in new_variables, or give the numbers")
        return center, scale
