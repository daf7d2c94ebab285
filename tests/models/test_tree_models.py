import numpy as np
import pytest
import torch
from oracles.random_trees import random_jets

from jetlego.bricks.build import build
from jetlego.errors import ConfigError
from jetlego.structures.store import TreeSpec, prepare

CELL = {"brick": "recnn_simple", "hidden": 6}
HEAD = {"brick": "mlp", "hidden": [8]}


@pytest.fixture(scope="module")
def jets():
    return random_jets(5)


@pytest.fixture(scope="module")
def store(jets):
    specs = {"kt": TreeSpec(pairs=("depth", "ln_kt")), "ca": TreeSpec(algorithm="cambridge_aachen")}
    return prepare(jets, trees=specs)


@pytest.mark.parametrize("join", ["concat", "attention"])
@pytest.mark.parametrize("shared", [True, False])
def test_several_trees_join_the_states_of_each(store, shared, join):
    spec = {"brick": "forest_tagger", "trees": ["kt", "ca"], "cell": CELL, "head": HEAD, "shared": shared, "join": join}
    model, batch = build(spec, seed=3, **store.sizes), store.batch(range(10))
    kt, ca = (model.encoders[0 if shared else k](t.features, t.plan) for k, t in enumerate(batch.trees.values()))
    if join == "concat":
        expected = torch.cat([kt, ca], dim=1)
    else:
        weights = torch.cat([model.score(kt), model.score(ca)], dim=1).exp()
        weights = weights / weights.sum(1, keepdim=True)
        expected = weights[:, :1] * kt + weights[:, 1:] * ca
    torch.testing.assert_close(model(batch), model.head(expected))
    assert len(model.encoders) == (1 if shared else 2)


def test_trees_of_different_width_cannot_share_a_cell(jets):
    other = prepare(jets, trees={"kt": TreeSpec(), "ca": TreeSpec(features="recnn")})
    spec = {"brick": "forest_tagger", "trees": ["kt", "ca"], "cell": CELL, "head": HEAD}
    assert build(spec, seed=1, **other.sizes)(other.batch([0, 1])).shape == (2, 2)
    with pytest.raises(ConfigError, match="cannot share a cell"):
        build({**spec, "shared": True}, **other.sizes)


@pytest.mark.parametrize("of", ["leaves", "splittings", "nodes"])
def test_every_node_gets_its_own_logits(store, jets, of):
    spec = {"brick": "node_tagger", "cell": {"brick": "both_ways", "cell": CELL}, "head": HEAD, "of": of, "tree": "kt"}
    model, batch = build(spec, seed=3, **store.sizes), store.batch(range(10))
    tree = batch.tree("kt")
    rows = {"leaves": tree.plan.leaf_row, "splittings": tree.plan.inner_row, "nodes": torch.arange(len(tree.features))}
    expected = model.head(model.cell(tree.features, tree.plan))[rows[of]]
    torch.testing.assert_close(model(batch), expected)
    counts = {"leaves": len(jets.p4), "splittings": int(np.maximum(jets.num_constituents - 1, 0).sum())}
    assert len(expected) == counts.get(of, tree.plan.num_rows)


def _tree_transformer(store):
    spec = {"brick": "tree_transformer", "body": {"brick": "transformer", "hidden": 8, "layers": 2, "heads": 2},
            "head": HEAD, "tree": "kt"}  # fmt: skip
    return build(spec, seed=3, **store.sizes).double()



def test_tree_transformer_gives_a_jet_the_same_in_any_company(store):
    model = _tree_transformer(store).float().eval()
    together = model(store.batch(range(10)))
    for jet in range(10):
        torch.testing.assert_close(model(store.batch([jet]))[0], together[jet], rtol=1e-4, atol=1e-5)


def test_tree_bias_counts_the_steps_between_leaves(store):
    batch = store.batch([4])
    pairs, forest = batch.tree("kt").pairs, store.trees["kt"].forest.select(np.array([4]))
    scale = store.scalers["kt.pairs"].scale[0]
    own = torch.diagonal(pairs[0, :, :, 0])
    steps = (own.unsqueeze(0) + own.unsqueeze(1) - 2 * pairs[0, :, :, 0]) * scale
    parent = {int(c): n for n, pair in enumerate(forest.children) for c in pair if c >= 0}

    def path(node):
        return [node] if node not in parent else [node, *path(parent[node])]

    for i, j in ((0, 1), (3, 17), (29, 8), (5, 5)):
        apart = set(path(i)) ^ set(path(j))
        assert float(steps[i, j]) == pytest.approx(len(apart), abs=1e-4)


def test_tree_transformer_feels_the_tree_and_needs_its_pairs(store):
    model, batch = _tree_transformer(store).float().eval(), store.batch([4])
    tree = batch.tree("kt")
    before = model(batch)
    tree.pairs[:] = 0
    assert (model(batch) - before).abs().max() > 1e-5
    spec = {"brick": "tree_transformer", "tree": "ca", "body": {"brick": "transformer", "hidden": 8}}
    without = build(spec, seed=1, in_dim=14, pair_dim=2, num_classes=2)
    with pytest.raises(ConfigError, match="without pair features"):
        without(batch)
