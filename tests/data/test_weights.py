import numpy as np
import pytest

from jetlego.data.weights import accepted, fit_weights, weight_table
from jetlego.errors import ConfigError, DataError


def sample(count=30000, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(-1, 2, count)
    pt = np.where(label == 0, rng.exponential(150, count), rng.exponential(400, count)) + 500
    return {"pt": pt, "eta": rng.normal(0, np.where(label == 0, 0.5, 1.0))}, label


def test_flat_weights_flatten():
    values, label = sample()
    edges = {"pt": np.linspace(500, 1000, 6)}
    weight = fit_weights(values, label, num_classes=2, edges=edges, threshold=0).weights([values["pt"]], label)
    assert weight.dtype == np.float32
    assert (weight[(label < 0) | (values["pt"] > 1000)] == 0).all()
    assert weight.max() <= 0.9
    for k in range(2):
        content = np.histogram(values["pt"], edges["pt"], weights=weight * (label == k))[0]
        np.testing.assert_allclose(content, content.mean(), rtol=1e-3)


def test_reference_weights_give_the_spectrum_of_class_zero_in_two_variables():
    values, label = sample()
    edges = {"pt": [500, 600, 700, 800], "eta": [-1, 0, 1]}
    table = fit_weights(values, label, num_classes=2, edges=edges, method="ref", threshold=0, class_weights=[1, 3])
    weight = table.weights([values["pt"], values["eta"]], label)
    count = [np.histogram2d(values["pt"], values["eta"], bins=list(edges.values()), weights=weight * (label == k))[0]
             for k in range(2)]  # fmt: skip
    np.testing.assert_allclose(count[1] / count[1].sum(), count[0] / count[0].sum(), rtol=1e-5)
    assert count[1].sum() / count[0].sum() == pytest.approx(3, rel=1e-5)


def test_tables_by_hand():
    counts = np.array([[[4.0, 0], [2, 8]], [[1, 1], [1, 0]]], "f4")
    flat = weight_table(counts, "flat", 0)
    ratio = flat[0] / flat[0, 1, 0]
    np.testing.assert_allclose(ratio, [[0.5, 0], [1, 0.25]])
    assert (flat[1] > 0).tolist() == [[True, True], [True, False]]
    np.testing.assert_allclose((counts * flat).sum(axis=(1, 2)), 0.9 * 3, rtol=1e-6)
    like = weight_table(counts, "ref", 0)
    np.testing.assert_allclose(like[1] / like[1, 0, 0], [[1, 0], [0.5, 0]])
    capped = weight_table(counts, "flat", 100)
    np.testing.assert_allclose(capped[0][counts[0] > 0], capped[0].max())


def test_jets_outside_the_bins():
    values, label = np.array([1.0, 2.0, 2.5, 3.0, 9.0]), np.zeros(5, int)
    options = {"num_classes": 1, "edges": {"x": [2, 2.4, 3]}, "threshold": 0}
    inside = fit_weights({"x": values}, label, **options).weights([values], label)
    assert (inside > 0).tolist() == [False, True, True, True, False]
    nearest = fit_weights({"x": values}, label, discard_outside=False, **options).weights([values], label)
    np.testing.assert_allclose(nearest / nearest[0], [1, 1, 2 / 3, 2 / 3, 2 / 3], rtol=1e-6)


def test_base_weights_multiply():
    values, label = sample()
    base = np.random.default_rng(1).uniform(0.5, 2, len(label))
    edges = {"pt": np.linspace(500, 1000, 6)}
    table = fit_weights(values, label, num_classes=2, edges=edges, base=base, threshold=0)
    weight = base * table.weights([values["pt"]], label)
    for k in range(2):
        content = np.histogram(values["pt"], edges["pt"], weights=weight * (label == k))[0]
        np.testing.assert_allclose(content, content.mean(), rtol=1e-4)
    assert weight.max() == pytest.approx(1, rel=1e-6)


def test_acceptance_is_keyed_by_row():
    rows = np.arange(100000)
    weight = np.linspace(0, 1, 100000)
    kept = accepted(weight, rows, seed=7)
    assert abs(kept.sum() - 50000) < 5 * np.sqrt(100000 / 6)
    np.testing.assert_array_equal(kept[500:600], accepted(weight[500:600], rows[500:600], seed=7))
    for key in ({"seed": 8}, {"seed": 7, "epoch": 1}, {"seed": 7, "copy": 1}):
        assert 0.6 < (accepted(weight, rows, **key) == kept).mean() < 0.75  # 2/3 if independent
    assert accepted(weight, rows, seed=7, scale=2).sum() < kept.sum()


def test_wrong_requests():
    values, label = sample(100)
    with pytest.raises(DataError, match=r"classes \[2\] have no jet"):
        fit_weights(values, label, num_classes=3, edges={"pt": [0, 1e9]})
    with pytest.raises(ConfigError, match="'pt' do not ascend"):
        fit_weights(values, label, num_classes=2, edges={"pt": [2, 1]})
    with pytest.raises(ConfigError, match="one or two"):
        fit_weights(values, label, num_classes=2, edges={})
    with pytest.raises(ConfigError, match="method 'round'"):
        fit_weights(values, label, num_classes=2, edges={"pt": [0, 1e9]}, method="round")
