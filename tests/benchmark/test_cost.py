"""Floating-point operations against counts by hand, whatever kernel does the work."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from jetlego.benchmark.cost import flops_per_jet, plain_products
from jetlego.bricks.build import build
from jetlego.data.read import read_jets
from jetlego.structures.store import TreeSpec, prepare

HIDDEN = 8


@pytest.fixture(scope="module")
def trees():
    jets = read_jets(["sample://top/val"]).select(np.arange(20))
    return prepare(jets, trees={"tree": TreeSpec(algorithm="kt", features="recnn")})


@pytest.mark.parametrize("cell", ["recnn_simple", "recnn_gated", "tree_gru"])
def test_products_hidden_in_kernels_are_counted(trees, cell):
    spec = {"brick": "recursive_tagger", "cell": {"brick": cell, "hidden": HIDDEN}, "head": "logistic"}
    model = build(spec, in_dim=7, node_dim=7, num_classes=2, seed=1).eval()
    leaves = int(np.diff(trees.jet_ptr).sum())
    inner, h = leaves - trees.num_jets, HIDDEN
    by_hand = {
        "recnn_simple": 7 * h * (leaves + inner) + inner * 3 * h * h,
        "recnn_gated": 7 * h * (leaves + inner) + inner * (7 * h * 3 * h + h * 3 * h + 4 * h * h),
        # all six parts of the input at every node; at inner nodes five gates of two children, and the candidate
        "tree_gru": 7 * 6 * h * (leaves + inner) + inner * (5 * h * 2 * h + h * 2 * h),
    }[cell]
    head = trees.num_jets * h * 2
    assert flops_per_jet(model, trees) * trees.num_jets == 2 * (by_hand + head)
    batch = trees.batch(np.arange(20))
    with torch.no_grad():
        fast = model(batch)
        with plain_products(model):
            assert torch.allclose(model(batch), fast, atol=1e-5)
        assert "forward" not in vars(model.embedding.cell if hasattr(model, "embedding") else next(model.children()))


def test_fused_recurrent_nets_are_counted():
    lstm, x = nn.LSTM(5, 7, batch_first=True), torch.randn(3, 4, 5)
    with torch.no_grad(), plain_products(lstm), FlopCounterMode(display=False) as counter:
        lstm(x)
    assert counter.get_total_flops() == 2 * 3 * 4 * (4 * 7) * (5 + 7)


def test_attention_is_counted():
    query = torch.randn(2, 3, 6, 4)
    with torch.no_grad(), plain_products(nn.Identity()), FlopCounterMode(display=False) as counter:
        nn.functional.scaled_dot_product_attention(query, query, query)
    assert counter.get_total_flops() == 2 * 2 * (2 * 3) * 6 * 6 * 4
    jets = read_jets(["sample://top/val"]).select(np.arange(6))
    store = prepare(jets, constituent_features=np.ones((len(jets.p4), 3), np.float32), keep_p4=True)
    flops = {}
    for layers in (1, 2, 3):
        spec = {"brick": "particle_transformer", "embed": [8, 8], "pair_embed": [4], "layers": layers, "heads": 2}
        flops[layers] = flops_per_jet(build(spec, in_dim=3, num_classes=2, seed=1), store)
    assert flops[3] - flops[2] == pytest.approx(flops[2] - flops[1])
    assert flops[3] > flops[2] > 0
