"""Whether the sum over a jet's candidates is the jet with PUPPI weights or without: the better closure decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.errors import DataError, quoted

MAX_DEVIATION = 0.05
CLOSURE_JETS = 1000


@dataclass(frozen=True)
class Closure:
    """How well candidates add up to the stored, uncorrected jets.

    Parameters
    ----------
    weighted
        Whether the sum of weight times momentum is closer than the plain sum.
    deviation
        Median of ``abs(pt(sum) / raw_pt - 1)`` of the better one.
    ratios
        (smallest, largest) ``pt(sum) / raw_pt`` of the better one.
    num_jets
        Jets compared.
    """

    weighted: bool
    deviation: float
    ratios: tuple[float, float]
    num_jets: int


def compare(plain_pt: FloatArray, weighted_pt: FloatArray, raw_pt: FloatArray, path: Path) -> Closure | None:
    """Return the closure of the first jets of a file; None without jets.

    Raises
    ------
    DataError
        ``CLOSURE`` if both sums miss by more than 5 %.
    """
    usable = raw_pt > 0
    if not usable.any():
        return None
    ratios = {True: weighted_pt[usable] / raw_pt[usable], False: plain_pt[usable] / raw_pt[usable]}
    miss = {weighted: float(np.median(np.abs(ratio - 1))) for weighted, ratio in ratios.items()}
    best = miss[True] < miss[False]
    if miss[best] > MAX_DEVIATION:
        what = (f"{quoted(path)}: candidates do not add up to jets: median |sum / raw - 1| is {miss[True]:.2g} "
                f"with weights and {miss[False]:.2g} without")  # fmt: skip
        raise DataError("CLOSURE", what, "set particles.use_weight to always or never to read them all the same")
    ratio = ratios[best]
    return Closure(best, miss[best], (float(ratio.min()), float(ratio.max())), int(usable.sum()))
