"""How the efficiency of one cut depends on another quantity, such as jet pT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError
from jetlego.evaluation.checks import checked_column, checked_weight


@dataclass(frozen=True)
class BinnedEfficiency:
    """Efficiency in bins: ``edges`` (n + 1,), ``efficiency``, ``low`` and ``high`` (n,), NaN in empty bins.

    ``low`` and ``high`` are the ends of the 68 % Wilson interval, inside [0, 1] even where all or no jets pass.
    """

    edges: FloatArray
    efficiency: FloatArray
    low: FloatArray
    high: FloatArray


def efficiency_in_bins(
    variable: npt.ArrayLike, passes: npt.ArrayLike, *, edges: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> BinnedEfficiency:
    """Return the part of jets that pass, in bins of a variable; jets outside the edges are left out.

    Parameters
    ----------
    variable
        (B,) such as jet pT in GeV.
    passes
        (B,) bool.
    edges
        (n + 1,) rising.
    weight
        (B,) jet weights; the interval uses their effective number.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
    """
    kept = np.asarray(passes, dtype=bool)
    values, w = checked_column(variable, kept.size, "variable"), checked_weight(weight, kept.size)
    limits = np.asarray(edges, dtype=np.float64)
    if limits.ndim != 1 or limits.size < 2 or np.any(np.diff(limits) <= 0):
        raise ConfigError("BAD-VALUE", "bin edges do not rise", "give at least two rising numbers")
    n = limits.size - 1
    place = np.searchsorted(limits, values, side="right") - 1
    place = np.where(values == limits[-1], n - 1, place)
    inside = (place >= 0) & (place < n)
    total, part, squares = (
        np.bincount(place[inside], weights=column[inside], minlength=n) for column in (w, w * kept, w * w)
    )
    filled = total > 0
    safe_total, safe_squares = np.where(filled, total, 1.0), np.where(filled, squares, 1.0)
    efficiency = np.where(filled, part / safe_total, np.nan)
    low, high = _wilson(efficiency.clip(0.0, 1.0), safe_total**2 / safe_squares)
    return BinnedEfficiency(limits, efficiency, low, high)


def _wilson(efficiency: FloatArray, count: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the one-sigma score interval of ``count`` trials."""
    scale = 1.0 / (1.0 + 1.0 / count)
    middle = (efficiency + 0.5 / count) * scale
    half = np.sqrt(efficiency * (1.0 - efficiency) / count + 0.25 / count**2) * scale
    return middle - half, middle + half
