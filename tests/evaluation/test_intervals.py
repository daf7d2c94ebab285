import pytest
from scipy import stats

from jetlego.evaluation.intervals import binomial_upper_limit


@pytest.mark.parametrize(
    ("passed", "total"), [(0, 10), (0, 100_000), (1, 50), (37, 1000), (4000, 9000), (9, 10), (2.0, 30.7)]
)
@pytest.mark.parametrize("confidence", [0.68, 0.95])
def test_upper_limit_is_clopper_pearson(passed, total, confidence):
    expected = stats.beta.ppf(confidence, passed + 1, total - passed)
    assert binomial_upper_limit(passed, total, confidence=confidence) == pytest.approx(expected, rel=1e-8)


def test_limit_covers_by_definition():
    limit = binomial_upper_limit(3, 200)
    assert stats.binom.cdf(3, 200, limit) == pytest.approx(0.05, rel=1e-8)


def test_everything_passed_or_nothing_tried():
    assert binomial_upper_limit(5, 5) == 1.0
    assert binomial_upper_limit(0, 0) == 1.0
