import math

import numpy as np
import pytest
from oracles import golden_recnn
from oracles.random_trees import random_history, random_jets

from jetlego.errors import ConfigError, JetlegoWarning
from jetlego.structures.forest import grow_trees
from jetlego.structures.node_features import NODE_FEATURE_SETS, NODE_FEATURES, feature_names, node_features
from jetlego.structures.scaler import NodeScaler


@pytest.mark.parametrize("algorithm", golden_recnn.ALGORITHMS)
def test_seven_features_and_scaler_of_the_reference(algorithm):
    golden = golden_recnn.reference()
    history = golden_recnn.history(golden, algorithm)
    values = node_features(history, grow_trees(history), "recnn")
    assert np.abs(values - golden[f"{algorithm}/features"]).max() < 1e-10
    scaler = NodeScaler.fit(values, feature_names("recnn"))
    assert scaler.center == pytest.approx(golden[f"{algorithm}/scaler_center"], abs=1e-10)
    assert scaler.scale == pytest.approx(golden[f"{algorithm}/scaler_scale"], abs=1e-10)


def _lund_by_hand(history, forest, row):
    """Lund coordinates of one inner node with the math module, from the four-momenta of its children."""
    base = forest.node_ptr[forest.jet_of_node[row]]
    a, b = (history.node_p4[base + child] for child in forest.children[row])
    if math.hypot(a[0], a[1]) < math.hypot(b[0], b[1]):
        a, b = b, a
    y_a, y_b = (0.5 * math.log((p[3] + p[2]) / (p[3] - p[2])) for p in (a, b))
    turn = math.remainder(math.atan2(b[1], b[0]) - math.atan2(a[1], a[0]), 2 * math.pi)
    delta, pt_a, pt_b = math.hypot(y_b - y_a, turn), math.hypot(a[0], a[1]), math.hypot(b[0], b[1])
    m2 = (a[3] + b[3]) ** 2 - sum((a[i] + b[i]) ** 2 for i in range(3))
    return (
        math.log(pt_b / (pt_a + pt_b)), math.log(delta), math.atan2(y_b - y_a, turn), 0.5 * math.log(m2),
        math.log(pt_b * delta),
    )  # fmt: skip


def test_lund_coordinates_by_hand():
    history = random_history(2)
    forest = grow_trees(history, order="history")
    values = node_features(history, forest, "lund", missing=np.nan)
    assert np.isnan(values[forest.is_leaf]).all()
    inner = np.flatnonzero(~forest.is_leaf)
    expected = np.array([_lund_by_hand(history, forest, row) for row in inner])
    assert values[inner] == pytest.approx(expected, abs=1e-9)


def test_kinematics_relative_to_the_jet():
    history = random_history(4)
    forest = grow_trees(history)
    names = feature_names("lund_kinematics")
    column = dict(zip(names, node_features(history, forest, names, threads=1).T, strict=True))
    root = forest.root[forest.root >= 0]
    for name in ("ln_pt_rel", "ln_energy_rel", "delta_eta", "delta_phi", "delta_r"):
        assert (column[name][root] == 0).all()
    for row in (0, 9, 20):
        jet = history.node_p4[forest.root[forest.jet_of_node[row]]]
        p = history.node_p4[row]
        turn = math.remainder(math.atan2(p[1], p[0]) - math.atan2(jet[1], jet[0]), 2 * math.pi)
        dy = math.atanh(p[2] / p[3]) - math.atanh(jet[2] / jet[3])
        assert column["delta_phi"][row] == pytest.approx(turn, abs=1e-12)
        assert column["delta_r"][row] == pytest.approx(math.hypot(dy, turn), abs=1e-9)
        assert column["ln_energy_rel"][row] == pytest.approx(math.log(p[3] / jet[3]), abs=1e-12)
    assert np.array_equal(column["is_leaf"] == 1, forest.is_leaf)


def test_blocks_and_threads_change_nothing():
    jets = (40, 0, 1, 2) * 200
    history = random_history(6, jets)
    forest = grow_trees(history)
    one = node_features(history, forest, "lund_kinematics", threads=1)
    assert np.array_equal(one, node_features(history, forest, "lund_kinematics", threads=3))
    alone = history.select([4]), forest.select([4])
    assert np.array_equal(node_features(*alone, "lund_kinematics"), one[forest.node_ptr[4] : forest.node_ptr[5]])


def test_every_feature_is_finite_on_degenerate_jets():
    history = random_history(8, (3, 1, 2, 4))
    history.node_p4[0] = 0.0  # a ghost
    history.node_p4[1] = (0.0, 0.0, 50.0, 50.0)  # along the beam
    history.node_p4[2] = history.node_p4[3]
    forest = grow_trees(history)
    columns = {name: np.ones(10) for feature in NODE_FEATURES.values() for name in feature.needs}
    names = [n for n in NODE_FEATURES if n != "energy_fraction"]
    values = node_features(history, forest, names, constituents=columns)
    assert np.isfinite(values).all(), [n for n, ok in zip(names, np.isfinite(values).all(0), strict=True) if not ok]


def test_turning_a_jet_around_its_axis_leaves_the_axis_set_alone():
    history = random_history(9, (30,))
    forest = grow_trees(history)
    before = node_features(history, forest, "lund_axis")
    # a jet at rapidity 0 and azimuth 0 flies along x: for small angles, turning it around x turns the plane
    # of rapidity and azimuth; mirroring pz and py turns it by exactly half a circle about a jet at (0, 0)
    turned = history.node_p4 * np.array([1.0, -1.0, -1.0, 1.0])
    mirrored = type(history)(history.parents, history.dij, history.node_ptr, history.jet_ptr, turned)
    assert np.allclose(node_features(mirrored, forest, "lund_axis"), before, atol=1e-9)
    assert not np.allclose(node_features(mirrored, forest, "kinematics"), node_features(history, forest, "kinematics"))


def test_names():
    assert feature_names(["lund", "is_leaf"]) == (*NODE_FEATURE_SETS["lund"], "is_leaf")
    with pytest.raises(ConfigError, match="did you mean 'ln_delta'"):
        feature_names("ln_dleta")
    with pytest.raises(ConfigError, match="named twice: ln_z"):
        feature_names(["lund", "ln_z"])


def test_standard_scaler_ignores_what_does_not_exist():
    rng = np.random.default_rng(0)
    values = rng.normal(3.0, 2.0, (500, 2))
    values[::2, 1] = np.nan
    scaler = NodeScaler.fit(values, ("a", "b"), kind="standard")
    assert scaler.center[1] == pytest.approx(values[1::2, 1].mean())
    assert scaler.scale[1] == pytest.approx(values[1::2, 1].std())
    scaled = scaler.apply(values)
    assert (scaled[::2, 1] == 0).all()
    back = NodeScaler.from_dict(scaler.to_dict())
    assert np.array_equal(back.apply(values), scaled)
    assert back.names == ("a", "b")


def test_constant_feature_is_told_and_gets_scale_one():
    with pytest.warns(JetlegoWarning, match="'a' is constant"):
        scaler = NodeScaler.fit(np.full((9, 1), 5.0), ("a",))
    assert scaler.scale[0] == 1.0
    assert random_jets(0).num_jets == 10
