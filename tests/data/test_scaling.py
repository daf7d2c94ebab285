import json

import numpy as np
import pytest
from sklearn import preprocessing

from jetlego.data.scaling import SCALERS, RobustScaler, StandardScaler, quantiles, scaler_from_dict
from jetlego.errors import ConfigError, DataError, JetlegoWarning


@pytest.fixture
def table():
    return np.random.default_rng(3).normal([0, 5, -100], [1, 0.01, 30], (501, 3))


@pytest.mark.parametrize(("ours", "theirs"), [(StandardScaler, preprocessing.StandardScaler()),
                                              (RobustScaler, preprocessing.RobustScaler())])
def test_against_sklearn(table, ours, theirs):
    fitted = ours.fit(table)
    np.testing.assert_allclose(fitted.apply(table), theirs.fit_transform(table), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fitted.invert(fitted.apply(table)), table, rtol=1e-5)


def test_weighted_standard_against_sklearn(table):
    weights = np.random.default_rng(4).exponential(1, len(table))
    theirs = preprocessing.StandardScaler().fit(table, sample_weight=weights)
    ours = StandardScaler.fit(table, weights=weights)
    np.testing.assert_allclose(ours.center, theirs.mean_)
    np.testing.assert_allclose(ours.scale, theirs.scale_)


@pytest.mark.parametrize("scaler", SCALERS.values())
def test_mask_equals_selection_and_equal_weights_change_nothing(table, scaler):
    mask = np.arange(len(table)) % 3 != 0
    padded = np.where(mask[:, None], table, 1e9).reshape(167, 3, 3)
    fitted = scaler.fit(padded, mask=mask.reshape(167, 3))
    np.testing.assert_allclose(fitted.center, scaler.fit(table[mask]).center)
    weighted = scaler.fit(table, weights=np.full(len(table), 2.5))
    np.testing.assert_allclose(weighted.scale, scaler.fit(table).scale)
    zeros = scaler.fit(table, weights=mask.astype(float))
    np.testing.assert_allclose(zeros.center, scaler.fit(table[mask]).center, rtol=0.02, atol=0.02)


def test_weighted_quantiles_of_repeated_values_agree():
    values = np.array([3.0, 1, 2, 5])
    np.testing.assert_allclose(quantiles(values, (0, 0.3, 1), weights=np.ones(4)), np.quantile(values, (0, 0.3, 1)))
    assert quantiles(np.array([4.0]), (0.5,), weights=np.ones(1)) == 4
    heavy = quantiles(values, (0.5,), weights=np.array([1, 1, 1000.0, 1]))
    assert heavy == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize("scaler", SCALERS.values())
def test_constant_and_non_finite_features(table, scaler):
    table[:, 1] = 0.1
    table[0, 0], table[1, 0] = np.nan, np.inf
    table[:, 2] = np.nan
    with pytest.warns(JetlegoWarning, match=r"CONSTANT-FEATURE.*: b, number 2$"):
        fitted = scaler.fit(table, names=("a", "b"))
    assert fitted.scale[1:].tolist() == [1, 1]
    assert fitted.center[1:].tolist() == pytest.approx([0.1, 0])
    np.testing.assert_allclose(fitted.center[0], scaler.fit(table[2:, :1]).center[0])


@pytest.mark.parametrize("scaler", SCALERS.values())
def test_round_trip_through_json(table, scaler):
    fitted = scaler.fit(table, names=("a", "b", "c"))
    again = scaler_from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert type(again) is scaler
    assert again.names == fitted.names
    np.testing.assert_array_equal(again.apply(table), fitted.apply(table))


def test_wrong_input_is_refused(table):
    with pytest.raises(DataError, match="negative or NaN"):
        StandardScaler.fit(table, weights=np.full(len(table), np.nan))
    with pytest.raises(DataError, match="sum to 0"):
        StandardScaler.fit(table, weights=np.zeros(len(table)))
    with pytest.raises(ConfigError, match="'robust'"):
        scaler_from_dict({"kind": "robus", "center": [], "scale": []})
    with pytest.raises(ConfigError, match="positive"):
        scaler_from_dict({"kind": "robust", "center": [0], "scale": [0]})


@pytest.mark.parametrize("scaler", SCALERS.values())
def test_what_is_not_finite_becomes_the_training_median(table, scaler):
    table[:, 1] = np.exp(table[:, 0])  # skewed, so that mean and median differ
    fitted = scaler.fit(table)
    stored = scaler_from_dict(json.loads(json.dumps(fitted.to_dict())))
    holes = np.array([[np.nan, np.inf, -np.inf], [1.0, 2.0, 3.0]])
    filled = np.array([np.median(table, axis=0), holes[1]])
    np.testing.assert_array_equal(stored.apply(holes), fitted.apply(filled))
    assert np.isfinite(stored.apply(holes)).all()
