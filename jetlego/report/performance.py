"""The sections on what a tagger is worth: overview, training, performance, background shape."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.evaluation.calibration import Reliability, reliability, top_label_reliability
from jetlego.evaluation.dependence import efficiency_in_bins
from jetlego.evaluation.roc import working_point
from jetlego.evaluation.sculpting import mass_sculpting
from jetlego.report.cards import Card, Section, card, section
from jetlego.report.contents import ReportContents
from jetlego.report.curves import complete_pairs, discriminant_score, pair_of
from jetlego.report.labels import axis_label
from jetlego.report.plots.calibration import plot_calibration
from jetlego.report.plots.confusion import plot_confusion
from jetlego.report.plots.efficiency import plot_efficiency
from jetlego.report.plots.histogram import MOST_BANDS, round_edges
from jetlego.report.plots.learning import has_column, plot_learning
from jetlego.report.plots.rejection import plot_rejection
from jetlego.report.plots.roc import plot_roc
from jetlego.report.plots.scores import plot_scores
from jetlego.report.plots.sculpting import plot_sculpting
from jetlego.report.plots.significance import plot_significance

_BINS, _MASS_BINS = 8, 40
_TITLES = {"jet_pt": "pT", "jet_eta": "pseudorapidity", "jet_mass": "jet mass", "jet_sdmass": "soft-drop mass"}


def overview(contents: ReportContents) -> Section:
    """Return the first screen: ROC and scores."""
    pairs = complete_pairs(contents)
    if not pairs:
        return section("overview", "Overview", _one_class(contents))
    background = contents.classes[contents.background]
    curves = {name: pair.roc() for name, pair in pairs.items()}
    rocs = plot_roc(curves, background=background, numbers=_numbers(contents, pairs))
    several = len(contents.classes) > 2
    signal = contents.classes[contents.signal]
    scores = plot_scores(
        contents.label, discriminant_score(contents), classes=contents.classes, signal=signal, weight=contents.weight
    )
    caption = f"p({signal}) / (p({signal}) + p({background})). " if several else ""
    caption += "Each class has area one"
    caption += "; bands are statistical errors." if len(contents.classes) <= MOST_BANDS else "."
    return section(
        "overview", "Overview",
        card("ROC curve", rocs, "The dashed diagonal is a random choice."),
        card("Score", scores, caption),
    )  # fmt: skip


def training(contents: ReportContents) -> Section:
    """Return the learning curves."""
    rows, best = contents.epochs, contents.best_epoch
    if not rows:
        return section("training", "Training", "Learning curves: no log of epochs.")
    wanted = {"loss": "Loss", "auc": "AUC", "accuracy": "Accuracy"}
    there = [key for key in wanted if any(has_column(rows, f"{split}_{key}") for split in ("train", "val"))][:2]
    caption = "Weights of the best epoch (dashed line) were kept." if best is not None else ""
    cards = [card(wanted[key], plot_learning(rows, figure_of_merit=key, best_epoch=best), caption) for key in there]
    return section("training", "Training", *cards)


def performance(contents: ReportContents) -> Section:
    """Return rejection, significance improvement, calibration and confusion."""
    return section(
        "performance", "Performance",
        _rejection(contents), _significance(contents), _calibration(contents), _confusion(contents),
    )  # fmt: skip


def dependence(contents: ReportContents) -> Section:
    """Return how the cut depends on kinematics, and what it does to the background's mass spectrum."""
    masses = [name for name in ("jet_mass", "jet_sdmass") if name in contents.jet]
    # Two figures a row: pseudorapidity fills the place beside a second mass.
    wanted = ("jet_pt", "jet_eta") if len(masses) != 1 else ("jet_pt",)
    efficiencies = [name for name in wanted if name in contents.jet]
    return section(
        "dependence", "Dependence on kinematics",
        *([_efficiency(contents, name) for name in efficiencies] or ["Efficiency: there is no column jet_pt."]),
        *([_sculpting(contents, name) for name in masses] or ["Mass sculpting: there is no column jet_mass."]),
    )  # fmt: skip


def _numbers(contents: ReportContents, names: Iterable[str]) -> list[int]:
    """Return class numbers, so that a class has one colour on the whole page."""
    return [contents.classes.index(name) for name in names]


def _one_class(contents: ReportContents) -> str:
    present = [name for k, name in enumerate(contents.classes) if np.any(contents.label == k)]
    return f"ROC and scores: the test jets hold only {', '.join(present) or 'nothing'}."


