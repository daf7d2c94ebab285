"""Exact binomial limits without scipy."""

from __future__ import annotations

import math

import numpy as np

_HALVINGS = 60


def binomial_upper_limit(passed: float, total: float, *, confidence: float = 0.95) -> float:
    """Return the Clopper-Pearson upper limit on an efficiency.

    Parameters
    ----------
    passed, total
        Numbers of jets kept and tried. For weighted jets use effective numbers; a broken ``passed`` is rounded up.
    confidence
        One-sided confidence level.

    Notes
    -----
    The limit p solves P(X <= passed | total, p) = 1 - confidence. For ``passed = 0`` it is
    1 - (1 - confidence)^(1/total), the rule of three.

    References
    ----------
    Clopper and Pearson, Biometrika 26 (1934) 404.
    """
    k = math.ceil(passed - 1e-9)
    if total <= 0 or k >= total:
        return 1.0
    i = np.arange(1, k + 1)
    log_choose = np.concatenate([np.zeros(1), np.cumsum(np.log((total - i + 1) / i))])
    low, high = passed / total, 1.0
    for _ in range(_HALVINGS):
        p = 0.5 * (low + high)
        too_likely = _lower_tail(log_choose, total, p) > 1.0 - confidence
        low, high = (p, high) if too_likely else (low, p)
    return 0.5 * (low + high)


def _lower_tail(log_choose: np.ndarray, total: float, p: float) -> float:
    """Return P(X <= k | total, p) given log C(total, i) for i = 0..k."""
    if p >= 1.0:
        return 0.0
    i = np.arange(log_choose.size)
    return float(np.exp(log_choose + i * math.log(p) + (total - i) * math.log1p(-p)).sum())
