"""Jet weights that make the classes alike in two variables, as loss weights or by accepting jets at random.

A tagger must not learn the pT spectrum of its samples. :func:`fit_weights` counts each class in bins of one or two
variables and returns a :class:`WeightTable`; its weights are for the loss, and :func:`accepted` turns the same weights
into a random selection, keyed by seed, epoch and row, so that it does not depend on chunks or workers.

Methods, with H_c the histogram of class c: ``flat`` gives every class a flat spectrum, ``ref`` gives every class that
of class 0. Both cut off the largest weights at a percentile, as weaver does, so that a sparse bin cannot dominate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.data.expressions.keyed import mix, to_unit
from jetlego.errors import ConfigError, DataError

Method = Literal["flat", "ref"]
MAX_ACCEPTANCE = 0.9
"""Largest class weight; below 1, so that the choice of jets differs from epoch to epoch."""

_EMPTY_SHARE = 0.01  # bins below this share of the median of the filled ones do not set the reference


@dataclass(frozen=True)
class WeightTable:
    """Weights by class and bin.

    Parameters
    ----------
    names
        The one or two variables.
    edges
        Their bin edges.
    table
        (K, bins of the first, bins of the second) float32; one bin where there is no second variable.
    discard_outside
        Jets outside the bins get weight 0; otherwise that of the nearest bin.
    """

    names: tuple[str, ...]
    edges: tuple[FloatArray, ...]
    table: FloatArray
    discard_outside: bool = True

    def weights(self, values: Sequence[FloatArray], label: IntArray) -> FloatArray:
        """Return the (B,) float32 weight of jets with these variables and class index; a label of -1 gives 0."""
        index, inside = bins_of(values, self.edges)
        weight = self.table[np.maximum(label, 0), index[0], index[1]]
        return np.where((label >= 0) & (inside | (not self.discard_outside)), weight, np.float32(0))


def fit_weights(
    values: Mapping[str, FloatArray], label: IntArray, *, num_classes: int, edges: Mapping[str, Sequence[float]],
    method: Method = "flat", threshold: float = 10.0, class_weights: Sequence[float] = (),
    base: FloatArray | None = None, discard_outside: bool = True,
) -> WeightTable:  # fmt: skip
    """Return the table that makes classes alike in the variables of ``edges``.

    Parameters
    ----------
    values
        {variable: (B,)}.
    label
        (B,) class index, -1 for jets that take no part.
    edges
        {variable: ascending bin edges}, one or two variables.
    method
        ``"flat"`` or ``"ref"`` (like class 0).
    threshold
        Percentile (0 to 100) of bins whose weight is cut off at the largest.
    class_weights
        Wanted relative sum of weights of each class; default: equal.
    base
        (B,) weight that multiplies the table's, such as a cross-section.
    discard_outside
        See :class:`WeightTable`.

    Raises
    ------
    DataError
        ``WEIGHTS`` if a class has no jet within the bins.
    """
    names = tuple(edges)
    bins = tuple(np.asarray(edges[name], np.float64) for name in names)
    _check_edges(names, bins)
    chosen = [np.asarray(values[name]) for name in names]
    counts = class_histograms(chosen, label, num_classes, bins, weight=base, clip=not discard_outside)
    table = WeightTable(names, bins, weight_table(counts, method, threshold, class_weights), discard_outside)
    if base is None:
        return table
    typical = np.percentile(base * table.weights(chosen, label), 100 - threshold)
    return WeightTable(names, bins, (table.table / typical).astype(np.float32), discard_outside)


def class_histograms(
    values: Sequence[FloatArray], label: IntArray, num_classes: int, edges: Sequence[FloatArray], *,
    weight: FloatArray | None = None, clip: bool = False,
) -> FloatArray:  # fmt: skip
    """Return the (K, nx, ny) float32 histogram of each class; ``clip`` counts jets outside in the nearest bin."""
    pair = list(values) if len(values) == 2 else [values[0], np.zeros(len(values[0]))]
    both = list(edges) if len(edges) == 2 else [edges[0], np.array([-1.0, 1.0])]
    if clip:
        pair = [np.clip(v, e[0], e[-1]) for v, e in zip(pair, both, strict=True)]
    out = []
    for k in range(num_classes):
        own = label == k
        chosen = None if weight is None else weight[own]
        out.append(np.histogram2d(pair[0][own], pair[1][own], bins=both, weights=chosen)[0])
    return np.stack(out).astype(np.float32)


def weight_table(
    counts: FloatArray, method: Method = "flat", threshold: float = 10.0, class_weights: Sequence[float] = ()
) -> FloatArray:
    """Return (K, nx, ny) float32 weights of the histograms ``counts``.

    Notes
    -----
    ``flat``: w = min(1, q / H) with q the ``threshold`` percentile of the filled bins of the class.
    ``ref``: r = H_0 / H_c and w = min(1, r / u) with u the ``100 - threshold`` percentile of r.
    Classes are then scaled to sums in the ratio of ``class_weights``, the largest scale being 0.9.
    """
    if not (counts > 0).any(axis=(1, 2)).all():
        empty = np.flatnonzero(~(counts > 0).any(axis=(1, 2))).tolist()
        raise DataError("WEIGHTS", f"classes {empty} have no jet within the bins", "check the bin edges")
    with np.errstate(divide="ignore", invalid="ignore"):
        if method == "flat":
            raw = np.stack([_flat(count, threshold) for count in counts])
        elif method == "ref":
            raw = np.stack([_like(counts[0], count, threshold) for count in counts])
        else:
            raise ConfigError("BAD-VALUE", f"weights: method '{method}' is neither 'flat' nor 'ref'")
    wanted = np.asarray(class_weights or np.ones(len(counts)), np.float64)
    total = (counts * raw).sum(axis=(1, 2)) / wanted
    return (raw * (MAX_ACCEPTANCE * total.min() / total)[:, None, None]).astype(np.float32)


def _flat(count: FloatArray, threshold: float) -> FloatArray:
    least = _EMPTY_SHARE * np.median(count[count > 0])
    reference = np.percentile(count[count > least], threshold)
    return np.clip(np.nan_to_num(reference / count, posinf=0), 0, 1)


def _like(reference: FloatArray, count: FloatArray, threshold: float) -> FloatArray:
    ratio = np.nan_to_num(reference / count, posinf=0)
    if not (ratio > 0).any():
        raise DataError("WEIGHTS", "a class shares no bin with class 0", "choose wider bins, or method flat")
    upper = np.percentile(ratio[ratio > 0], 100 - threshold)
    return np.clip(ratio / upper, 0, 1)


def bins_of(values: Sequence[FloatArray], edges: Sequence[FloatArray]) -> tuple[tuple[IntArray, IntArray], BoolArray]:
    """Return the bin numbers in the first and second variable, the nearest if outside, and whether all are inside."""
    index, inside = [], np.ones(len(values[0]), bool)
    for value, edge in zip(values, edges, strict=True):
        index.append(np.clip(np.digitize(value, edge) - 1, 0, len(edge) - 2))
        inside &= (value >= edge[0]) & (value <= edge[-1])
    if len(index) == 1:
        index.append(np.zeros(len(values[0]), np.int64))
    return (index[0], index[1]), inside


def accepted(weight: FloatArray, rows: IntArray, *, seed: int, epoch: int = 0, copy: int = 0, scale: float = 1.0
             ) -> BoolArray:  # fmt: skip
    """Return which jets a random selection keeps: those with ``U(0, scale) < weight``.

    Parameters
    ----------
    weight
        (B,)
    rows
        (B,) number of each jet in the whole data set; with seed, epoch and copy it is the key of its random number.
    copy
        Counts the repetitions when jets are drawn several times.
    """
    key = mix(mix(mix(np.full(1, seed, np.uint64)) ^ np.uint64(epoch)) ^ np.uint64(copy))
    return to_unit(mix(key ^ np.asarray(rows).astype(np.uint64))) * scale < weight


def _check_edges(names: tuple[str, ...], edges: tuple[FloatArray, ...]) -> None:
    if len(names) not in (1, 2):
        raise ConfigError("BAD-VALUE", f"weights need one or two variables, not {len(names)}")
    for name, edge in zip(names, edges, strict=True):
        if edge.ndim != 1 or len(edge) < 2 or not (np.diff(edge) > 0).all():
            raise ConfigError("BAD-VALUE", f"weights: bin edges of '{name}' do not ascend")
