import json

import numpy as np
import pytest
from oracles.delong import delong_error
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, roc_auc_score

from jetlego.errors import ConfigError, DataError
from jetlego.evaluation.metrics import evaluate
from jetlego.evaluation.roc import background_rejection


def logits_of(num_classes, num_jets=3000, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(num_classes, size=num_jets)
    logits = rng.normal(size=(num_jets, num_classes))
    logits[np.arange(num_jets), label] += 1.3
    return label, logits


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def assert_finite_json(tree):
    json.dumps(tree, allow_nan=False)


def test_binary_figures_equal_scikit_learn():
    label, logits = logits_of(2)
    score = softmax(logits)
    m = evaluate(label, logits, classes=["top", "qcd"])
    assert_finite_json(m)
    assert (m["signal"], m["background"]) == ("top", "qcd")
    assert m["auc"] == pytest.approx(roc_auc_score(label == 0, score[:, 0]), rel=1e-9)
    assert m["accuracy"] == pytest.approx(accuracy_score(label, logits.argmax(axis=1)))
    assert m["loss"] == pytest.approx(log_loss(label, score), rel=1e-9)
    assert m["confusion_matrix"] == confusion_matrix(label, logits.argmax(axis=1)).tolist()
    for key, value in m["background_rejection"].items():
        assert value == pytest.approx(background_rejection(label == 0, score[:, 0], signal_efficiency=float(key)))
        assert m["background_rejection_lower_bound"][key] < value
        assert m["background_rejection_error"][key] == pytest.approx(
            m["background_rejection_binomial_error"][key], rel=0.6
        )


def test_weighted_figures_equal_scikit_learn():
    label, logits = logits_of(2)
    weight = np.random.default_rng(2).exponential(size=label.size)
    m = evaluate(label, logits, classes=["qcd", "top"], weight=weight)
    score = softmax(logits)
    assert m["signal"] == "top"
    assert m["auc"] == pytest.approx(roc_auc_score(label, score[:, 1], sample_weight=weight), rel=1e-9)
    assert m["loss"] == pytest.approx(log_loss(label, score, sample_weight=weight), rel=1e-9)
    assert m["accuracy"] == pytest.approx(accuracy_score(label, logits.argmax(axis=1), sample_weight=weight))


def test_logits_scores_and_single_columns_agree():
    label, logits = logits_of(2)
    score = softmax(logits)
    whole = evaluate(label, logits, classes=["qcd", "top"])
    forms = [score, score[:, 1], score[:, 1:], logits[:, 1] - logits[:, 0]]
    for form in forms:
        assert evaluate(label, form, classes=["qcd", "top"])["loss"] == pytest.approx(whole["loss"], rel=1e-6)
        assert evaluate(label, form, classes=["qcd", "top"])["auc"] == pytest.approx(whole["auc"], rel=1e-9)
    half = evaluate(label, score.astype(np.float16), classes=["qcd", "top"])
    assert half["loss"] == pytest.approx(whole["loss"], rel=1e-3)


def test_saturated_scores_keep_their_order():
    label = np.array([0, 0, 1, 1])
    score = np.array([[1.0, 1e-20], [1.0, 1e-12], [1e-9, 1.0], [1e-3, 1.0 - 1e-3]], dtype=np.float32)
    score[2] = [1.0 - 1e-9, 1e-9]
    assert evaluate(label, score, classes=["qcd", "top"], kind="scores", replicas=0)["auc"] == 1.0


def test_multiclass_figures_equal_scikit_learn():
    label, logits = logits_of(4)
    names = ["label_QCD", "H", "W", "top"]
    m = evaluate(label, logits, classes=names, signal="W")
    assert_finite_json(m)
    score = softmax(logits)
    assert m["auc"] == pytest.approx(roc_auc_score(label, score, multi_class="ovo", average="macro"), rel=1e-9)
    assert m["loss"] == pytest.approx(log_loss(label, score), rel=1e-9)
    for k in (1, 2, 3):
        pair = (label == 0) | (label == k)
        odds = score[pair, k] / (score[pair, k] + score[pair, 0])
        one = m["per_class"][names[k]]
        assert one["auc"] == pytest.approx(roc_auc_score(label[pair] == k, odds), rel=1e-9)
        assert one["background_rejection"]["0.5"] == pytest.approx(
            background_rejection(label[pair] == k, odds, signal_efficiency=0.5)
        )
        assert one["accuracy"] == pytest.approx(np.mean(logits[label == k].argmax(axis=1) == k))
    assert m["background_rejection"] == m["per_class"]["W"]["background_rejection"]
    assert m["background_rejection_lower_bound"] == m["per_class"]["W"]["background_rejection_lower_bound"]
    assert "auc" not in m["per_class"]["label_QCD"]


def test_bootstrap_auc_error_equals_delong():
    label, logits = logits_of(2, num_jets=4000)
    m = evaluate(label, logits, classes=["qcd", "top"], replicas=400)
    assert m["auc_error"] == pytest.approx(delong_error(label == 1, logits[:, 1] - logits[:, 0]), rel=0.12)


def test_bootstrap_errors_are_the_spread_over_samples():
    runs = [evaluate(*logits_of(2, 1000, seed=s), classes=["qcd", "top"], replicas=30) for s in range(120)]
    for name in ("auc", "accuracy", "loss"):
        spread = np.std([r[name] for r in runs])
        assert np.mean([r[f"{name}_error"] for r in runs]) == pytest.approx(spread, rel=0.2)


def test_the_seed_and_not_the_order_of_jets_decides_the_errors():
    label, logits = logits_of(3)
    names = ["qcd", "W", "top"]
    shuffle = np.random.default_rng(9).permutation(label.size)
    first, again = evaluate(label, logits, classes=names), evaluate(label, logits, classes=names)
    assert first == again
    shuffled = evaluate(label[shuffle], logits[shuffle], classes=names)
    assert shuffled["auc_error"] == pytest.approx(first["auc_error"], rel=1e-9)
    assert evaluate(label, logits, classes=names, seed=1)["auc_error"] != first["auc_error"]


def test_an_absent_class_gives_null_with_a_reason():
    label, logits = logits_of(2)
    m = evaluate(np.zeros_like(label), logits, classes=["qcd", "top"])
    assert_finite_json(m)
    assert m["auc"] is None
    assert m["auc_error"] is None
    assert m["background_rejection"] == {"0.3": None, "0.5": None}
    assert m["null_reasons"]["auc"] == "no jet of class 'top'"
    assert m["null_reasons"]["background_rejection.0.5"] == "no jet of class 'top'"
    assert m["accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == 0))
    three = evaluate(label, np.pad(logits, ((0, 0), (0, 1))), classes=["qcd", "top", "W"], signal="W")
    assert three["auc"] is None
    assert three["null_reasons"]["background_rejection.0.3"] == "no jet of class 'W'"
    assert three["per_class"]["top"]["auc"] is not None


def test_no_jets_at_all():
    m = evaluate(np.zeros(0, dtype=int), np.zeros((0, 2)), classes=["qcd", "top"])
    assert_finite_json(m)
    assert (m["num_jets"], m["auc"], m["loss"], m["accuracy"]) == (0, None, None, None)


def test_perfect_separation_gives_a_bound_instead_of_infinity():
    label = np.repeat([0, 1], 300)
    m = evaluate(label, np.stack([1.0 - label, label], axis=1), classes=["qcd", "top"])
    assert_finite_json(m)
    assert m["background_rejection"]["0.5"] is None
    assert m["null_reasons"]["background_rejection.0.5"] == "no background jet passes"
    assert m["background_rejection_lower_bound"]["0.5"] == pytest.approx(100.6, abs=0.1)


def test_few_passing_background_jets_give_no_error_but_a_reason():
    label = np.repeat([0, 1], 300)
    score = np.concatenate([[2.0], np.zeros(299), np.ones(300)])
    m = evaluate(label, score, classes=["qcd", "top"], kind="logits")
    assert m["background_rejection"]["0.5"] == pytest.approx(300.0)
    assert m["background_rejection_error"]["0.5"] is None
    assert "replicas" in m["null_reasons"]["background_rejection_error.0.5"]


def test_negative_weights_are_reported():
    label, logits = logits_of(2)
    weight = np.where(np.arange(label.size) % 10 == 0, -0.5, 1.0)
    m = evaluate(label, logits, classes=["qcd", "top"], weight=weight)
    assert m["negative_weight_fraction"] == pytest.approx(0.05 / 0.95)


@pytest.mark.parametrize(
    ("classes", "asked", "expected"),
    [
        (["top", "qcd"], {}, ("top", "qcd")),
        (["label_QCD", "label_Tbqq"], {}, ("label_Tbqq", "label_QCD")),
        (["a", "b"], {}, ("a", "b")),
        (["a", "b", "c"], {"background": "a"}, ("b", "a")),
        (["qcd", "W", "top"], {"signal": "qcd"}, ("qcd", "top")),
    ],
)
def test_which_class_is_signal(classes, asked, expected):
    label, logits = logits_of(len(classes), 200)
    m = evaluate(label, logits, classes=classes, replicas=0, **asked)
    assert (m["signal"], m["background"]) == expected


def test_misspelt_class_and_kind_are_named():
    label, logits = logits_of(2, 50)
    with pytest.raises(ConfigError, match="did you mean 'top'"):
        evaluate(label, logits, classes=["top", "qcd"], signal="tpo")
    with pytest.raises(ConfigError, match="both signal and background"):
        evaluate(label, logits, classes=["top", "qcd"], signal="top", background="top")
    with pytest.raises(ConfigError, match="valid: auto, logits, scores"):
        evaluate(label, logits, classes=["top", "qcd"], kind="probs")
    with pytest.raises(ConfigError, match="at least two"):
        evaluate(label, logits, classes=["top"])


@pytest.mark.parametrize(
    ("label", "output", "error"),
    [
        ([0, -1], [[0.0, 1.0]] * 2, "LABELS"),
        ([0, 2], [[0.0, 1.0]] * 2, "LABELS"),
        ([0.0, 1.0], [[0.0, 1.0]] * 2, "LABELS"),
        ([0, 1], [[0.0, 1.0]] * 3, "SHAPE"),
        ([0, 1], [[0.0, 1.0, 2.0]] * 2, "SHAPE"),
        ([0, 1], [[0.0, np.nan], [0.0, 1.0]], "NONFINITE"),
        ([0, 1], [np.inf, 0.0], "NONFINITE"),
    ],
)
def test_bad_input_is_refused(label, output, error):
    with pytest.raises(DataError) as caught:
        evaluate(label, output, classes=["qcd", "top"])
    assert caught.value.id == error
