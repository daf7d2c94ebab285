"""Several runs on one page: figures of merit side by side, differences on common jets, curves over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.atomic import write_atomic
from jetlego.data.yaml_reader import parse_yaml
from jetlego.errors import ConfigError
from jetlego.evaluation.calibration import reliability
from jetlego.evaluation.paired import paired_differences
from jetlego.evaluation.roc import working_point
from jetlego.evaluation.sculpting import mass_sculpting
from jetlego.report.cards import Card, Section, card, section
from jetlego.report.contents import ReportContents
from jetlego.report.curves import Pair, pair_of
from jetlego.report.format import cell, rejection_text, with_error
from jetlego.report.labels import axis_label
from jetlego.report.page import render
from jetlego.report.performance import mass_edges
from jetlego.report.plots.calibration import plot_calibration
from jetlego.report.plots.learning import has_column, plot_learning_of_runs
from jetlego.report.plots.rejection import plot_rejection
from jetlego.report.plots.roc import plot_roc
from jetlego.report.plots.sculpting import plot_sculpting
from jetlego.report.plots.significance import plot_significance
from jetlego.report.style import PALETTE, styled

Runs = Mapping[str, ReportContents]

_SCALARS = {"auc": "AUC", "accuracy": "accuracy", "loss": "loss"}


def write_comparison(contents: Sequence[ReportContents], path: str | Path) -> Path:
    """Write one page that compares runs, whole or not at all; return its path."""
    path = Path(path)
    write_atomic(path, render_comparison(contents))
    return path


def render_comparison(contents: Sequence[ReportContents]) -> str:
    """Return the page that compares runs as HTML; the first run is what the others are measured against.

    Raises
    ------
    ConfigError
        For fewer than two runs.
    """
    if len(contents) < 2:
        raise ConfigError("BAD-VALUE", f"{len(contents)} run to compare", "give at least two")
    runs = _named(contents)
    with styled():
        sections = [_overview(runs), _training(runs), _performance(runs)]
    return render(
        "compare.html",
        title=f"{len(runs)} runs compared",
        subtitle="  |  ".join(runs),
        colors=[PALETTE[k % len(PALETTE)] for k in range(len(runs))],
        figures=_figure_table(runs),
        differences=_difference_table(runs),
        sections=sections,
        settings=_settings_table(runs),
        environment=_environment_table(runs),
    )


def _named(contents: Sequence[ReportContents]) -> dict[str, ReportContents]:
    """Return {title: contents} with titles told apart."""
    runs: dict[str, ReportContents] = {}
    for one in contents:
        title, number = one.title, 2
        while title in runs:
            title, number = f"{one.title} ({number})", number + 1
        runs[title] = one
    return runs


def _pairs(runs: Runs) -> dict[str, Pair]:
    pairs = {name: pair_of(one, one.signal) for name, one in runs.items()}
    return {name: pair for name, pair in pairs.items() if pair.complete}


def _overview(runs: Runs) -> Section:
    pairs = _pairs(runs)
    if not pairs:
        return section("overview", "Overview", "ROC curves: no run has signal and background.")
    curves = {name: pair.roc() for name, pair in pairs.items()}
    counts = {name: pair.num_background for name, pair in pairs.items()}
    points = tuple(float(p) for p in next(iter(runs.values())).figures["background_rejection"])
    rejection = plot_rejection(curves, num_background=counts, working_points=points)
    return section(
        "overview", "Overview",
        card("ROC curves", plot_roc(curves), _whom(runs)),
        card("Background rejection", rejection, "Bands: binomial errors."),
    )  # fmt: skip


def _whom(runs: Runs) -> str:
    tasks = {f"{one.classes[one.signal]} against {one.classes[one.background]}" for one in runs.values()}
    return f"{tasks.pop()}." if len(tasks) == 1 else "Beware: the runs were given different tasks."


def _training(runs: Runs) -> Section:
    items: list[Card | str] = []
    for key, title in (("val_loss", "Validation loss"), ("val_auc", "Validation AUC")):
        logged = {name: one.epochs for name, one in runs.items() if one.epochs and has_column(one.epochs, key)}
        if logged:
            items.append(card(title, plot_learning_of_runs(logged, key=key), ""))
    return section("training", "Training", *(items or ["Learning curves: no log of epochs."]))


def _performance(runs: Runs) -> Section:
    pairs = _pairs(runs)
    if not pairs:
        return section("performance", "Performance")
    curves = {name: pair.roc() for name, pair in pairs.items()}
    counts = {name: pair.num_background for name, pair in pairs.items()}
    figure = plot_significance(curves, num_background=counts)
    items = [card("Significance improvement", figure, "By how much a cut multiplies S/√B."), _calibration(runs)]
    return section("performance", "Performance", *items, _sculpting(runs, pairs))


def _calibration(runs: Runs) -> Card:
    curves = {}
    for name, one in runs.items():
        score = one.scores[:, one.signal]
        curves[name] = reliability(one.label == one.signal, score, weight=one.weight)
    figure = plot_calibration(curves, axis="score of the signal")
    return card("Calibration", figure, "Signal against all other classes.")


def _sculpting(runs: Runs, pairs: Mapping[str, Pair]) -> Card | str:
    with_mass = {name: one for name, one in runs.items() if name in pairs and "jet_mass" in one.jet}
    if not with_mass:
        return "Mass sculpting: no run has the column jet_mass."
    masses = {name: np.asarray(one.jet["jet_mass"], np.float64)[pairs[name].members] for name, one in with_mass.items()}
    first = next(iter(masses))
    pair = pairs[first]
    half = working_point(pair.truth, pair.score, signal_efficiency=0.5, weight=pair.weight)
    edges = mass_edges(masses[first][~pair.truth], half.background_efficiency)
    cuts = {
        name: mass_sculpting(pairs[name].truth, pairs[name].score, mass, bins=edges, weight=pairs[name].weight)
        for name, mass in masses.items()
    }
    figure = plot_sculpting(cuts, axis=axis_label("jet_mass"))
    return card("Sculpting of the jet mass", figure, "Background after a cut that keeps 50 % of the signal.")


def _figure_table(runs: Runs) -> dict[str, Any]:
    """Return the figures of merit, a row for each run."""
    points = list(next(iter(runs.values())).figures["background_rejection"])
    rows = []
    for name, one in runs.items():
        metrics = one.figures
        scalars = [with_error(metrics[key], metrics[f"{key}_error"]) for key in _SCALARS]
        rejections = [rejection_text(metrics, point)[0] for point in points]
        rows.append([name, *scalars, *rejections, cell(metrics["num_jets"]), cell(one.model.get("parameters"))])
    names = [f"1/ε_B at {100 * float(p):.0f} %" for p in points]
    header = ["run", *_SCALARS.values(), *names, "test jets", "parameters"]
    return {"header": header, "rows": rows}


def _difference_table(runs: Runs) -> dict[str, Any]:
    """Return the differences from the first run with paired errors, or the reason why there are none."""
    first, *others = runs.values()
    if not all(_same_jets(first, other) for other in others):
        return {"reason": "The runs were tested on different jets, so their differences have no paired errors."}
    points = [float(p) for p in first.figures["background_rejection"]]
    found = paired_differences(
        first.label, [one.scores for one in runs.values()], classes=first.classes, weight=first.weight,
        signal=first.figures["signal"], background=first.figures["background"], kind="scores",
        signal_efficiencies=points,
    )  # fmt: skip
    keys = [*_SCALARS, *[f"background_rejection.{p:g}" for p in points]]
    names = [*_SCALARS.values(), *[f"1/ε_B at {100 * p:.0f} %" for p in points]]
    rows = [
        [name, *[_signed(row[key], row[f"{key}_error"]) for key in keys]]
        for name, row in zip(list(runs)[1:], found, strict=True)
    ]
    return {"header": [f"minus {next(iter(runs))}", *names], "rows": rows}


def _signed(value: float | None, error: float | None) -> str:
    text = with_error(value, error)
    return f"+{text}" if value is not None and value > 0 else text.replace("-", "−", 1)


def _same_jets(first: ReportContents, other: ReportContents) -> bool:
    """Return whether two runs were tested on the same jets in the same order, as far as their columns tell."""
    if first.classes != other.classes or not np.array_equal(first.label, other.label):
        return False
    shared = first.jet.keys() & other.jet.keys()
    return bool(shared) and all(np.array_equal(first.jet[name], other.jet[name]) for name in shared)


def _settings_table(runs: Runs) -> dict[str, Any] | None:
    """Return the settings in which the configurations differ."""
    texts = {name: one.config for name, one in runs.items()}
    flat = [_flat(parse_yaml(text, name=name).data) if text.strip() else {} for name, text in texts.items()]
    keys = list(dict.fromkeys(key for table in flat for key in table))
    differing = [key for key in keys if len({cell(table.get(key)) for table in flat}) > 1]
    if not differing:
        return None
    return {"header": ["setting", *runs], "rows": [[key, *[cell(t.get(key)) for t in flat]] for key in differing]}


def _environment_table(runs: Runs) -> dict[str, Any] | None:
    keys = list(dict.fromkeys(key for one in runs.values() for key in one.environment))
    if not keys:
        return None
    rows = [[key, *[cell(one.environment.get(key)) for one in runs.values()]] for key in keys]
    return {"header": ["", *runs], "rows": rows}


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    """Return ``{"model.cell.hidden": 40}`` of nested mappings."""
    if not isinstance(data, Mapping):
        return {prefix: data}
    flat: dict[str, Any] = {}
    for name, inner in data.items():
        flat |= _flat(inner, f"{prefix}.{name}".lstrip("."))
    return flat
