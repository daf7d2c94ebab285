import numpy as np
import vector

from jetlego.physics.pairs import PAIR_FEATURES, edge_features, pair_features


def particles(count=40, seed=2):
    rng = np.random.default_rng(seed)
    v = vector.array({"pt": rng.exponential(20, count) + 1, "eta": rng.normal(0, 0.4, count) + 1.2,
                      "phi": rng.normal(0, 0.4, count) + 3, "mass": rng.uniform(0.1, 1, count)})
    return v, np.stack([v.px, v.py, v.pz, v.E], axis=-1)


def test_against_vector_package():
    v, p4 = particles()
    a, b = v[:, None], v[None, :]
    pairs = pair_features(p4[:, None], p4[None, :])
    off = ~np.eye(len(p4), dtype=bool)
    delta = np.hypot(a.rapidity - b.rapidity, a.deltaphi(b))
    softer = np.minimum(a.pt, b.pt)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.log(np.stack([softer * delta, softer / (a.pt + b.pt), delta, (a + b).mass2], axis=-1))
    np.testing.assert_allclose(pairs[off], expected[off], rtol=1e-8)
    assert len(PAIR_FEATURES) == pairs.shape[-1]


def test_symmetric_finite_and_floored_on_the_diagonal():
    _, p4 = particles()
    pairs = pair_features(p4[:, None], p4[None, :])
    np.testing.assert_allclose(pairs, pairs.swapaxes(0, 1), rtol=1e-12)
    assert np.isfinite(pairs).all()
    np.testing.assert_allclose(pairs[3, 3, [0, 2]], np.log(1e-8))
    assert np.isfinite(pair_features(np.zeros((1, 4)), np.array([[0.0, 0, 5, 5]]))).all()


def test_edges_pick_pairs():
    _, p4 = particles()
    edges = np.array([[0, 3, 5], [1, 2, 5]])
    full = pair_features(p4[:, None], p4[None, :])
    np.testing.assert_array_equal(edge_features(p4, edges), full[edges[0], edges[1]])
