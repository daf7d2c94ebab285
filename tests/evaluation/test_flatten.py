import numpy as np
import pytest
from scipy.interpolate import interp1d
from sklearn.metrics import roc_auc_score, roc_curve

from jetlego.errors import ConfigError
from jetlego.evaluation.flatten import (
    RECNN_EFFICIENCIES,
    core_seeds,
    flat_weights,
    recnn_figures,
    recnn_rejection_curve,
)


def sample(num_jets=20_000, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=num_jets)
    pt = np.where(label == 1, rng.normal(285, 15, num_jets), 250 + rng.exponential(20, num_jets)).clip(250, 300)
    return label, rng.normal(size=num_jets) + label + 0.02 * (pt - 270), pt


def test_spectra_become_flat():
    label, _, pt = sample()
    weight = flat_weights(pt, label)
    for kind in (0, 1):
        members = label == kind
        content, _ = np.histogram(pt[members], 50, weights=weight[members])
        np.testing.assert_allclose(content, content.mean(), rtol=1e-9)
        assert weight[members].mean() == pytest.approx(1.0)


def test_the_span_limits_the_jets():
    label, _, pt = sample()
    weight = flat_weights(pt, label, span=(260.0, 290.0), bins=7)
    outside = (pt < 260) | (pt > 290)
    assert np.all(weight[outside] == 0.0)
    assert np.all(weight[~outside] > 0.0)


def test_given_weights_are_flattened_too():
    label, _, pt = sample()
    given = np.random.default_rng(1).exponential(size=label.size)
    weight = flat_weights(pt, label, weight=given)
    content, _ = np.histogram(pt[label == 1], 50, weights=weight[label == 1])
    np.testing.assert_allclose(content, content.mean(), rtol=1e-9)


def test_a_spectrum_of_one_value_keeps_its_weights():
    np.testing.assert_array_equal(flat_weights([5.0, 5.0, 7.0], [0, 0, 1]), [1.0, 1.0, 1.0])


def test_recnn_convention_interpolates_the_rejection():
    label, score, pt = sample()
    weight = flat_weights(pt, label)
    fpr, tpr, _ = roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    # Of points with one eps_S, interpolation in steps of 0.002 sees the neighbours only.
    line = interp1d(tpr[fpr > 0], 1.0 / fpr[fpr > 0])(RECNN_EFFICIENCIES)
    np.testing.assert_allclose(recnn_rejection_curve(label, score, weight=weight), line, rtol=1e-3)
    auc, rejection = recnn_figures(label, score, pt)
    assert auc == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
    assert rejection == pytest.approx(line[225], rel=1e-3)


def test_flattening_takes_away_what_the_spectrum_gives():
    label, _, pt = sample()
    auc, _ = recnn_figures(label, pt, pt)
    # Both spectra flat on the same span: pT alone tells nothing, up to the width of a bin.
    assert auc == pytest.approx(0.5, abs=0.01)
    assert roc_auc_score(label, pt) > 0.6


def test_a_failed_training_is_left_out_of_the_mean():
    figures = np.array([0.918, 0.919, 0.9185, 0.9182, 0.9188, 0.9184, 0.52])
    np.testing.assert_array_equal(core_seeds(figures), figures > 0.9)
    # By hand: of 0..6 the core is 1..5, mean 3, deviation sqrt(2), so that everything within 4.24 stays.
    assert core_seeds(np.arange(7.0)).all()
    np.testing.assert_array_equal(core_seeds([0.0, 1, 2, 3, 4, 5, 8]), [True] * 6 + [False])


def test_bins_are_positive():
    with pytest.raises(ConfigError, match="0 bins"):
        flat_weights([1.0], [0], bins=0)
