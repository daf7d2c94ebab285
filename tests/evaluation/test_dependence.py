import numpy as np
import pytest
from scipy import stats

from jetlego.errors import ConfigError
from jetlego.evaluation.dependence import efficiency_in_bins


def test_efficiency_and_interval_equal_scipy():
    rng = np.random.default_rng(0)
    pt = rng.uniform(500, 1000, 3000)
    passes = rng.uniform(size=3000) < (pt - 400) / 800
    edges = np.linspace(500, 1000, 6)
    found = efficiency_in_bins(pt, passes, edges=edges)
    level = stats.norm.cdf(1) - stats.norm.cdf(-1)
    for i in range(5):
        inside = (pt >= edges[i]) & (pt < edges[i + 1])
        oracle = stats.binomtest(int(passes[inside].sum()), int(inside.sum())).proportion_ci(level, "wilson")
        assert found.efficiency[i] == pytest.approx(passes[inside].mean())
        assert (found.low[i], found.high[i]) == pytest.approx((oracle.low, oracle.high))


def test_edges_outside_and_empty_bins():
    found = efficiency_in_bins([0.0, 1.0, 3.0, 4.0, -1.0], [1, 1, 0, 1, 1], edges=[0.0, 1.0, 2.0, 2.5, 3.0])
    np.testing.assert_array_equal(found.efficiency, [1.0, 1.0, np.nan, 0.0])
    assert found.high[0] == pytest.approx(1.0)
    assert 0.0 < found.low[0] < 1.0
    assert np.isnan(found.low[2])


def test_weights_lower_the_effective_number():
    pt, passes = np.zeros(100), np.arange(100) % 2 == 0
    plain = efficiency_in_bins(pt, passes, edges=[-1.0, 1.0])
    uneven = efficiency_in_bins(pt, passes, edges=[-1.0, 1.0], weight=np.where(np.arange(100) < 50, 1.9, 0.1))
    assert uneven.high[0] - uneven.low[0] > plain.high[0] - plain.low[0]


def test_edges_rise():
    with pytest.raises(ConfigError, match="rise"):
        efficiency_in_bins([1.0], [True], edges=[1.0, 0.0])
