"""Significance improvement: by how much a cut multiplies S / sqrt(B)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from jetlego.evaluation.roc import Roc
from jetlego.report.plots.rejection import sampled
from jetlego.report.style import FAINT, class_color, class_line, legend, looks, new_figure, plain, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_significance(
    curves: Mapping[str, Roc], *, num_background: Mapping[str, float], numbers: Sequence[int] = ()
) -> Figure:
    """Return eps_S / sqrt(eps_B) over eps_S with one-sigma bands; arguments as for the rejection.

    Gallicchio et al., arXiv:1010.3698, sec. 4.
    """
    with styled():
        figure, axes = new_figure()
        for k, (name, curve) in zip(looks(curves, numbers), curves.items(), strict=True):
            eps_s, eps_b, error = sampled(curve, num_background[name])
            y = eps_s / np.sqrt(eps_b)
            color, spread = class_color(k), 1.0 + 0.5 * error
            axes.fill_between(eps_s, y / spread, y * spread, color=color, alpha=0.22, lw=0)
            axes.plot(eps_s, y, color=color, ls=class_line(k), label=plain(name))
        axes.axhline(1.0, color=FAINT, lw=1.0, ls=(0, (2, 3)), label="no cut")
        axes.set(xlim=(0, 1), ylim=(0, None), xlabel=r"signal efficiency $\varepsilon_S$")
        axes.set_ylabel(r"significance improvement $\varepsilon_S/\sqrt{\varepsilon_B}$")
        legend(axes, loc="best")
    return figure