def _rejection(contents: ReportContents) -> Card | str:
    pairs = complete_pairs(contents)
    if not pairs:
        return "Background rejection: needs signal and background."
    figure = plot_rejection(
        {name: pair.roc() for name, pair in pairs.items()},
        num_background={name: pair.num_background for name, pair in pairs.items()},
        working_points=tuple(float(p) for p in contents.figures["background_rejection"]),
        background=contents.classes[contents.background],
        numbers=_numbers(contents, pairs),
    )
    caption = "Bands: binomial errors. A curve ends where fewer than three background jets pass."
    return card("Background rejection", figure, caption)


def _significance(contents: ReportContents) -> Card | str:
    pairs = complete_pairs(contents)
    if not pairs:
        return "Significance improvement: needs signal and background."
    figure = plot_significance(
        {name: pair.roc() for name, pair in pairs.items()},
        num_background={name: pair.num_background for name, pair in pairs.items()},
        numbers=_numbers(contents, pairs),
    )
    caption = "By how much a cut multiplies S/√B; its maximum is the best cut where the background is only counted."
    return card("Significance improvement", figure, caption)


def _calibration(contents: ReportContents) -> Card | str:
    if not len(contents.label):
        return "Calibration: no jets."
    curves: dict[str, Reliability]
    if len(contents.classes) == 2:
        signal = contents.classes[contents.signal]
        truth = contents.label == contents.signal
        curves = {signal: reliability(truth, contents.scores[:, contents.signal], weight=contents.weight)}
        figure = plot_calibration(curves, axis=f"score of {signal}", fraction=f"fraction of {signal}")
    else:
        curves = {"chosen class": top_label_reliability(contents.label, contents.scores, weight=contents.weight)}
        figure = plot_calibration(curves, axis="score of the chosen class", fraction="fraction predicted rightly")
    brier = next(iter(curves.values())).brier
    caption = f"ECE: mean distance from the diagonal, weighted by the number of jets. Brier score {brier:.4f}."
    return card("Calibration", figure, caption)


def _confusion(contents: ReportContents) -> Card:
    figure = plot_confusion(contents.figures["confusion_matrix"], classes=contents.classes)
    return card("Confusion matrix", figure, "Rows in per cent of the true class; the highest score decides.")


def _efficiency(contents: ReportContents, name: str) -> Card | str:
    pair = pair_of(contents, contents.signal)
    column = np.asarray(contents.jet[name], dtype=np.float64)[pair.members]
    if not pair.complete or not np.isfinite(column).all() or np.ptp(column) == 0:
        return f"Efficiency by {name}: needs signal and background with different, finite values."
    cut = working_point(pair.truth, pair.score, signal_efficiency=0.5, weight=pair.weight)
    edges, passes = round_edges(column, bins=_BINS), pair.score >= cut.threshold
    bins = {}
    for k, kind in ((contents.signal, pair.truth), (contents.background, ~pair.truth)):
        found = efficiency_in_bins(column[kind], passes[kind], edges=edges, weight=pair.weight[kind])
        bins[contents.classes[k]] = (k, found)
    figure = plot_efficiency(bins, axis=axis_label(name))
    caption = f"One cut that keeps {100 * cut.signal_efficiency:.0f} % of {contents.classes[contents.signal]} overall."
    return card(f"Efficiency by {_TITLES[name]}", figure, caption)


def mass_edges(mass: FloatArray, background_efficiency: float) -> FloatArray:
    """Return bins for the background's mass spectrum, fewer if few jets pass the cut."""
    passing = background_efficiency * mass.size
    return round_edges(mass, bins=int(np.clip(passing / 5, 8, _MASS_BINS)))


def _sculpting(contents: ReportContents, name: str) -> Card | str:
    pair = pair_of(contents, contents.signal)
    mass = np.asarray(contents.jet[name], dtype=np.float64)[pair.members]
    if not pair.complete or not np.isfinite(mass).all():
        return f"Sculpting of {name}: needs signal and background with finite values."
    half = working_point(pair.truth, pair.score, signal_efficiency=0.5, weight=pair.weight)
    edges = mass_edges(mass[~pair.truth], half.background_efficiency)
    cuts = {
        rf"$\varepsilon_S$ = {100 * p:.0f} %": mass_sculpting(
            pair.truth, pair.score, mass, signal_efficiency=p, bins=edges, weight=pair.weight
        )
        for p in (0.3, 0.5)
    }
    background = contents.classes[contents.background]
    figure = plot_sculpting(cuts, axis=axis_label(name), background=background)
    by_chance = next(reversed(cuts.values())).jsd_floor
    caption = f"Spectrum of {background} before and after the cut."
    if by_chance > 0:
        caption += f" A cut unrelated to it would reach 1/JSD ≈ {1 / by_chance:.2g} at 50 %."
    return card(f"Sculpting of the {_TITLES[name]}", figure, caption)
