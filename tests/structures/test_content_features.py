import numpy as np
import pytest

from jetlego.clustering.cluster import cluster
from jetlego.errors import ConfigError
from jetlego.structures.forest import grow_trees
from jetlego.structures.node_features import NODE_FEATURE_SETS, node_features

SIZES = (0, 1, 2, 7, 30)


@pytest.fixture(scope="module")
def jets():
    rng = np.random.default_rng(5)
    ptr = np.concatenate([[0], np.cumsum(SIZES)])
    pt, y, phi = rng.exponential(5.0, ptr[-1]), rng.normal(0, 0.3, ptr[-1]), rng.normal(0, 0.3, ptr[-1])
    p4 = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y), pt * np.cosh(y)], axis=1)
    kind = rng.integers(0, 5, ptr[-1])
    flags = ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")
    columns = {f"part_is{name}": (kind == k).astype(np.int8) for k, name in enumerate(flags)}
    columns["part_charge"] = rng.integers(-1, 2, ptr[-1]).astype(np.float32)
    track = columns["part_charge"] != 0
    for name in ("d0", "dz"):
        columns[f"part_{name}val"] = (rng.normal(0, 0.3, ptr[-1]) * track).astype(np.float32)
        columns[f"part_{name}err"] = (rng.uniform(0.01, 0.1, ptr[-1]) * track).astype(np.float32)
    return p4, ptr, columns


def _leaves_below(children, node, num_leaves):
    if node < num_leaves:
        return [node]
    return [leaf for child in children[node] for leaf in _leaves_below(children, child, num_leaves)]


def _by_hand(pt, c, chosen):
    """The features of one node from the list of its constituents, straight from their definitions."""
    pt, c = pt[chosen], {name: values[chosen].astype(float) for name, values in c.items()}
    s0, sz = (
        np.where(c[f"part_{n}err"] > 0, np.abs(c[f"part_{n}val"]) / np.maximum(c[f"part_{n}err"], 1e-9), 0)
        for n in ("d0", "dz")
    )
    s0, sz = np.minimum(s0, 100), np.minimum(sz, 100)
    return {
        "ln_num_leaves": np.log(len(pt)),
        "charge": np.arcsinh(c["part_charge"].sum()),
        "charged_hadron_share": (pt * c["part_isChargedHadron"]).sum() / pt.sum(),
        "muon_share": (pt * c["part_isMuon"]).sum() / pt.sum(),
        "num_displaced": np.log1p((s0 > 2).sum()),
        "num_far_displaced": np.log1p((s0 > 5).sum()),
        "displaced_share": (pt * (s0 > 3)).sum() / pt.sum(),
        "sum_displacement": np.log1p(np.minimum(s0, 30).sum()),
        "max_d0": np.log1p(s0.max()),
        "max_dz": np.log1p(sz.max()),
        "max_sure_displacement": np.log1p((np.minimum(np.hypot(s0, sz), 100) * (pt > 2)).max()),
    }


@pytest.mark.parametrize("algorithm", ["kt", "anti_kt", "random"])
def test_every_node_has_the_sum_or_the_largest_of_its_leaves(jets, algorithm):
    p4, ptr, columns = jets
    history = cluster(p4, ptr, algorithm=algorithm)
    forest = grow_trees(history)
    names = ("ln_num_leaves", "charge", "charged_hadron_share", "muon_share", *NODE_FEATURE_SETS["displacement"])
    found = node_features(history, forest, names, constituents=columns)
    pt = np.hypot(p4[:, 0], p4[:, 1])
    for jet, size in enumerate(SIZES):
        rows, first = slice(ptr[jet], ptr[jet + 1]), forest.node_ptr[jet]
        children = forest.children[first : forest.node_ptr[jet + 1]]
        mine = {name: values[rows] for name, values in columns.items()}
        for node in range(len(children)):
            expected = _by_hand(pt[rows], mine, _leaves_below(children, node, size))
            np.testing.assert_allclose(found[first + node], [expected[n] for n in names], rtol=1e-9, atol=1e-12)


def test_a_file_without_tracks_says_which_column_is_missing(jets):
    p4, ptr, columns = jets
    history = cluster(p4, ptr, algorithm="kt")
    bare = {name: values for name, values in columns.items() if "d0" not in name}
    with pytest.raises(ConfigError, match="part_d0val"):
        node_features(history, grow_trees(history), "lund_full", constituents=bare)
