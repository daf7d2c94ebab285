import numpy as np
import pytest

from jetlego.data.features import constituent_features, jet_features, jet_mask
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, DataError


def jets(labelled=True):
    p4 = np.array([[3.0, 4, 0, 5], [0, 10, 0, 10], [6, 8, 0, 11], [1, 0, 0, 1], [0, 2, 0, 3]])
    return Jets(p4, np.array([0, 2, 2, 5]), {"part_charge": np.array([1, -1, 0, 1, 0])},
                {"jet_tau1": np.array([0.2, 0, 0.4]), "jet_tau2": np.array([0.1, 0, 0.1])},
                np.array([1, 0, -1]) if labelled else None, ("qcd", "top"))  # fmt: skip


def test_constituent_expressions():
    derived = {"part_half": "part_pt / 2", "part_rank_pt": "part_pt / ak.max(part_pt, axis=1)",
               "part_share": "part_half / jet_sum", "jet_sum": "ak.sum(part_pt, axis=1)"}  # fmt: skip
    table = constituent_features(jets(), ["part_half", "part_rank_pt", "part_share"], derived=derived)
    np.testing.assert_allclose(table[:, 0], [2.5, 5, 5, 0.5, 1])
    np.testing.assert_allclose(table[:, 1], [0.5, 1, 1, 0.1, 0.2])
    np.testing.assert_allclose(table[:, 2], np.array([2.5, 5, 5, 0.5, 1]) / [15, 15, 13, 13, 13], rtol=1e-6)
    np.testing.assert_allclose(constituent_features(jets(), "jet_sum", derived=derived)[:, 0], [15, 15, 13, 13, 13])


def test_jet_expressions():
    derived = {"ratio": "jet_tau2 / jet_tau1", "charged": "ak.sum(part_charge, axis=1)",
               "hardest": "ak.max(part_pt, axis=1)", "one": "1", "is_top": "label_top * 2"}  # fmt: skip
    table = jet_features(jets(), ["ratio", "charged", "hardest", "one", "is_top", "jet_tau21"], derived=derived)
    np.testing.assert_allclose(table[0], [0.5, 0, 10, 1, 2, 0.5])
    np.testing.assert_allclose(table[2], [0.25, 1, 10, 1, 0, 0.25])
    assert np.isnan(table[1, [0, 2]]).all()
    assert table[1, 5] == 0


def test_expression_of_its_own_name_means_the_stored_column():
    table = constituent_features(jets(), "part_charge", derived={"part_charge": "part_charge * 3"})
    assert table[:, 0].tolist() == [3, -3, 0, 3, 0]


def test_cuts():
    assert jet_mask(jets(), "(jet_nparticles > 1) & (jet_pt > 13)").tolist() == [True, False, False]
    assert jet_mask(jets(), "ak.any(part_charge < 0, axis=1)").tolist() == [True, False, False]
    assert jet_mask(jets(), "ak.max(part_pt, axis=1) >= 10").tolist() == [True, False, True]
    assert jet_mask(jets(), "label_qcd | top").tolist() == [True, True, False]
    assert jet_mask(jets(), "True").tolist() == [True, True, True]


@pytest.mark.parametrize(("text", "error", "id", "words"), [
    ("part_pt > 3", ConfigError, "EXPR-SHAPE", "reduce it"),
    ("part_pt[:, :1] > 3", ConfigError, "EXPR-SHAPE", "one value a jet"),
    ("jet_ptt > 3", DataError, "NO-BRANCH", "did you mean 'jet_pt'"),
    ("ak.any(part_d0 > 3, axis=1)", DataError, "NO-BRANCH", "needs 'part_d0val'"),
    ("__import__('os')", ConfigError, "EXPR-REFUSED", "cut.yaml:2:1"),
])  # fmt: skip
def test_wrong_cuts(text, error, id, words):
    with pytest.raises(error, match=words) as caught:
        jet_mask(jets(), text, where="cut.yaml:2:1")
    assert caught.value.id == id


def test_circles_and_missing_labels():
    with pytest.raises(ConfigError, match="a -> b -> a"):
        jet_features(jets(), "a", derived={"a": "b + 1", "b": "a + 1"})
    with pytest.raises(DataError, match="carry no labels"):
        jet_mask(jets(labelled=False), "label_top")
