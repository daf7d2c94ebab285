"""Losses of networks that started in different ways, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jetlego.report.style import HEIGHT, PAGE_WIDTH, class_color, class_line, legend, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = Sequence[tuple[int, float]]


def plot_starts(networks: Mapping[str, Mapping[str, Curve]]) -> Figure:
    """Return one panel a network, one curve for each way it started.

    Parameters
    ----------
    networks
        {title: {label: [(step, loss), ...]}}; a label has one colour in all panels.
    """
    labels = list(dict.fromkeys(label for curves in networks.values() for label in curves))
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(PAGE_WIDTH, 0.85 * HEIGHT))
        panels = figure.subplots(1, len(networks), squeeze=False)[0]
        for axes, (title, curves) in zip(panels, networks.items(), strict=True):
            for label, curve in curves.items():
                k = labels.index(label)
                axes.plot(*zip(*curve, strict=True), color=class_color(k), ls=class_line(k), label=plain(label))
            axes.set(xlabel="step", title=plain(title))
            axes.grid(axis="y")
            legend(axes, loc="best")
        panels[0].set_ylabel("training loss [nats]")
        figure.tight_layout()
    return figure
