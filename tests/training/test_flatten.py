"""Weights of training jets that make spectra alike, in two variables and in their short form of one."""

import json

import numpy as np
import pytest

from jetlego import read_jets
from jetlego.errors import ConfigError, DataError
from jetlego.training.config import DataConfig
from jetlego.training.load_config import parse_config
from jetlego.training.sources import Origin
from jetlego.training.train import _looked_at
from jetlego.training.weights import TrainingWeights

CLASSES = {"top": "label_Tbqq", "qcd": "label_QCD"}
PT, MASS = [500.0, 600.0, 700.0, 1000.0], [0.0, 60.0, 120.0, 240.0]


@pytest.fixture(scope="module")
def jets():
    return read_jets(["sample://top/train", "sample://qcd/train"], classes=CLASSES)


def config(**data):
    return DataConfig.model_validate({"train": ["x"], "classes": CLASSES, **data})


def tables(jets, weight):
    """Return the number and the weight of the jets in each bin, class by class, counted one jet at a time."""
    number, total = np.zeros((2, 3, 3)), np.zeros((2, 3, 3))
    for pt, mass, label, w in zip(jets.jet["jet_pt"], jets.jet["jet_sdmass"], jets.label, weight, strict=True):
        if PT[0] <= pt <= PT[-1] and MASS[0] <= mass <= MASS[-1]:
            at = label, sum(pt >= e for e in PT[1:-1]), sum(mass >= e for e in MASS[1:-1])
            number[at] += 1
            total[at] += w
        else:
            assert w == 0
    return number, total


def test_two_variables_come_out_flat_and_back_from_the_run(jets):
    wanted = config(flatten={"columns": ["jet_pt", "jet_sdmass"], "bins": [PT, MASS], "threshold": 0})
    fitted = TrainingWeights.fit(wanted, jets)
    number, total = tables(jets, fitted.apply(jets))
    assert number.max() > 10 * number.min() > 0
    np.testing.assert_allclose(total, total.mean(), rtol=1e-4)
    assert total.sum() == pytest.approx(number.sum(), rel=1e-5)  # the mean weight is one
    stored = json.loads(json.dumps(fitted.to_dict()))
    np.testing.assert_array_equal(TrainingWeights.from_dict(stored).apply(jets), fitted.apply(jets))


def test_sparse_bins_are_cut_off_classes_get_their_shares_and_may_follow_the_first(jets):
    known = {"columns": ["jet_pt", "jet_sdmass"], "bins": [PT, MASS]}
    fitted = TrainingWeights.fit(config(flatten={**known, "threshold": 50, "shares": {"top": 3}}), jets)
    number, total = tables(jets, fitted.apply(jets))
    for k in (0, 1):
        full = number[k] >= np.median(number[k])
        np.testing.assert_allclose(total[k][full], total[k][full].mean(), rtol=1e-4)
        np.testing.assert_allclose((total[k] / number[k])[~full], (total[k] / number[k])[~full].max(), rtol=1e-4)
    assert total[0].sum() / total[1].sum() == pytest.approx(3, rel=1e-4)
    fitted = TrainingWeights.fit(config(flatten={**known, "method": "ref", "threshold": 0}), jets)
    number, total = tables(jets, fitted.apply(jets))
    np.testing.assert_allclose(total[1] / total[1].sum(), number[0] / number[0].sum(), rtol=1e-4)


def test_the_short_form_is_fifty_bins_of_the_shared_range(jets):
    short = TrainingWeights.fit(config(flatten_pt=True), jets)
    spelt = {"columns": ["jet_pt"], "bins": [50], "threshold": 0}
    np.testing.assert_array_equal(short.apply(jets), TrainingWeights.fit(config(flatten=spelt), jets).apply(jets))
    old = {**short.to_dict(), "edges": short.to_dict()["edges"]["jet_pt"]}  # as runs were written before
    np.testing.assert_array_equal(TrainingWeights.from_dict(old).apply(jets), short.apply(jets))
    pt = jets.jet["jet_pt"].astype(float)
    edges = [f(g(pt[jets.label == k]) for k in (0, 1)) for f, g in ((max, np.min), (min, np.max))]
    np.testing.assert_allclose(short.table.edges[0], np.linspace(*edges, 51))


def test_variables_that_weigh_are_read_even_if_no_model_looks_at_them(small_config):
    run = small_config()
    flatten = {"columns": ["ak.sum(abs(part_charge), axis=1) / jet_pt"], "bins": [5]}
    run = type(run).model_validate({**run.resolved(), "data": {**run.resolved()["data"], "flatten": flatten}})
    origin = Origin.of(run.data).narrowed(lambda few: _looked_at(run, few))
    assert "part_charge" in origin.columns
    assert "part_d0val" not in origin.columns
    found = origin.read(["sample://top/val", "sample://qcd/val"], "train")
    weight = TrainingWeights.fit(run.data, found).apply(found)
    charged = np.add.reduceat(np.abs(found.constituents["part_charge"]), found.jet_ptr[:-1])
    value = charged / found.jet["jet_pt"]
    content = [np.histogram(value[found.label == k], 5, (value.min(), value.max()), weights=weight[found.label == k])[0]
               for k in (0, 1)]  # fmt: skip
    assert np.sum(content[0]) == pytest.approx(np.sum(content[1]), rel=0.02)


@pytest.mark.parametrize(("flatten", "told"), [
    ({"columns": ["jet_pt"], "bins": [50], "methode": "flat"}, "did you mean 'method'"),
    ({"columns": ["jet_pt"], "bins": [50], "method": "flot"}, "did you mean 'flat'"),
    ({"columns": ["jet_pt"], "bins": [[3, 2]]}, "bin edges of jet_pt do not ascend"),
    ({"columns": ["jet_pt"], "bins": [3, 4]}, "2 bins for 1 columns"),
    ({"columns": ["jet_pt"], "bins": [3], "shares": {"tip": 2}}, "tip is none of top, qcd"),
])  # fmt: skip
def test_a_wrong_wish_is_one_line(flatten, told):
    data = {"train": ["x"], "classes": CLASSES}
    with pytest.raises(ConfigError, match=told):
        parse_config({"data": {**data, "flatten": flatten}, "model": {"brick": "x"}})
    right = {"columns": ["jet_pt"], "bins": [5]}
    with pytest.raises(ConfigError, match="short form of flatten"):
        parse_config({"data": {**data, "flatten": right, "flatten_pt": True}, "model": {"brick": "x"}})


def test_an_unknown_variable_and_bins_beside_all_jets_are_told(jets):
    with pytest.raises(DataError, match=r"did you mean '?jet_sdmass"):
        TrainingWeights.fit(config(flatten={"columns": ["jet_sdmas"], "bins": [4]}), jets)
    with pytest.raises(DataError, match="no jet within the bins"):
        TrainingWeights.fit(config(flatten={"columns": ["jet_pt"], "bins": [[1, 2]]}), jets)
