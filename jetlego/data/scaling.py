"""Standardisation: one center and one scale a feature, fitted on training data and carried along as plain numbers.

``StandardScaler`` takes mean and standard deviation, ``RobustScaler`` median and interquartile range; the latter
forgives long tails (and is what the original recursive networks used). Both apply as ``(x - center) / scale``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from jetlego.conventions import BoolArray, FloatArray
from jetlego.errors import ConfigError, DataError, JetlegoWarning, did_you_mean

Self = TypeVar("Self", bound="Scaler")


@dataclass(frozen=True)
class Scaler:
    """``(x - center) / scale`` for each feature.

    Parameters
    ----------
    center, scale
        (F,) float64; a scale is never 0.
    names
        Feature names, for messages; may be empty.
    fill
        (F,) what stands for NaN and infinite values: the medians of the training data; default: ``center``.
    """

    center: FloatArray
    scale: FloatArray
    names: tuple[str, ...] = ()
    fill: FloatArray | None = None

    kind: ClassVar[str] = "scaler"

    @classmethod
    def fit(
        cls: type[Self],
        features: FloatArray,
        *,
        mask: BoolArray | None = None,
        weights: FloatArray | None = None,
        names: Sequence[str] = (),
    ) -> Self:
        """Return the scaler of these training features.

        Parameters
        ----------
        features
            (..., F); NaN and infinite values do not take part.
        mask
            (...) bool, True for the rows that take part: padding must not.
        weights
            (...) non-negative weight of each row.
        names
            Feature names, for the warning.

        Raises
        ------
        DataError
            ``WEIGHTS`` for negative or NaN weights, or if they sum to 0 over the finite values of a feature.

        Warns
        -----
        JetlegoWarning
            ``CONSTANT-FEATURE`` where the scale would be 0 (it becomes 1) or nothing is finite (center 0, scale 1).
        """
        rows, row_weights = _rows(features, mask, weights)
        center, scale, fill = np.zeros((3, rows.shape[1]))
        for at in range(rows.shape[1]):
            finite = np.isfinite(rows[:, at])
            if finite.any():
                chosen = None if row_weights is None else row_weights[finite]
                center[at], scale[at] = cls._center_and_scale(rows[finite, at], _usable(chosen))
                fill[at] = quantiles(rows[finite, at], (0.5,), weights=chosen)[0]
        warn_constant(scale, names)
        return cls(center, np.where(scale > 0, scale, 1), tuple(names), fill)

    @staticmethod
    def _center_and_scale(values: FloatArray, weights: FloatArray | None) -> tuple[float, float]:
        raise NotImplementedError

    def apply(self, features: FloatArray) -> FloatArray:
        """Return the standardised features, (..., F) float32; what is not finite becomes the training median."""
        fill = self.center if self.fill is None else self.fill
        return ((np.where(np.isfinite(features), features, fill) - self.center) / self.scale).astype(np.float32)

    def invert(self, scaled: FloatArray) -> FloatArray:
        """Return the features that :meth:`apply` would map to ``scaled``, (..., F) float64."""
        return np.asarray(scaled, np.float64) * self.scale + self.center

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that :func:`scaler_from_dict` reads back bit for bit."""
        numbers = {"center": self.center, "scale": self.scale, "fill": self.center if self.fill is None else self.fill}
        return {"kind": self.kind, **{key: values.tolist() for key, values in numbers.items()}, "names": [*self.names]}


class StandardScaler(Scaler):
    """Mean and standard deviation (population form)."""

    kind = "standard"

    @staticmethod
    def _center_and_scale(values: FloatArray, weights: FloatArray | None) -> tuple[float, float]:
        mean = np.average(values, weights=weights)
        deviation = float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
        rounding = 4 * np.finfo(np.float64).eps * abs(mean)  # the mean of equal numbers may miss them by this
        return float(mean), deviation if deviation > rounding else 0.0


class RobustScaler(Scaler):
    """Median and interquartile range, by linear interpolation."""

    kind = "robust"

    @staticmethod
    def _center_and_scale(values: FloatArray, weights: FloatArray | None) -> tuple[float, float]:
        low, median, high = quantiles(values, (0.25, 0.5, 0.75), weights=weights)
        return float(median), float(high - low)


SCALERS: dict[str, type[Scaler]] = {"standard": StandardScaler, "robust": RobustScaler}
"""Scalers by the name that a configuration uses."""


def scaler_from_dict(stored: Mapping[str, Any]) -> Scaler:
    """Return the scaler that :meth:`Scaler.to_dict` wrote.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` for an unknown kind, unequal lengths, or a scale that is not positive.
    """
    kind = str(stored.get("kind"))
    if kind not in SCALERS:
        raise ConfigError("BAD-VALUE", f"no scaler '{kind}'", did_you_mean(kind, SCALERS))
    center, scale = (np.array(stored[key], np.float64) for key in ("center", "scale"))
    fill = np.array(stored.get("fill", stored["center"]), np.float64)
    finite = np.isfinite(center).all() and np.isfinite(fill).all()
    if not center.shape == scale.shape == fill.shape or not (finite and (scale > 0).all()):
        raise ConfigError("BAD-VALUE", f"stored {kind} scaler: center and scale do not fit, or a scale is not positive")
    return SCALERS[kind](center, scale, tuple(stored.get("names", ())), fill)


def quantiles(values: FloatArray, levels: Sequence[float], *, weights: FloatArray | None = None) -> FloatArray:
    """Return quantiles of finite ``values`` (n,), linearly interpolated.

    With weights, value i of the sorted list stands at ``(W_i - w_i) / (W - w_last)`` with the running sum
    ``W_i - w_i`` before it, which for equal weights is numpy's own ``(i) / (n - 1)``.
    """
    if weights is None:
        return np.quantile(values, levels)
    order = np.argsort(values, kind="stable")
    ordered = np.asarray(weights, np.float64)[order]
    before = np.cumsum(ordered) - ordered
    positions = before / before[-1] if before[-1] > 0 else before
    return np.interp(levels, positions, np.asarray(values, np.float64)[order])


def _rows(
    features: FloatArray, mask: BoolArray | None, weights: FloatArray | None
) -> tuple[FloatArray, FloatArray | None]:
    rows = np.asarray(features, np.float64).reshape(-1, features.shape[-1])
    flat = None if weights is None else np.asarray(weights, np.float64).reshape(-1)
    if flat is not None and not (flat >= 0).all():
        raise DataError("WEIGHTS", "a weight for standardisation is negative or NaN")
    if mask is None:
        return rows, flat
    chosen = np.asarray(mask, bool).reshape(-1)
    return rows[chosen], None if flat is None else flat[chosen]


def _usable(weights: FloatArray | None) -> FloatArray | None:
    if weights is not None and not weights.sum() > 0:
        raise DataError("WEIGHTS", "the weights for standardisation sum to 0")
    return weights


def warn_constant(scale: FloatArray, names: Sequence[str]) -> None:
    """Warn ``CONSTANT-FEATURE`` with the names of features whose scale is 0."""
    constant = [names[i] if i < len(names) else f"number {i}" for i in np.flatnonzero(~(scale > 0)).tolist()]
    if constant:
        what = f"constant or without finite values, scale set to 1: {', '.join(constant)}"
        warnings.warn(JetlegoWarning("CONSTANT-FEATURE", what), stacklevel=3)

