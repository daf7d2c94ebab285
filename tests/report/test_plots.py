"""The plots of performance: what stands in the figure is what was computed."""

import numpy as np
import pytest
from oracles.toy_jets import toy_jets, toy_scores

from jetlego.evaluation.calibration import reliability
from jetlego.evaluation.dependence import efficiency_in_bins
from jetlego.evaluation.roc import background_rejection, roc
from jetlego.evaluation.sculpting import mass_sculpting
from jetlego.report.plots.calibration import plot_calibration
from jetlego.report.plots.confusion import plot_confusion
from jetlego.report.plots.efficiency import plot_efficiency
from jetlego.report.plots.histogram import plot_columns, round_edges, shared_edges
from jetlego.report.plots.learning import plot_learning, plot_learning_of_runs
from jetlego.report.plots.rejection import plot_rejection
from jetlego.report.plots.roc import plot_roc, thinned
from jetlego.report.plots.scores import plot_scores
from jetlego.report.plots.sculpting import plot_sculpting
from jetlego.report.plots.significance import plot_significance
from jetlego.report.style import plain, styled
from jetlego.report.svg import data_uri, figure_bytes, save_figure


@pytest.fixture(scope="module")
def tagged():
    jets = toy_jets(3000)
    score = toy_scores(jets.label)[:, 0]
    return jets, jets.label == 0, score


def texts(figure):
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend() is not None]
    return " ".join(text.get_text() for legend in legends for text in legend.get_texts())


def test_roc_names_curves_and_areas(tagged):
    _, truth, score = tagged
    curve = roc(truth, score)
    figure = plot_roc({"top": curve, "other": curve}, background="qcd")
    assert f"AUC = {curve.auc:.4f}" in texts(figure)
    line = figure.axes[0].lines[0].get_xydata()
    np.testing.assert_array_equal(line[[0, -1]], [[0, 0], [1, 1]])
    assert "(qcd)" in figure.axes[0].get_xlabel()


def test_thinning_keeps_the_area(tagged):
    _, truth, score = tagged
    curve = roc(truth, score)
    keep = thinned(curve.false_positive_rate, curve.true_positive_rate)
    assert keep.size <= 302
    area = np.trapezoid(curve.true_positive_rate[keep], curve.false_positive_rate[keep])
    assert area == pytest.approx(curve.auc, abs=2e-3)


def test_rejection_and_significance_go_through_the_computed_points(tagged):
    _, truth, score = tagged
    curve, count = roc(truth, score), {"top": float(np.sum(~truth))}
    expected = background_rejection(truth, score, signal_efficiency=0.5)
    line = plot_rejection({"top": curve}, num_background=count).axes[0].lines[0].get_xydata()
    np.testing.assert_allclose(line[line[:, 0] == 0.5, 1], expected)
    line = plot_significance({"top": curve}, num_background=count).axes[0].lines[0].get_xydata()
    np.testing.assert_allclose(line[line[:, 0] == 0.5, 1], 0.5 * np.sqrt(expected))
    assert line[0, 0] > 0.0


def test_scores_and_columns_have_area_one(tagged):
    jets, _, score = tagged
    figure = plot_scores(jets.label, score, classes=jets.classes, signal="top")
    heights = [p.get_data().values for p in figure.axes[0].patches if not p.get_fill()]
    assert [h.sum() for h in heights] == pytest.approx([1.0, 1.0])
    columns = {name: np.asarray(v, float) for name, v in jets.jet.items()}
    figure = plot_columns(columns, jets.label, classes=jets.classes)
    assert [a.get_xlabel() for a in figure.axes[:3]] == ["jet $p_T$ [GeV]", "jet mass [GeV]", "number of constituents"]
    heights = [p.get_data().values.sum() for p in figure.axes[0].patches if not p.get_fill()]
    assert heights == pytest.approx([0.99, 0.99], abs=0.02)


def test_columns_of_one_value_of_nothing_and_of_whole_numbers():
    assert shared_edges(np.full(5, 3.25))[[0, -1]] == pytest.approx([2.75, 3.75])
    assert shared_edges(np.array([np.nan])).size == 41
    edges = shared_edges(np.arange(200.0))
    assert np.all(edges % 1 == 0.5)
    assert np.unique(np.diff(edges)).size == 1
    assert edges.size <= 42
    plot_columns({"empty": np.full(4, np.nan), "one": np.ones(4)}, np.zeros(4, dtype=int), classes=("a", "b"))


