"""Does a cut on the score shape the background's mass spectrum, so that it fakes a peak?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.errors import ConfigError
from jetlego.evaluation.checks import checked_binary, checked_column, checked_weight
from jetlego.evaluation.roc import WorkingPoint, working_point

_RANDOM_CUTS = 20


@dataclass(frozen=True)
class Sculpting:
    """The background's spectrum before and after a cut, and the distance between the two.

    Attributes
    ----------
    edges
        (n + 1,) bin edges, in the unit of the variable.
    before, after
        (n,) part of the background in each bin; each sums to one. ``before`` is all of the background, or only what
        the cut rejects (``against="rejected"``).
    before_error, after_error
        (n,) statistical errors.
    jsd
        Jensen-Shannon divergence in bits, from 0 (same shape) to 1 (no overlap); NaN if no background passes.
    inverse_jsd
        1 / JSD, the figure of ATL-PHYS-PUB-2018-014; higher is less sculpted.
    jsd_floor
        Mean JSD of random cuts that keep as many jets: a JSD near it shows no sculpting, only few jets.
    working_point
        The cut.
    """

    edges: FloatArray
    before: FloatArray
    after: FloatArray
    before_error: FloatArray
    after_error: FloatArray
    jsd: float
    inverse_jsd: float
    jsd_floor: float
    working_point: WorkingPoint


def mass_sculpting(
    label: npt.ArrayLike,
    score: npt.ArrayLike,
    mass: npt.ArrayLike,
    *,
    signal_efficiency: float = 0.5,
    bins: int | npt.ArrayLike = 40,
    against: str = "all",
    weight: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Sculpting:
    """Return the spectrum of the background before and after the cut that keeps ``signal_efficiency``.

    Parameters
    ----------
    label, score, weight
        (B,) as for :func:`jetlego.evaluation.roc.roc`.
    mass
        (B,) jet mass in GeV, or any other variable that the cut should not shape.
    bins
        Number of bins between the 0.1 % and 99.9 % quantiles of the background, or the edges themselves. Jets
        outside count in the first or last bin.
    against
        ``"all"``: compare with all of the background; ``"rejected"``: with what the cut rejects.
    seed
        Of the random cuts behind ``jsd_floor``.
    """
    if against not in ("all", "rejected"):
        raise ConfigError("BAD-VALUE", f"no comparison '{against}'", "valid: all, rejected")
    truth = checked_binary(label)
    values = checked_column(mass, truth.size, "mass")
    w = checked_weight(weight, truth.size)
    cut = working_point(truth, score, signal_efficiency=signal_efficiency, weight=w)
    passes = np.asarray(score)[~truth] >= cut.threshold
    values, w = values[~truth], w[~truth]
    edges = _edges(values, bins)
    place = np.searchsorted(edges[1:-1], values, side="right")
    reference = np.ones_like(passes) if against == "all" else ~passes
    before, before_error = _spectrum(place[reference], w[reference], edges.size - 1)
    after, after_error = _spectrum(place[passes], w[passes], edges.size - 1)
    jsd = jensen_shannon_divergence(before, after)
    floor = _floor(place, w, int(np.count_nonzero(passes)), edges.size - 1, against, seed)
    inverse = 1.0 / jsd if jsd > 0 else (math.inf if jsd == 0 else math.nan)
    return Sculpting(edges, before, after, before_error, after_error, jsd, inverse, floor, cut)


def jensen_shannon_divergence(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the divergence between two histograms (n,), in bits; NaN if one is empty or has a negative bin.

    JSD = H((p + q)/2) - (H(p) + H(q))/2 with H the entropy: Lin, IEEE Trans. Inf. Theory 37 (1991) 145.
    """
    p, q = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if not (p.sum() > 0 and q.sum() > 0) or min(p.min(), q.min()) < 0:
        return math.nan
    p, q = p / p.sum(), q / q.sum()
    divergence = _entropy(0.5 * (p + q)) - 0.5 * (_entropy(p) + _entropy(q))
    return float(min(max(divergence, 0.0), 1.0))


def _entropy(p: FloatArray) -> float:
    filled = p[p > 0]
    return float(-(filled @ np.log2(filled)))


def _edges(values: FloatArray, bins: int | npt.ArrayLike) -> FloatArray:
    if isinstance(bins, (int, np.integer)):
        low, high = np.quantile(values, [0.001, 0.999])
        return np.linspace(low, high if high > low else low + 1.0, int(bins) + 1)
    edges = np.asarray(bins, dtype=np.float64)
    if edges.ndim != 1 or edges.size < 2 or np.any(np.diff(edges) <= 0):
        raise ConfigError("BAD-VALUE", "bin edges do not rise", "give at least two rising numbers")
    return edges


def _spectrum(place: IntArray, weight: FloatArray, bins: int) -> tuple[FloatArray, FloatArray]:
    """Return the part of the weight in each bin and its statistical error."""
    content = np.bincount(place, weights=weight, minlength=bins)
    error = np.sqrt(np.bincount(place, weights=weight * weight, minlength=bins))
    total = content.sum()
    scale = 1.0 / total if total > 0 else 0.0
    return content * scale, error * scale


def _floor(place: IntArray, weight: FloatArray, num_passing: int, bins: int, against: str, seed: int) -> float:
    """Return the mean JSD of cuts that keep as many jets, chosen at random."""
    if not 0 < num_passing < place.size:
        return math.nan
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(_RANDOM_CUTS):
        passes = np.zeros(place.size, dtype=bool)
        passes[rng.choice(place.size, num_passing, replace=False, shuffle=False)] = True
        found.append(jensen_shannon_divergence(*_shapes(place, weight, passes, bins, against)))
    return float(np.mean(found))


def _shapes(
    place: IntArray, weight: FloatArray, passes: BoolArray, bins: int, against: str
) -> tuple[FloatArray, FloatArray]:
    reference = np.ones_like(passes) if against == "all" else ~passes
    return _spectrum(place[reference], weight[reference], bins)[0], _spectrum(place[passes], weight[passes], bins)[0]
