"""Readouts against torch_geometric, NumPy and formulas."""

import itertools
import warnings

import numpy as np
import pytest
import torch

from jetlego.bricks.masks import pad, padded_mask, segment_index
from jetlego.bricks.readout import DTNN, AttentionPool, Pool, Quantiles, Set2Set
from jetlego.bricks.sets import DeepSets

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.nn import aggr

PTR = torch.tensor([0, 4, 4, 7, 8])
X = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
OWNER = segment_index(PTR, 8)


def test_set2set_is_torch_geometrics():
    theirs, ours = aggr.Set2Set(3, processing_steps=4).double(), Set2Set(in_dim=3, steps=4).double()
    names = {f"{name}_l0": name for name in ours.lstm.state_dict()}
    ours.lstm.load_state_dict({names[k]: v for k, v in theirs.lstm.state_dict().items()})
    expected = theirs(X, OWNER, dim_size=4)
    torch.testing.assert_close(ours(X, ptr=PTR), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours(pad(X, PTR, 5), padded_mask(PTR, 5)), expected, rtol=1e-12, atol=1e-12)


def test_attention_pool_is_torch_geometrics():
    gate = torch.nn.Linear(3, 1).double()
    theirs = aggr.AttentionalAggregation(gate, torch.nn.Linear(3, 3).double())
    ours = AttentionPool(in_dim=3, value=theirs.nn).double()
    ours.score = gate
    torch.testing.assert_close(ours(X, ptr=PTR), theirs(X, OWNER, dim_size=4))


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
def test_pools_are_numpys(how):
    ours = Pool(in_dim=3, how=how)(X, ptr=PTR)
    for b, (first, last) in enumerate(itertools.pairwise(PTR.tolist())):
        rows = X[first:last].numpy()
        expected = getattr(rows, how)(0) if len(rows) else np.zeros(3)
        np.testing.assert_allclose(ours[b], expected, rtol=1e-14, atol=1e-15)


def test_weighted_pools():
    weight = torch.rand(8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    total, mean = (Pool(in_dim=3, how=how)(X, weight=weight, ptr=PTR) for how in ("sum", "mean"))
    np.testing.assert_allclose(total[2], (weight[4:7, None] * X[4:7]).sum(0), rtol=1e-14)
    np.testing.assert_allclose(mean[2], np.average(X[4:7], axis=0, weights=weight[4:7]), rtol=1e-14)
    assert (mean[1] == 0).all()


def test_dtnn_formula():
    ours = DTNN(in_dim=3, out_dim=2, hidden=5).double()
    items = torch.tanh(X[4:7] @ ours.inner.weight.T + ours.inner.bias) @ ours.outer.weight.T + ours.outer.bias
    torch.testing.assert_close(ours(X, ptr=PTR)[2], items.mean(0))


def test_quantiles_are_numpys():
    levels = [0.0, 0.1, 0.37, 0.5, 1.0]
    ours = Quantiles(in_dim=3, levels=levels)(pad(X, PTR, 6), padded_mask(PTR, 6)).unflatten(1, (5, 3))
    for b in (0, 2, 3):
        np.testing.assert_allclose(ours[b], np.quantile(X[PTR[b] : PTR[b + 1]].numpy(), levels, axis=0), rtol=1e-13)
    assert (ours[1] == 0).all()


def test_deep_sets_formula_and_safety():
    model = DeepSets(in_dim=3, phi={"brick": "mlp", "hidden": [4]}, rho={"brick": "mlp", "hidden": [3]}, out_dim=2)
    model = model.double()
    weight = torch.rand(8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = model.rho((weight[4:7, None] * model.phi(X[4:7])).sum(0, keepdim=True))
    torch.testing.assert_close(model(X, weight=weight, ptr=PTR)[2:3], expected)
    # a soft item adds nothing, and a collinear splitting (same angles, weights that add up) changes nothing
    ptr = torch.tensor([0, 3])
    split = model(torch.cat([X[4:6], X[4:7]]), weight=torch.cat([weight[4:6] * 0.3, weight[4:6] * 0.7, weight[6:7]]),
                  ptr=torch.tensor([0, 5]))  # fmt: skip
    soft = model(torch.cat([X[4:7], X[:1]]), weight=torch.cat([weight[4:7], torch.zeros(1)]), ptr=torch.tensor([0, 4]))
    whole = model(X[4:7], weight=weight[4:7], ptr=ptr)
    torch.testing.assert_close(split, whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(soft, whole, rtol=1e-12, atol=1e-12)
