"""Affine scaling of node features, fitted on training jets alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError, JetlegoWarning, did_you_mean

SCALERS = ("robust", "standard", "none")
"""Median and interquartile range (as Louppe et al.), mean and standard deviation, or nothing."""


LARGEST_FIT = 4_000_000
"""Values that a fit looks at; of more it takes every k-th, which moves a quartile by less than 0.001 of the spread."""


@dataclass(frozen=True)
class NodeScaler:
    """(value - center) / scale for each named feature; values that do not exist (NaN) become 0.

    Parameters
    ----------
    names
        The F features, in order.
    center, scale
        (F,) float64.
    """

    names: tuple[str, ...]
    center: FloatArray
    scale: FloatArray

    @classmethod
    def fit(cls, values: FloatArray, names: Sequence[str], *, kind: str = "robust") -> NodeScaler:
        """Return the scaler of (T, F) values; NaN entries do not count, a zero scale becomes 1.

        Parameters
        ----------
        kind
            ``"robust"``: median, and 75th minus 25th percentile. ``"standard"``: mean and standard deviation.
            ``"none"``: 0 and 1.
        """
        if kind not in SCALERS:
            raise ConfigError("BAD-VALUE", f"there is no scaler '{kind}'", did_you_mean(kind, SCALERS))
        center, scale = np.zeros(len(names)), np.ones(len(names))
        if kind != "none":
            for column, name in enumerate(names):
                center[column], scale[column] = _fit_column(values[:, column], name, kind)
        return cls(tuple(names), center, scale)

    def apply(self, values: FloatArray) -> FloatArray:
        """Return scaled (T, F) values, 0 where the value is NaN."""
        scaled = (values - self.center) / self.scale
        return np.nan_to_num(scaled, copy=False, nan=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return names and numbers, ready for JSON; they come back exactly."""
        return {"names": list(self.names), "center": self.center.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> NodeScaler:
        """Return the scaler that :meth:`to_dict` wrote."""
        return cls(tuple(saved["names"]), np.asarray(saved["center"], float), np.asarray(saved["scale"], float))


def _fit_column(column: FloatArray, name: str, kind: str) -> tuple[float, float]:
    column = column[:: -(-len(column) // LARGEST_FIT) or 1]
    column = column[~np.isnan(column)]
    if not len(column):
        return 0.0, 1.0
    if kind == "standard":
        center, scale = column.mean(), column.std()
    else:
        low, center, high = np.percentile(column, [25.0, 50.0, 75.0])
        scale = high - low
    if scale <= 1e-12 * max(1.0, abs(center)):
        if column.min() == column.max():
            warnings.warn(JetlegoWarning("CONSTANT-FEATURE", f"node feature '{name}' is constant"), stacklevel=3)
        scale = 1.0
    return float(center), float(scale)
