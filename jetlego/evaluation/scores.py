"""From what a network gives to what a figure of merit takes: log-probabilities, and one number per question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError, DataError, did_you_mean

# Class names that mean "background" without being told; label_QCD is JetClass's own.
BACKGROUND_WORDS = ("qcd", "background", "bkg", "bg", "fake", "noise")

# Half-precision softmax rows sum to one within this.
_ROW_SUM = 2e-3
# Scores that underflow to zero still get a finite loss: -log of this is 87.
_TINY = 1e-38


def log_probabilities(output: npt.ArrayLike, *, kind: str = "auto", num_classes: int, signal: int) -> FloatArray:
    """Return (B, K) float64 log-probabilities.

    Parameters
    ----------
    output
        (B, K) logits or scores; for two classes also (B,) or (B, 1), the logit or score of the signal.
    kind
        ``"logits"``, ``"scores"``, or ``"auto"``: scores are numbers in [0, 1] whose rows sum to one.
    num_classes, signal
        K, and the class that a single column speaks for.

    Raises
    ------
    DataError
        SHAPE, or NONFINITE naming the first jet.
    """
    values = np.asarray(output, dtype=np.float64)
    if kind not in ("auto", "logits", "scores"):
        raise ConfigError("BAD-VALUE", f"no kind of output '{kind}'", "valid: auto, logits, scores")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 1 and num_classes == 2:
        return _of_one_column(values, kind, signal)
    if values.ndim != 2 or values.shape[1] != num_classes:
        raise DataError("SHAPE", f"output has shape {values.shape} for {num_classes} classes", "give (B, K)")
    _refuse_nonfinite(values)
    if kind == "scores" or (kind == "auto" and _look_like_scores(values)):
        values = np.log(values.clip(_TINY))
    shifted = values - values.max(axis=1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _of_one_column(values: FloatArray, kind: str, signal: int) -> FloatArray:
    """Return (B, 2) log-probabilities of a single score or logit of the signal."""
    _refuse_nonfinite(values)
    in_range = bool(np.all((values >= 0.0) & (values <= 1.0)))
    if kind == "scores" or (kind == "auto" and in_range):
        pair = np.log(values.clip(_TINY)), np.log((1.0 - values).clip(_TINY))
    else:
        pair = -np.logaddexp(0.0, -values), -np.logaddexp(0.0, values)
    return np.stack(pair if signal == 0 else pair[::-1], axis=1)


def _look_like_scores(values: FloatArray) -> bool:
    return bool(np.all(values >= 0.0) and np.all(np.abs(values.sum(axis=1) - 1.0) <= _ROW_SUM))


def _refuse_nonfinite(values: FloatArray) -> None:
    bad = np.flatnonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
    if bad.size:
        raise DataError("NONFINITE", f"output of jet {bad[0]} is {values[bad[0]]} ({bad.size} such jets)")


def discriminant(log_p: FloatArray, signal: int, backgrounds: Sequence[int]) -> FloatArray:
    """Return ln p_S - ln sum p_B (B,), the likelihood ratio that separates one class from the others given.

    Logarithms keep the order of jets that a score rounded to 1 would tie. A monotone function of
    p_S / (p_S + p_B), JetClass's discriminant (arXiv:2202.03772, eq. 4).
    """
    return log_p[:, signal] - np.logaddexp.reduce(log_p[:, list(backgrounds)], axis=1)


def roles(classes: Sequence[str], signal: str | None = None, background: str | None = None) -> tuple[int, int]:
    """Return which class is the signal and which the background it is set against.

    Unless told, the background is the first class called so (``qcd``, ``label_QCD``, ``background``, ...), else the
    last class; the signal is the first of the others.
    """
    names = list(classes)
    if len(names) < 2:
        raise ConfigError("BAD-VALUE", f"{len(names)} class given", "a tagger needs at least two")
    for wanted in (signal, background):
        if wanted is not None and wanted not in names:
            raise ConfigError("BAD-VALUE", f"no class '{wanted}'", did_you_mean(wanted, names))
    s = names.index(signal) if signal is not None else None
    b = names.index(background) if background is not None else _first_background(names, avoid=s)
    if s is None:
        s = next(k for k in range(len(names)) if k != b)
    if s == b:
        raise ConfigError("BAD-VALUE", f"class '{names[s]}' is both signal and background")
    return s, b


def _first_background(names: list[str], avoid: int | None) -> int:
    free = [k for k in range(len(names)) if k != avoid]
    called = [k for k in free if names[k].lower().removeprefix("label_") in BACKGROUND_WORDS]
    return called[0] if called else free[-1]
