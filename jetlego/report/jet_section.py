"""The section on the jets themselves: distributions, average images, Lund planes, single trees and displays."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.data.jets import Jets
from jetlego.report import samples
from jetlego.report.cards import Card, Section, card, section
from jetlego.report.contents import ReportContents
from jetlego.report.plots.histogram import plot_columns
from jetlego.report.plots.jet_display import plot_displays
from jetlego.report.plots.jet_image import plot_images
from jetlego.report.plots.lund_plane import plot_lund_planes
from jetlego.report.plots.tree import plot_trees

_JET_COLUMNS = ("jet_pt", "jet_eta", "jet_mass", "jet_sdmass", "jet_nparticles", "jet_energy")
_HALF_WIDTH = 0.9
_MOST_TREES = 4
_TREE_NAMES = {"kt": "kT", "anti_kt": "Anti-kT", "cambridge_aachen": "Cambridge/Aachen"}


def jets_section(contents: ReportContents) -> Section:
    """Return the figures of the jets; those that need constituents are missing without sample jets."""
    items: list[Card | str] = [_jet_columns(contents)]
    if contents.jets is None or contents.jets.num_jets == 0:
        items.append("Constituents, images, Lund planes and trees: no sample jets were given.")
    else:
        items += jet_cards(contents.jets, contents)
    return section("jets", "Jets", *items)


def jet_cards(jets: Jets, contents: ReportContents | None = None) -> list[Card | str]:
    """Return the figures that need nothing but labelled jets; ``contents`` may hold their trees."""
    by_class = samples.by_class(jets)
    if not by_class:
        return ["Constituents, images, Lund planes and trees: no sample jet has constituents."]
    return [
        _constituents(by_class),
        card(
            "Average jet images", plot_images(samples.images(by_class, half_width=_HALF_WIDTH), half_width=_HALF_WIDTH),
            "Each jet turned so that its principal axis stands upright, heavier end up, heavier side right.", wide=True,
        ),
        card(
            "Primary Lund planes", plot_lund_planes(samples.lund_planes(by_class)),
            "Declusterings of the harder branch of the Cambridge/Aachen tree, wide angles left.", wide=True,
        ),
        _trees(jets, contents),
        _displays(jets),
    ]  # fmt: skip


def _jet_columns(contents: ReportContents) -> Card | str:
    columns = {name: np.asarray(contents.jet[name], np.float64) for name in _JET_COLUMNS if name in contents.jet}
    if not columns or not len(contents.label):
        return "Jet distributions: there are no jet columns."
    figure = plot_columns(columns, contents.label, classes=contents.classes, weight=contents.weight)
    return card("Jets", figure, "Test jets; each class has area one, and 99 % of all jets are shown.", wide=True)


def _constituents(by_class: dict[str, Jets]) -> Card:
    tables = {name: samples.constituent_columns(jets) for name, jets in by_class.items()}
    shared = [key for key in next(iter(tables.values())) if all(key in table for table in tables.values())]
    columns = {key: np.concatenate([table[key] for table in tables.values()]) for key in shared}
    label = np.repeat(np.arange(len(tables)), [len(table[shared[0]]) for table in tables.values()])
    figure = plot_columns(columns, label, classes=tuple(tables))
    caption = "Constituents of the sample jets; each class has area one, and 99 % of all are shown."
    return card("Constituents", figure, caption, wide=True)


def _examples(jets: Jets) -> dict[str, int]:
    """Return {class: jet number} of one typical jet of each class."""
    names, label = samples.kinds(jets)
    members = {name: np.flatnonzero((label == k) & (jets.num_constituents > 0)) for k, name in enumerate(names)}
    return {name: int(index[samples.typical(jets.select(index))]) for name, index in members.items() if index.size}


def _trees(jets: Jets, contents: ReportContents | None) -> Card | str:
    examples = {name: b for name, b in _examples(jets).items() if jets.num_constituents[b] >= 2}
    if not examples:
        return "Trees: no jet has two constituents."
    examples = dict(list(examples.items())[:_MOST_TREES])
    chosen = jets.select(np.array(list(examples.values())))
    if contents is not None and contents.trees is not None:
        history, made_by = contents.trees.select(np.array(list(examples.values()))), contents.tree_name
    else:
        history, made_by = cluster(chosen.p4, chosen.jet_ptr, algorithm="cambridge_aachen"), "Cambridge/Aachen"
    figure = plot_trees({name: samples.one_tree(history, i) for i, name in enumerate(examples)})
    caption = f"{_TREE_NAMES.get(made_by, made_by)} tree of a jet with the median number of constituents"
    caption += "; branches as thick as their momentum."
    if len(examples) < len(jets.classes):
        caption += f" The first {len(examples)} classes."
    return card("Clustering trees", figure, caption, wide=True)


def _displays(jets: Jets) -> Card:
    shown = {}
    for name, b in list(_examples(jets).items()):
        one = jets.select(np.array([b]))
        shown[name] = (one.p4, one.constituents)
    caption = "The same jets; areas grow with pT, and the dashed circle has radius 0.8."
    return card("Jet displays", plot_displays(shown), caption, wide=True)
