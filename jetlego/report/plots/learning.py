"""Loss, and other figures, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetlego.report.style import FAINT, PALETTE, class_color, class_line, legend, new_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]

_CURVES = {
    "loss": (("train_loss", "training"), ("val_loss", "validation")),
    "auc": (("train_auc", "training"), ("val_auc", "validation")),
    "accuracy": (("train_accuracy", "training"), ("val_accuracy", "validation")),
}
_NAMES = {"loss": "loss [nats per jet]", "auc": "AUC", "accuracy": "accuracy"}


def plot_learning(rows: Rows, *, figure_of_merit: str = "loss", best_epoch: int | None = None) -> Figure:
    """Return training and validation curves.

    Parameters
    ----------
    rows
        One mapping an epoch, with ``epoch`` and some of ``train_loss, val_loss, val_auc, val_accuracy, ...``; None or
        absent values leave gaps.
    figure_of_merit
        ``"loss"``, ``"auc"`` or ``"accuracy"``.
    best_epoch
        The epoch whose weights were kept, marked by a line.
    """
    epochs = np.array([row.get("epoch", i) for i, row in enumerate(rows)], dtype=float)
    with styled():
        figure, axes = new_figure()
        for (key, name), color, line in zip(_CURVES[figure_of_merit], PALETTE, ("-", "--"), strict=False):
            values = column(rows, key)
            if np.isfinite(values).any():
                marker = "o" if len(rows) <= 40 else None
                axes.plot(epochs, values, ls=line, color=color, marker=marker, ms=3.5, label=name)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=FAINT, lw=1.0, ls=(0, (4, 3)), label=f"best epoch ({best_epoch})")
        _whole_epochs(axes, epochs)
        axes.set(xlabel="epoch", ylabel=_NAMES[figure_of_merit])
        axes.grid(axis="y")
        legend(axes, loc="best")
    return figure


def plot_learning_of_runs(runs: Mapping[str, Rows], *, key: str) -> Figure:
    """Return one curve for each run of ``{name: rows}``: the column ``key``, such as ``"val_loss"``, by epoch."""
    split, figure_of_merit = key.split("_", 1)
    with styled():
        figure, axes = new_figure()
        longest = max(runs.values(), key=len)
        for k, (name, rows) in enumerate(runs.items()):
            epochs = np.array([row.get("epoch", i) for i, row in enumerate(rows)], dtype=float)
            marker = "o" if len(longest) <= 40 else None
            style = {"color": class_color(k), "ls": class_line(k), "marker": marker, "ms": 3.5}
            axes.plot(epochs, column(rows, key), label=plain(name), **style)
        _whole_epochs(axes, np.array([row.get("epoch", i) for i, row in enumerate(longest)], dtype=float))
        words = {"train": "training", "val": "validation"}
        axes.set(xlabel="epoch", ylabel=f"{words.get(split, split)} {_NAMES.get(figure_of_merit, figure_of_merit)}")
        axes.grid(axis="y")
        legend(axes, loc="best")
    return figure


def column(rows: Rows, key: str) -> np.ndarray:
    """Return a column of the log as floats, NaN where a row has none."""
    return np.array([np.nan if row.get(key) is None else float(row[key]) for row in rows])


def has_column(rows: Rows, key: str) -> bool:
    """Return whether any row has a number there."""
    return bool(np.isfinite(column(rows, key)).any())


def _whole_epochs(axes: Axes, epochs: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator, NullLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_minor_locator(NullLocator())
    margin = 0.5 if epochs.size < 20 else 0.02 * epochs.size
    axes.set_xlim(epochs.min() - margin, epochs.max() + margin)