@pytest.mark.parametrize("scale", [1e-6, 0.3, 1.0, 77.0, 1e5])
def test_round_edges_are_round_and_cover(scale):
    values = scale * np.random.default_rng(0).normal(3, 1, 1000)
    edges = round_edges(values, bins=40)
    step = edges[1] - edges[0]
    mantissa = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-6
    low, high = np.quantile(values, [0.002, 0.998])
    assert edges[0] <= low
    assert edges[-1] >= high
    assert 15 <= edges.size <= 62


def test_learning_curves_leave_gaps_and_mark_the_best_epoch():
    rows = [{"epoch": e, "train_loss": 1.0 / e, "val_loss": None if e == 2 else 1.1 / e} for e in (1, 2, 3)]
    figure = plot_learning(rows, best_epoch=3)
    assert "best epoch (3)" in texts(figure)
    assert np.isnan(figure.axes[0].lines[1].get_ydata()[1])
    figure = plot_learning_of_runs({"a": rows, "b": rows[:2]}, key="val_loss")
    assert figure.axes[0].get_ylabel() == "validation loss [nats per jet]"
    assert len(figure.axes[0].lines) == 2


def test_the_other_figures_draw_their_numbers(tagged, tmp_path):
    jets, truth, score = tagged
    curve = reliability(truth, score)
    figure = plot_calibration({"top": curve})
    assert f"ECE = {curve.expected_calibration_error:.4f}" in texts(figure)
    cut = mass_sculpting(truth, score, jets.jet["jet_mass"])
    figure = plot_sculpting({"half": cut}, background="qcd")
    assert f"1/JSD = {cut.inverse_jsd:.3g}" in texts(figure)
    bins = efficiency_in_bins(jets.jet["jet_pt"], score > 0.5, edges=[0, 300, 600])
    figure = plot_efficiency({"top": (0, bins)}, axis="jet pT [GeV]")
    assert figure.axes[0].get_yscale() == "log"
    figure = plot_confusion([[9, 1], [5, 15]], classes=["a", "b"])
    assert [t.get_text() for t in figure.axes[0].texts] == ["90.0 %", "10.0 %", "25.0 %", "75.0 %"]
    for kind in ("svg", "png", "pdf"):
        path = save_figure(figure, tmp_path / f"confusion.{kind}")
        assert path.stat().st_size > 2000


def test_svg_is_the_same_every_time_and_holds_paths_alone(tagged):
    _, truth, score = tagged

    def draw():
        return figure_bytes(plot_roc({"top": roc(truth, score)}))

    first = draw()
    assert first == draw()
    assert b"<text" not in first
    assert b"<script" not in first
    assert b"<dc:date>" not in first
    assert data_uri(plot_roc({"top": roc(truth, score)})).startswith("data:image/svg+xml;base64,")


def test_users_settings_and_global_figures_are_left_alone(tagged):
    import matplotlib
    from matplotlib import pyplot

    _, truth, score = tagged
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"lines.linewidth": 17.0}):
        styled_bytes = figure_bytes(plot_roc({"top": roc(truth, score)}))
        assert matplotlib.rcParams["lines.linewidth"] == 17.0
    assert styled_bytes == figure_bytes(plot_roc({"top": roc(truth, score)}))
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []
    with styled(), styled():
        assert matplotlib.rcParams["svg.fonttype"] == "path"


def test_any_class_name_can_be_drawn(tagged):
    _, truth, score = tagged
    names = [r"$\frac{1}{", "_hidden", "a\nb", "тор", "頂", "x" * 300, "", "<b>&", "100 %", "$x", "x$y$z"]
    curve = roc(truth[:40], score[:40])
    figure = plot_roc(dict.fromkeys(names, curve), background=names[0])
    assert len(figure_bytes(figure)) > 1000
    shown = [text.get_text().split("   ")[0] for text in figure.axes[0].get_legend().get_texts()]
    assert shown == [plain(name) for name in names]
    assert plain("x" * 300) == "x" * 39 + "…"
