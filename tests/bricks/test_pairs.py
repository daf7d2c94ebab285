"""Pair features against the physics room's own, and biases against a loop."""

import numpy as np
import pytest
import torch

from jetlego.bricks.build import build
from jetlego.bricks.pairs import FLOOR, PairBias, PairFeatures, lund_pair, mirror, triangle
from jetlego.physics.pairs import PAIR_FLOOR, pair_features
from jetlego.testing.jets import tiny_batch

P4 = tiny_batch([6, 4], dtype=torch.float64).p4


def test_pairs_are_those_of_physics():
    ours = lund_pair(P4.unsqueeze(1), P4.unsqueeze(0))
    np.testing.assert_allclose(ours, pair_features(P4.numpy()[:, None], P4.numpy()[None]), rtol=1e-9, atol=1e-9)
    assert FLOOR == PAIR_FLOOR
    itself = ours[torch.arange(10), torch.arange(10)]
    assert (itself[:, [0, 2]] == np.log(FLOOR)).all()
    torch.testing.assert_close(itself[:, 1], torch.full((10,), np.log(0.5)).double())


def test_no_gradient_is_lost_on_the_diagonal_or_in_padding():
    p4 = torch.cat([P4, torch.zeros(1, 4)]).requires_grad_()
    lund_pair(p4.unsqueeze(1), p4.unsqueeze(0)).sum().backward()
    assert torch.isfinite(p4.grad).all()
    assert PairFeatures()(P4[None]).shape == (1, 4, 10, 10)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_triangle_and_mirror(count):
    row, column = triangle(count, torch.device("cpu"))
    matrix = torch.randn(3, count, count)
    matrix = matrix + matrix.mT
    assert torch.equal(mirror(matrix[:, row, column], count), matrix)


@pytest.mark.parametrize("training", [False, True])
def test_bias_is_the_stack_over_real_pairs(training):
    model = build({"brick": "pair_bias", "hidden": [5, 3]}, out_dim=2, seed=0).double().train(training)
    for norm in [model.input_norm, *model.norms]:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
    stack = torch.nn.Sequential(torch.nn.BatchNorm1d(4).double())
    for linear, norm in zip(model.linears, model.norms, strict=True):
        stack.extend([linear, torch.nn.BatchNorm1d(linear.out_features).double(), torch.nn.GELU()])
        stack[-2].load_state_dict(norm.state_dict())
    stack[0].load_state_dict(model.input_norm.state_dict())
    stack.train(training)
    pairs = [(i, j) for a, b in ((0, 6), (6, 10)) for i in range(a, b) for j in range(a, i + 1)]
    at = torch.tensor(pairs).T
    expected = stack(lund_pair(P4[at[0]], P4[at[1]]))
    found = model(P4, ptr=torch.tensor([0, 6, 10]), n_max=6)
    assert found.shape == (2, 2, 6, 6)
    owner, start = (at[0] >= 6).long(), (at[0] >= 6).long() * 6
    torch.testing.assert_close(found[owner, :, at[0] - start, at[1] - start], expected)
    torch.testing.assert_close(found, found.mT)
    assert (found[1, :, 4:] == 0).all()


def test_no_activation_at_the_end_where_told():
    model = PairBias(out_dim=2, hidden=[3], last_activation=False).double()
    torch.nn.init.constant_(model.norms[-1].bias, -5)
    assert model(P4[None]).min() < -1
