import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from jetlego.errors import ConfigError
from jetlego.evaluation.sculpting import jensen_shannon_divergence, mass_sculpting


def sample(*, correlated, num_jets=20_000, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=num_jets)
    mass = np.where(label == 1, rng.normal(80, 8, num_jets), rng.exponential(60, num_jets))
    score = rng.normal(size=num_jets) + label - correlated * np.abs(mass - 80) / 40
    return label, score, mass


def test_divergence_equals_scipy():
    rng = np.random.default_rng(0)
    for _ in range(20):
        p, q = rng.poisson(3.0, size=(2, 15))
        assert jensen_shannon_divergence(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)


def test_divergence_ends():
    assert jensen_shannon_divergence([1, 2, 3], [2, 4, 6]) == 0.0
    assert jensen_shannon_divergence([1, 1, 0, 0], [0, 0, 5, 5]) == 1.0
    assert math.isnan(jensen_shannon_divergence([0, 0], [1, 1]))
    assert math.isnan(jensen_shannon_divergence([2, -1], [1, 1]))


@pytest.mark.parametrize("against", ["all", "rejected"])
def test_an_unrelated_cut_reaches_the_floor_and_no_more(against):
    edges = [0, 5, 10, 15, 20, 30, 40, 60, 80, 120, 200]
    samples = [sample(correlated=0.0, seed=s, num_jets=6000) for s in range(40)]
    found = [mass_sculpting(*jets, bins=edges, against=against) for jets in samples]
    assert np.mean([f.jsd for f in found]) == pytest.approx(np.mean([f.jsd_floor for f in found]), rel=0.15)
    # For well filled bins JSD = sum d_i^2 / p_i / (8 ln 2): a chi-square with 9 degrees of freedom.
    counts = [np.sum(label == 0) for label, _, _ in samples]
    kept = [f.working_point.background_efficiency * n for f, n in zip(found, counts, strict=True)]
    lost = [n - k for k, n in zip(kept, counts, strict=True)]
    shrink = [1.0 if against == "rejected" else (b / (a + b)) ** 2 for a, b in zip(kept, lost, strict=True)]
    expected = [9 / (8 * np.log(2)) * (1 / a + 1 / b) * s for a, b, s in zip(kept, lost, shrink, strict=True)]
    assert np.mean([f.jsd_floor for f in found]) == pytest.approx(np.mean(expected), rel=0.05)


def test_a_mass_tagger_sculpts():
    label, score, mass = sample(correlated=2.0)
    found = mass_sculpting(label, score, mass)
    assert found.jsd > 10 * found.jsd_floor
    assert found.inverse_jsd == pytest.approx(1.0 / found.jsd)
    peak = found.edges[found.after.argmax()]
    assert 60 < peak < 100


def test_spectra_are_the_histograms_of_the_background():
    label, score, mass = sample(correlated=1.0)
    weight = np.random.default_rng(3).exponential(size=label.size)
    edges = np.linspace(0, 300, 31)
    found = mass_sculpting(label, score, mass, bins=edges, signal_efficiency=0.3, weight=weight)
    background = label == 0
    passes = background & (score >= found.working_point.threshold)
    clipped = mass.clip(0, 299.999)
    for chosen, spectrum in ((background, found.before), (passes, found.after)):
        content, _ = np.histogram(clipped[chosen], edges, weights=weight[chosen])
        np.testing.assert_allclose(spectrum, content / content.sum(), rtol=1e-9)
    assert found.before.sum() == pytest.approx(1.0)


def test_no_background_passes():
    label = np.repeat([0, 1], 100)
    found = mass_sculpting(label, label.astype(float), np.linspace(0, 100, 200))
    assert math.isnan(found.jsd)
    assert math.isnan(found.inverse_jsd)
    assert found.after.sum() == 0.0


def test_words_are_checked():
    with pytest.raises(ConfigError, match="valid: all, rejected"):
        mass_sculpting([0, 1], [0.0, 1.0], [1.0, 2.0], against="none")
    with pytest.raises(ConfigError, match="rise"):
        mass_sculpting([0, 1], [0.0, 1.0], [1.0, 2.0], bins=[1.0, 1.0])
