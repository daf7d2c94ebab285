import numpy as np
import pytest

from jetlego.errors import ConfigError, DataError
from jetlego.evaluation.metrics import evaluate
from jetlego.evaluation.paired import paired_differences


def taggers(num_jets=1500, seed=0, shared=3.0):
    """Two taggers that see mostly the same: their scores fluctuate together."""
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=num_jets)
    common = shared * rng.normal(size=num_jets) + 4.0 * label
    return label, [common + rng.normal(size=num_jets) * noise for noise in (0.5, 1.5)]


def test_differences_are_those_of_the_single_figures():
    label, outputs = taggers()
    names = ["qcd", "top"]
    (row,) = paired_differences(label, outputs, classes=names, kind="logits")
    first, second = (evaluate(label, o, classes=names, kind="logits") for o in outputs)
    for key in ("auc", "accuracy", "loss"):
        assert row[key] == pytest.approx(second[key] - first[key])
    assert row["background_rejection.0.5"] == pytest.approx(
        second["background_rejection"]["0.5"] - first["background_rejection"]["0.5"]
    )


def test_paired_error_is_the_spread_of_the_difference_and_smaller_than_unpaired():
    names, rows, singles = ["qcd", "top"], [], []
    for seed in range(60):
        label, outputs = taggers(seed=seed)
        rows += paired_differences(label, outputs, classes=names, kind="logits", replicas=30)
        singles.append(evaluate(label, outputs[0], classes=names, kind="logits", replicas=30)["auc_error"])
    spread = np.std([row["auc"] for row in rows])
    assert np.mean([row["auc_error"] for row in rows]) == pytest.approx(spread, rel=0.3)
    assert spread < 0.8 * np.mean(singles)


def test_a_tagger_differs_from_itself_by_exactly_nothing():
    label, (output, _) = taggers()
    first, second = paired_differences(label, [output, output, -output], classes=["qcd", "top"], kind="logits")
    assert (first["auc"], first["auc_error"]) == (0.0, 0.0)
    assert second["auc"] < 0


def test_many_classes_give_the_rejection_of_the_signal():
    rng = np.random.default_rng(0)
    label = rng.integers(3, size=900)
    outputs = [rng.normal(size=(900, 3)) + np.eye(3)[label] for _ in range(2)]
    names = ["qcd", "W", "top"]
    (row,) = paired_differences(label, outputs, classes=names, signal="top", replicas=10)
    whole = [evaluate(label, output, classes=names, signal="top", replicas=0) for output in outputs]
    first, second = (one["background_rejection"]["0.5"] for one in whole)
    assert row["background_rejection.0.5"] == pytest.approx(second - first)
    assert "accuracy" in row


def test_what_cannot_be_had_is_none():
    label, outputs = np.repeat([0, 1], 50), [np.repeat([0.0, 1.0], 50)] * 2
    (row,) = paired_differences(label, outputs, classes=["qcd", "top"], kind="logits", replicas=5)
    assert row["background_rejection.0.5"] is None
    assert row["background_rejection.0.5_error"] is None


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="at least two"):
        paired_differences([0, 1], [[0.0, 1.0]], classes=["a", "b"])
    with pytest.raises(DataError, match="3 rows"):
        paired_differences([0, 1], [[0.0, 1.0], [0.0, 1.0, 2.0]], classes=["a", "b"])
