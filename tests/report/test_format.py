import math

import pytest

from jetlego.report.format import cell, rejection_text, significant, with_error


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.98123, 0.0007, "0.9812 ± 0.0007"),
        (0.98123, 0.0012, "0.9812 ± 0.0012"),
        (812.4, 71.0, "812 ± 71"),
        (812.4, 7.1, "812 ± 7"),
        (23.04, 1.83, "23.0 ± 1.8"),
        (12345.6, 1234.0, "12 346 ± 1 234"),
        (-0.0329, 0.0018, "-0.0329 ± 0.0018"),
        (0.5, None, "0.5000"),
        (0.5, math.inf, "0.5000"),
        (None, 0.1, "–"),
        (math.nan, 0.1, "–"),
    ],
)
def test_error_decides_the_digits(value, error, text):
    assert with_error(value, error).replace("\u202f", " ").replace("\xa0", " ") == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (1234.56, "1 235"), (0.123456, "0.1235"), (1e-7, "1.000e-07")])
def test_significant(value, text):
    assert significant(value).replace("\u202f", " ").replace("\xa0", " ") == text


def test_cells():
    values = [True, False, None, 1234567, 0.5, "a", [1, "b"]]
    assert [cell(v).replace("\u202f", " ") for v in values] == ["yes", "no", "–", "1 234 567", "0.5000", "a", "1, b"]


def test_rejection_without_a_value_tells_its_bound_and_why():
    metrics = {
        "background_rejection": {"0.5": None},
        "background_rejection_lower_bound": {"0.5": 100.6},
        "null_reasons": {"background_rejection.0.5": "no background jet passes"},
    }
    assert rejection_text(metrics, "0.5") == ("> 101", "95 % CL; no background jet passes")
    metrics["background_rejection_lower_bound"] = {}
    assert rejection_text(metrics, "0.5") == ("–", "no background jet passes")
