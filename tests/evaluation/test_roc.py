import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from jetlego.errors import ConfigError, DataError
from jetlego.evaluation.roc import background_rejection, roc, working_point


def sample(num_jets=4000, *, seed=0, decimals=None, weighted=False):
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=num_jets)
    score = rng.normal(size=num_jets) + 1.2 * label
    score = score if decimals is None else np.round(score, decimals)
    return label, score, rng.exponential(size=num_jets) if weighted else None


@pytest.mark.parametrize("decimals", [None, 1, 0])
@pytest.mark.parametrize("weighted", [False, True])
def test_roc_equals_scikit_learn(decimals, weighted):
    label, score, weight = sample(decimals=decimals, weighted=weighted)
    curve = roc(label, score, weight=weight)
    fpr, tpr, thresholds = roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, fpr, rtol=1e-12)
    np.testing.assert_allclose(curve.true_positive_rate, tpr, rtol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert curve.auc == pytest.approx(roc_auc_score(label, score, sample_weight=weight), rel=1e-12)


def test_auc_with_negative_weights_is_the_weighted_pair_count():
    label, score, _ = sample(300, decimals=1)
    weight = np.random.default_rng(1).normal(1.0, 0.8, size=300)
    s, b = label == 1, label == 0
    higher = (score[s][:, None] > score[b]) + 0.5 * (score[s][:, None] == score[b])
    pairs = weight[s][:, None] * weight[b]
    curve = roc(label, score, weight=weight)
    assert curve.auc == pytest.approx((higher * pairs).sum() / pairs.sum(), rel=1e-12)
    assert curve.negative_weight_fraction == pytest.approx(-weight[weight < 0].sum() / np.abs(weight).sum())
    assert 0.0 < curve.negative_weight_fraction < 0.5


@pytest.mark.parametrize("weighted", [False, True])
def test_rejection_without_ties_is_that_of_the_plain_cut(weighted):
    label, score, weight = sample(weighted=weighted)
    w = np.ones(label.size) if weight is None else weight
    order = np.argsort(-score)
    kept = np.cumsum((w * label)[order]) / (w * label).sum()
    for eps in (0.1, 0.3, 0.5, 0.871):
        cut = score[order][np.flatnonzero(kept >= eps)[0]]
        background = label == 0
        expected = w[background].sum() / w[background & (score >= cut)].sum()
        got = background_rejection(label, score, signal_efficiency=eps, weight=weight)
        assert got == pytest.approx(expected, rel=1e-12)


def test_rejection_with_ties_interpolates_the_roc_of_scikit_learn():
    label, score, _ = sample(decimals=0)
    fpr, tpr, _ = roc_curve(label, score)
    eps = np.array([[0.1, 0.3], [0.5, 0.9]])
    got = background_rejection(label, score, signal_efficiency=eps)
    np.testing.assert_allclose(got, 1.0 / np.interp(eps, tpr, fpr), rtol=1e-12)


def test_shuffling_tied_jets_gives_the_same_rejection_on_average():
    label, score, _ = sample(2000, decimals=0)
    rng = np.random.default_rng(5)
    jittered = (score + rng.uniform(0, 1e-6, 2000) for _ in range(400))
    passed = [1.0 / background_rejection(label, s, signal_efficiency=0.3) for s in jittered]
    exact = 1.0 / background_rejection(label, score, signal_efficiency=0.3)
    assert exact == pytest.approx(np.mean(passed), abs=4 * np.std(passed) / 20)


def test_equal_scores_reject_nothing_beyond_chance():
    label = np.array([0, 1] * 50)
    assert roc(label, np.zeros(100)).auc == 0.5
    assert background_rejection(label, np.zeros(100), signal_efficiency=0.25) == pytest.approx(4.0)
    cut = working_point(label, np.zeros(100), signal_efficiency=0.25)
    assert (cut.signal_efficiency, cut.background_rejection) == (1.0, 1.0)


def test_duplicated_signal_efficiency_takes_the_tightest_cut():
    label = np.array([1, 0, 0, 1])
    score = np.array([4.0, 3.0, 2.0, 1.0])
    assert background_rejection(label, score, signal_efficiency=0.5) == np.inf
    assert background_rejection(label, score, signal_efficiency=0.51) == 1.0


def test_no_background_passes_gives_infinity_and_a_finite_bound():
    label, score = np.repeat([0, 1], 500), np.repeat([0.0, 1.0], 500)
    assert background_rejection(label, score, signal_efficiency=0.5) == np.inf
    cut = working_point(label, score, signal_efficiency=0.5)
    assert cut.background_rejection == np.inf
    assert np.isnan(cut.rejection_error)
    assert cut.rejection_lower_bound == pytest.approx(1.0 / (1.0 - 0.05 ** (1 / 500)), rel=1e-9)


def test_working_point_is_a_cut_that_one_can_apply():
    label, score, weight = sample(decimals=1, weighted=True)
    cut = working_point(label, score, signal_efficiency=0.4, weight=weight)
    passes, signal = score >= cut.threshold, label == 1
    assert cut.signal_efficiency == pytest.approx(weight[passes & signal].sum() / weight[signal].sum())
    assert cut.background_efficiency == pytest.approx(weight[passes & ~signal].sum() / weight[~signal].sum())
    tighter = score >= np.nextafter(cut.threshold, np.inf)
    assert weight[tighter & signal].sum() < 0.4 * weight[signal].sum() <= weight[passes & signal].sum()


def test_rejection_error_is_the_spread_over_background_samples():
    rng = np.random.default_rng(3)
    label = np.repeat([0, 1], [2000, 20_000])
    signal = rng.normal(1.0, 1.0, 20_000)
    cuts = [
        working_point(label, np.concatenate([rng.normal(size=2000), signal]), signal_efficiency=0.5)
        for _ in range(120)
    ]
    spread = np.std([c.background_rejection for c in cuts])
    assert np.mean([c.rejection_error for c in cuts]) == pytest.approx(spread, rel=0.25)


def test_a_million_jets():
    label, score, _ = sample(1_000_000)
    assert roc(label, score).auc == pytest.approx(roc_auc_score(label, score), rel=1e-10)


@pytest.mark.parametrize(
    ("label", "score", "weight", "error"),
    [
        ([0, 0], [1, 2], None, "LABELS"),
        ([1, 1], [1, 2], None, "LABELS"),
        ([0, 2], [1, 2], None, "LABELS"),
        ([0, -1], [1, 2], None, "LABELS"),
        ([], [], None, "LABELS"),
        ([0, 1], [1, np.nan], None, "NONFINITE"),
        ([0, 1], [1, np.inf], None, "NONFINITE"),
        ([0, 1], [1, 2, 3], None, "SHAPE"),
        ([0, 1], [1, 2], [1, np.nan], "WEIGHTS"),
        ([0, 1], [1, 2], [0, 0], "WEIGHTS"),
        ([0, 1], [1, 2], [1, 0], "WEIGHTS"),
        ([0, 1], [1, 2], [1], "WEIGHTS"),
    ],
)
def test_bad_input_is_refused(label, score, weight, error):
    with pytest.raises(DataError) as caught:
        roc(np.asarray(label, dtype=int), score, weight=weight)
    assert caught.value.id == error


@pytest.mark.parametrize("eps", [0.0, -0.1, 1.5, np.nan])
def test_a_signal_efficiency_is_a_part(eps):
    with pytest.raises(ConfigError, match="signal efficiency"):
        background_rejection([0, 1], [0.0, 1.0], signal_efficiency=eps)
