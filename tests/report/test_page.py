import base64
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from oracles.html_page import assert_self_contained
from oracles.toy_jets import toy_jets, toy_scores

from jetlego.errors import DataError
from jetlego.report.contents import ReportContents
from jetlego.report.jet_section import jet_cards
from jetlego.report.page import render_report, write_report
from jetlego.report.plots.tree import plot_trees
from jetlego.report.samples import one_tree, typical
from jetlego.report.svg import figure_bytes

HOSTILE = '<script>alert("1")</script>&\'$x$\x00{{ 7*7 }}'


def contents(num_jets=400, *, classes=("top", "qcd"), **changes):
    jets = toy_jets(num_jets, classes=classes)
    rows = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1.2 / e, "val_auc": 1 - 0.5 / e} for e in range(1, 5)]
    values = {
        "title": "toy run", "classes": tuple(classes), "label": jets.label,
        "scores": toy_scores(jets.label, num_classes=len(classes)), "jet": dict(jets.jet), "epochs": rows,
        "best_epoch": 3, "data": [{"split": "test", "files": "toy", "jets": num_jets}],
        "model": {"brick": "toy", "parameters": 12345}, "model_text": "Toy(\n  (a): B\n)",
        "config": "model:\n  brick: toy\n", "environment": {"torch": "2"}, "jets": jets,
    }  # fmt: skip
    return ReportContents(**{**values, **changes})


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    made, folder = contents(), tmp_path_factory.mktemp("run")
    return made, write_report(made, folder / "runs" / "report.html", plots=folder / "plots")


def test_page_is_self_contained_and_complete(full):
    made, path = full
    page = assert_self_contained(path.read_text(encoding="utf-8"))
    titles = [t for t in ("ROC curve", "Score", "Loss", "Background rejection", "Significance improvement",
                          "Calibration", "Confusion matrix", "Efficiency by pT", "Sculpting of the jet mass",
                          "Average jet images", "Primary Lund planes", "Clustering trees", "Jet displays")
              if t not in page.text]  # fmt: skip
    assert titles == []
    assert len(page.all("img")) == 16
    assert all(image["alt"] for image in page.all("img"))
    anchors = {a["href"].removeprefix("#") for a in page.all("a")}
    assert anchors <= {s.get("id") for s in page.all("section")}
    assert f"{made.figures['auc']:.3f}"[:5] in page.text
    for fact in ("toy run", "12 345", "brick: toy", "jetlego", "(a): B"):
        assert fact in page.text.replace("\u202f", " ").replace("\xa0", " ")


@pytest.mark.slow
def test_the_same_contents_give_the_same_page(full):
    _, path = full
    assert render_report(contents()) == path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_hostile_names_appear_as_words():
    classes = (HOSTILE, "</pre><img src=x onerror=alert(1)>")
    made = contents(
        60, classes=classes, title=HOSTILE, config=HOSTILE, model_text=HOSTILE, model={HOSTILE: HOSTILE},
        environment={HOSTILE: HOSTILE}, data=[{HOSTILE: HOSTILE}], jets=toy_jets(6, classes=classes), epochs=[],
    )  # fmt: skip
    text = render_report(made)
    page = assert_self_contained(text)
    assert '<script>alert("1")</script>' in page.text
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "<script" not in text
    for image in page.all("img"):
        drawing = ElementTree.fromstring(base64.b64decode(image["src"].partition(",")[2]))
        for element in drawing.iter():
            assert not element.tag.lower().endswith("script")
            assert not any(name.startswith("on") for name in element.attrib)


def test_only_scores_are_needed():
    made = contents(100)
    bare = ReportContents(title="bare", classes=made.classes, label=made.label, scores=made.scores)
    page = assert_self_contained(render_report(bare))
    assert len(page.all("img")) == 6
    for reason in ("no log of epochs", "no sample jets", "no column jet_pt", "no column jet_mass"):
        assert reason in page.text


@pytest.mark.parametrize("kept", [0, 1])
def test_one_class_alone_is_told_and_not_drawn(kept):
    made = contents(100, jets=None, epochs=[])
    members = made.label == kept
    jet = {name: values[members] for name, values in made.jet.items()}
    one = replace(made, label=made.label[members], scores=made.scores[members], jet=jet, metrics=None)
    page = assert_self_contained(render_report(one))
    name = made.classes[kept]
    assert f"hold only {name}" in page.text
    assert f"no jet of class '{made.classes[1 - kept]}'" in page.text


def test_no_test_jets_and_empty_sample_jets():
    made = contents(100)
    nothing = np.arange(0)
    jets = made.jets.select(nothing)
    jet = {name: values[nothing] for name, values in made.jet.items()}
    empty = replace(made, label=made.label[:0], scores=made.scores[:0], jet=jet, jets=jets, metrics=None)
    page = assert_self_contained(render_report(empty))
    assert "hold only nothing" in page.text
    assert "no sample jets were given" in page.text
    assert "no jet of class 'top'" in page.text


def test_jets_of_few_constituents_and_without_labels():
    jets = toy_jets(3)
    p4, ptr = jets.p4[:3], np.array([0, 0, 1, 3])
    few = replace(jets, p4=p4, jet_ptr=ptr, constituents={}, jet={}, label=None, classes=())
    titles = [card.title for card in jet_cards(few)]
    assert titles == ["Constituents", "Average jet images", "Primary Lund planes", "Clustering trees", "Jet displays"]
    assert "Trees: no jet has two constituents." in jet_cards(few.select(np.array([0, 1])))
    assert jet_cards(few.select(np.array([0]))) == [
        "Constituents, images, Lund planes and trees: no sample jet has constituents."
    ]


@pytest.mark.slow
def test_many_classes_weights_and_unknown_columns():
    classes = ("QCD", "Hbb", "W", "top")
    weight = np.random.default_rng(0).normal(1.0, 0.5, 400)
    made = contents(400, classes=classes, weight=weight, jets=None, epochs=[])
    made = replace(made, jet={**made.jet, "jet_odd_column": np.zeros(400), "jet_eta": np.full(400, np.nan)})
    page = assert_self_contained(render_report(made))
    assert "Class by class" in page.text
    assert "mean over pairs of classes" in page.text
    assert f"{100 * made.figures['negative_weight_fraction']:.2g} % of all" in page.text


@pytest.mark.slow
def test_own_trees_are_drawn_instead_of_cambridge_aachen():
    from jetlego.clustering.cluster import cluster

    made = contents(20)
    trees = cluster(made.jets.p4, made.jets.jet_ptr, algorithm="anti_kt")
    drawn = jet_cards(made.jets, replace(made, trees=trees, tree_name="anti_kt"))[3]
    assert "Anti-kT tree of a jet" in drawn.caption
    members = [np.flatnonzero(made.label == k) for k in (0, 1)]
    chosen = [index[typical(made.jets.select(index))] for index in members]
    figure = plot_trees({name: one_tree(trees, b) for name, b in zip(made.classes, chosen, strict=True)})
    assert drawn.svg() == figure_bytes(figure)


def test_file_is_written_whole_with_its_plots(full):
    _, path = full
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    names = {p.name for p in (path.parent.parent / "plots").iterdir()}
    assert {"roc-curve.svg", "loss.svg", "primary-lund-planes.svg"} <= names
    assert len(names) == 16


def test_columns_and_scores_must_fit_the_jets():
    made = contents(60)
    with pytest.raises(DataError, match="jet_pt"):
        replace(made, jet={"jet_pt": np.zeros(3)})
    with pytest.raises(DataError, match="scores have shape"):
        replace(made, scores=made.scores[:, :1])
