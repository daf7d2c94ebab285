import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from jetlego.errors import ConfigError, DataError
from jetlego.evaluation.calibration import reliability, top_label_reliability


def sample(seed=0, num_jets=5000):
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=num_jets)
    return (rng.uniform(size=num_jets) < score**1.5).astype(int), score, rng.exponential(size=num_jets)


@pytest.mark.parametrize("equal_counts", [False, True])
def test_curve_equals_scikit_learn(equal_counts):
    label, score, _ = sample()
    curve = reliability(label, score, bins=10, equal_counts=equal_counts)
    strategy = "quantile" if equal_counts else "uniform"
    fraction, mean = calibration_curve(label, score, n_bins=10, strategy=strategy)
    np.testing.assert_allclose(curve.signal_fraction, fraction, rtol=1e-9)
    np.testing.assert_allclose(curve.mean_score, mean, rtol=1e-9)
    assert curve.brier == pytest.approx(brier_score_loss(label, score))


def test_weights_count_as_copies():
    label, score, _ = sample()
    copies = np.random.default_rng(1).integers(1, 4, size=label.size)
    weighted = reliability(label, score, weight=copies)
    repeated = reliability(np.repeat(label, copies), np.repeat(score, copies))
    np.testing.assert_allclose(weighted.signal_fraction, repeated.signal_fraction)
    assert weighted.expected_calibration_error == pytest.approx(repeated.expected_calibration_error)
    assert weighted.brier == pytest.approx(repeated.brier)
    assert np.all(weighted.fraction_error >= repeated.fraction_error)


def test_true_probabilities_are_calibrated_and_squared_ones_are_not():
    rng = np.random.default_rng(4)
    score = rng.uniform(size=200_000)
    label = rng.uniform(size=score.size) < score
    good, bad = reliability(label, score), reliability(label, score**2)
    assert good.expected_calibration_error < 0.01
    assert bad.expected_calibration_error == pytest.approx(1 / 6, abs=0.01)
    pulls = (good.signal_fraction - good.mean_score) / good.fraction_error
    assert 0.4 < np.sqrt(np.mean(pulls**2)) < 1.7


def test_top_label_reliability_is_that_of_being_right():
    rng = np.random.default_rng(2)
    scores = rng.dirichlet([1.0, 1.0, 1.0], size=20_000)
    label = (rng.uniform(size=20_000)[:, None] > scores.cumsum(axis=1)).sum(axis=1).clip(max=2)
    curve = top_label_reliability(label, scores)
    assert curve.mean_score.min() > 1 / 3
    assert curve.expected_calibration_error < 0.02


def test_scores_outside_their_range_and_empty_input_are_refused():
    with pytest.raises(DataError, match="softmax"):
        reliability([0, 1], [0.5, 1.2])
    with pytest.raises(DataError, match="no jets"):
        reliability(np.zeros(0, dtype=int), [])
    with pytest.raises(DataError, match="shape"):
        top_label_reliability([0, 1], [0.5, 0.5])
    with pytest.raises(ConfigError, match="0 bins"):
        reliability([0, 1], [0.5, 0.7], bins=0)
