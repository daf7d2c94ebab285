"""Feed-forward bricks against stacks written by hand, NumPy and torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jetlego.bricks.activations import ACTIVATIONS, activation
from jetlego.bricks.feedforward import MLP, Embed, Logistic, Standardise
from jetlego.bricks.masks import pack, pad, padded_mask
from jetlego.bricks.norms import MaskedBatchNorm, l2_normalise, norm


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_logistic_reaches_the_optimum_of_newton():
    x = torch.randn(300, 3, dtype=torch.float64, generator=rng())
    y = (x @ torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) + torch.randn(300, generator=rng(1)) > 0.3).double()
    model = Logistic(in_dim=3).double()
    search = torch.optim.LBFGS(model.parameters(), max_iter=300, tolerance_grad=1e-13, tolerance_change=0,
                               line_search_fn="strong_wolfe")  # fmt: skip

    def closure():
        search.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x).squeeze(1), y)
        loss.backward()
        return loss

    search.step(closure)
    design, target, beta = np.c_[x.numpy(), np.ones(300)], y.numpy(), np.zeros(4)
    for _ in range(30):  # Newton's method, that is iteratively reweighted least squares
        p = 1 / (1 + np.exp(-design @ beta))
        beta += np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]), design.T @ (target - p))
    found = torch.cat([model.linear.weight[0], model.linear.bias]).detach().numpy()
    np.testing.assert_allclose(found, beta, atol=1e-8)


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh"])
def test_mlp_is_the_stack(name):
    x, model = torch.randn(5, 3, generator=rng()), MLP(in_dim=3, hidden=[4, 6], out_dim=2, activation=name)
    first, second = (layer.linear for layer in model.layers)
    stack = nn.Sequential(first, activation(name), second, activation(name), model.last)
    assert torch.equal(model(x), stack(x))


def test_options_of_the_mlp():
    x = torch.randn(6, 4, generator=rng())
    model = MLP(in_dim=4, hidden=[4, 5], norm="layer", skip=True, gated=True, activation="silu")
    first, second = model.layers
    h = x + F.silu(first.gate(x)) * F.layer_norm(first.linear(x), (4,))
    h = F.silu(second.gate(h)) * F.layer_norm(second.linear(h), (5,))  # widths differ: no skip
    torch.testing.assert_close(model(x), h)
    assert MLP(in_dim=4, hidden=[5], bias=False).layers[0].linear.bias is None
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        MLP(in_dim=2, activation="rellu")
    with pytest.raises(ValueError, match="needs out_dim"):
        MLP(in_dim=2, hidden=[])


def test_he_start():
    model = MLP(in_dim=600, hidden=[500], out_dim=1, he_init=True)
    bound = (6 / 600) ** 0.5
    weight = model.layers[0].linear.weight
    assert weight.abs().max() <= bound
    assert weight.abs().max() > 0.99 * bound
    assert (model.layers[0].linear.bias == 0).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_a_function_of_numbers(name):
    assert activation(name)(torch.linspace(-2, 2, 5)).shape == (5,)


def test_embedding_commutes_with_permuting_the_ids():
    model = Embed(categories=[-211, 22, 211], out_dim=4)
    ids = torch.tensor([[22, 211], [-211, 5]])
    rows = torch.tensor([[1, 2], [0, 3]])
    assert torch.equal(model(ids), model.table.weight[rows])
    turned = Embed(categories=3, out_dim=4)
    order = torch.tensor([2, 0, 1])
    turned.table.weight.data[:3] = model.table.weight.data[:3][order]
    assert torch.equal(turned(torch.tensor([0, 1, 2])), model(torch.tensor([211, -211, 22])))
    unknown = model(torch.tensor([7, -1000, 1000]))
    assert torch.equal(unknown, model.table.weight[3].expand(3, 4))
    with pytest.raises(ValueError, match="distinct"):
        Embed(categories=[1, 1], out_dim=2)


def test_standardise_fitted_twice_is_fitted_once_and_inverts():
    x = torch.randn(50, 3, dtype=torch.float64, generator=rng()) * torch.tensor([1.0, 10.0, 0.0]) + 5
    model = Standardise(in_dim=3).double().fit(x)
    np.testing.assert_allclose(model.mean, x.numpy().mean(0), rtol=1e-14)
    np.testing.assert_allclose(model.scale[:2], x.numpy().std(0)[:2], rtol=1e-13)
    assert model.scale[2] == 1
    once = model(x)
    again = Standardise(in_dim=3).double().fit(once)
    torch.testing.assert_close(again(once), once, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model.inverse(once), x, rtol=1e-14, atol=1e-14)
    assert Standardise(in_dim=1, clip=2.0)(torch.tensor([[9.0], [-9.0]])).tolist() == [[2], [-2]]


def test_standardise_with_weights_and_mask_counts_as_often():
    x = torch.tensor([[1.0], [2.0], [7.0], [99.0]]).double()
    weighted = Standardise(in_dim=1).double().fit(x[None], torch.tensor([[True, True, True, False]]),
                                                  weight=torch.tensor([[2.0, 1.0, 3.0, 5.0]]))  # fmt: skip
    repeated = Standardise(in_dim=1).double().fit(x[[0, 0, 1, 2, 2, 2]])
    torch.testing.assert_close(weighted.mean, repeated.mean)
    torch.testing.assert_close(weighted.scale, repeated.scale)
    with pytest.raises(ValueError, match="mean has 2 numbers for 1 columns"):
        Standardise(in_dim=1, mean=[1.0, 2.0])


@pytest.mark.parametrize("training", [True, False])
def test_masked_batch_norm_is_torchs_on_the_real_items(training):
    ptr = torch.tensor([0, 3, 3, 8, 9])
    x = torch.randn(9, 4, dtype=torch.float64, generator=rng()) * 3 + 1
    ours, theirs = MaskedBatchNorm(in_dim=4).double(), nn.BatchNorm1d(4).double()
    for module in (ours, theirs):
        nn.init.normal_(module.weight, generator=rng(2))
        nn.init.normal_(module.bias, generator=rng(3))
        module.running_var.copy_(torch.rand(4, generator=rng(4)) + 0.5)
        module.train(training)
    mask = padded_mask(ptr, 6)
    for _ in range(2):
        padded = pad(x, ptr, 6).masked_fill(~mask.unsqueeze(-1), torch.nan)
        torch.testing.assert_close(pack(ours(padded, mask), mask, 9), theirs(x))
    for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    ours.load_state_dict(theirs.state_dict())


def test_batch_norm_gradient_is_torchs():
    x = torch.randn(7, 3, dtype=torch.float64, generator=rng()).requires_grad_()
    weight = torch.randn(7, 3, dtype=torch.float64, generator=rng(1))
    gradients = []
    for module in (MaskedBatchNorm(in_dim=3).double(), nn.BatchNorm1d(3).double()):
        found = torch.autograd.grad((module(x) * weight).sum(), [x, module.weight, module.bias])
        gradients.append(found)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)
    mask = torch.tensor([True, False, True, True, False, True, True])
    module = MaskedBatchNorm(in_dim=3).double()
    assert torch.autograd.gradcheck(lambda v: module(v, mask), (x,))


def test_batch_norm_of_one_item_or_none_keeps_the_variance():
    module = MaskedBatchNorm(in_dim=2)
    assert torch.isfinite(module(torch.ones(1, 2))).all()
    assert module(torch.ones(0, 2)).shape == (0, 2)
    assert module(torch.ones(2, 3, 2), torch.zeros(2, 3, dtype=torch.bool)).abs().sum() == 0
    assert module.running_var.tolist() == [1, 1]
    torch.testing.assert_close(module.running_mean, torch.tensor([0.1, 0.1]))


def test_norms_by_name():
    x = torch.randn(4, 6, generator=rng())
    torch.testing.assert_close(norm("rms", 6)(x), x / x.square().mean(-1, keepdim=True).add(1.2e-7).sqrt())
    torch.testing.assert_close(norm("layer", 6)(x), F.layer_norm(x, (6,)))
    assert norm(None, 6) is None
    with pytest.raises(ValueError, match="no norm 'bach'"):
        norm("bach", 6)
    zero = torch.zeros(3, requires_grad=True)
    l2_normalise(zero).sum().backward()
    assert torch.isfinite(zero.grad).all()
