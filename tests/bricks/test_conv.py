"""Convolution and pooling against SciPy and brute force; padding by axis; residuals and their gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import correlate2d
from torch import nn

from jetlego.bricks.build import build
from jetlego.bricks.conv import Conv, ConvNet, GlobalPool, ImagePool
from jetlego.bricks.conv1d import Conv1d
from jetlego.bricks.feedforward import MLP
from jetlego.bricks.masks import pack, padded_mask
from jetlego.bricks.residual import Residual
from jetlego.errors import ConfigError

BOUNDARY = {"zeros": "fill", "circular": "wrap"}


@pytest.fixture(autouse=True)
def same_start():
    torch.manual_seed(1)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("mode", BOUNDARY)
def test_convolution_is_scipys_correlation(mode):
    model, x = Conv(in_dim=2, out_dim=3, kernel=[3, 5], padding=mode).double(), draw(1, 2, 8, 9)
    found = model(x)[0].detach().numpy()
    for out in range(3):
        planes = [correlate2d(x[0, c].numpy(), model.map.weight[out, c].detach().numpy(), mode="same",
                              boundary=BOUNDARY[mode]) for c in range(2)]  # fmt: skip
        np.testing.assert_allclose(found[out], sum(planes) + model.map.bias[out].item(), rtol=1e-12, atol=1e-13)


def test_a_circular_axis_turns_with_the_jet_and_the_other_does_not():
    model, x = Conv(in_dim=2, padding=["zeros", "circular"]).double(), draw(2, 2, 6, 7)
    turned = model(x.roll(3, dims=3))
    torch.testing.assert_close(turned, model(x).roll(3, dims=3), rtol=1e-12, atol=1e-12)
    moved = model(x.roll(3, dims=2)) - model(x).roll(3, dims=2)
    assert moved.abs().max() > 0.1


def test_replicate_and_causal_axes():
    x = draw(1, 1, 4, 5)
    model = Conv(in_dim=1, padding=["replicate", "causal"]).double()
    by_hand = F.pad(F.pad(x, (0, 0, 1, 1), mode="replicate"), (2, 0, 0, 0))
    torch.testing.assert_close(model(x), F.conv2d(by_hand, model.map.weight, model.map.bias))
    seen = torch.autograd.functional.jacobian(lambda v: model(v).sum((0, 1, 2)), x)[:, 0, 0].abs().sum(1)
    assert (seen.triu(1) == 0).all()  # column t of the output sees columns up to t
    with pytest.raises(ValueError, match="one or two of zeros, causal"):
        Conv(in_dim=1, padding=["zeros"])


@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (2, 3), (4, 1)])
def test_sizes_with_a_stride(kernel, stride):
    for mode in ("zeros", "circular"):
        found = Conv(in_dim=1, kernel=kernel, stride=stride, padding=mode)(torch.zeros(1, 1, 9, 10))
        assert found.shape[2:] == (-(-9 // stride), -(-10 // stride))


def test_pooling_by_brute_force():
    x, weight = draw(1, 2, 5, 4), draw(1, 1, 5, 4, seed=1).abs()
    weight[0, 0, :2, :2] = 0
    for how in ("max", "mean", "weighted"):
        found = ImagePool(in_dim=2, how=how)(x, weight)
        assert found.shape == (1, 2, 2, 2)
        for i in range(2):
            for j in range(2):
                a, w = (t[0, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] for t in (x, weight))
                by_hand = {"max": a.amax((1, 2)), "mean": a.mean((1, 2)),
                           "weighted": (a * w).sum((1, 2)) / max(w.sum().item(), 1e-30)}[how]  # fmt: skip
                torch.testing.assert_close(found[0, :, i, j], by_hand)
    with pytest.raises(ValueError, match="needs the weights"):
        ImagePool(in_dim=2, how="weighted")(x)
    both = GlobalPool(in_dim=2, how=["max", "mean"])(x)
    torch.testing.assert_close(both[0], torch.cat([x[0].flatten(1).amax(1), x[0].flatten(1).mean(1)]))


def test_rows_close_at_their_own_end():
    mask = padded_mask(torch.tensor([0, 6, 10, 10, 11]), 6)
    x = draw(4, 6, 2)
    for mode in ("circular", "replicate", "zeros"):
        model = Conv1d(in_dim=2, out_dim=3, kernel=3, dilation=2, padding=mode).double()
        found = model(x.masked_fill(~mask.unsqueeze(-1), torch.nan), mask)
        for row, count in enumerate([6, 4, 0, 1]):
            if count:
                torch.testing.assert_close(found[row, :count], model(x[row : row + 1, :count])[0])
        packed = model(pack(x, mask, 11), ptr=torch.tensor([0, 6, 10, 10, 11]), n_max=6)
        torch.testing.assert_close(packed, pack(found, mask, 11))
    turned = Conv1d(in_dim=2, padding="circular").double()
    torch.testing.assert_close(turned(x.roll(2, 1)), turned(x).roll(2, 1))
    with pytest.raises(ValueError, match="it has no step"):
        turned.step(x[:, 0])


def test_convnet_is_the_composition():
    x = draw(2, 1, 1, 24)
    model = build({"brick": "convnet", "channels": [3, 4], "kernel": [1, 5], "pool": [1, 2],
                   "readout": {"brick": "flatten", "height": 1, "width": 6}}, in_dim=1, out_dim=2, seed=1)  # fmt: skip
    model = model.double()
    h = x[:, :, 0]
    for layer in model.layers:
        h = F.max_pool1d(F.relu(F.conv1d(h, layer[0].map.weight[:, :, 0], layer[0].map.bias, padding=2)), 2)
    torch.testing.assert_close(model(x), F.linear(h.flatten(1), model.head.weight, model.head.bias))
    assert [m.shape[-1] for m in model.features(x)] == [12, 6]
    assert ConvNet(in_dim=1, channels=[5]).out_dim == 5


def test_zero_init_is_the_identity_exactly():
    x = draw(7, 4)
    for body in (MLP(in_dim=4, hidden=[8], out_dim=4), MLP(in_dim=4, hidden=[4], norm="layer")):
        assert torch.equal(Residual(in_dim=4, body=body.double(), zero_init=True)(x), x)
    assert not torch.equal(Residual(in_dim=4, body=MLP(in_dim=4, hidden=[4]).double())(x), x)


def test_what_cannot_be_added_is_refused():
    with pytest.raises(ValueError, match="without a shortcut"):
        Residual(in_dim=4, out_dim=3, body="mlp")
    with pytest.raises(ConfigError, match="the body gives 5 channels"):
        build({"brick": "residual", "body": {"brick": "mlp", "hidden": [5], "out_dim": 5}}, in_dim=4)
    with pytest.raises(ValueError, match="no weights"):
        Residual(in_dim=4, body=nn.ReLU(), zero_init=True)


def test_gradients_survive_forty_layers_with_a_shortcut_and_not_without():
    torch.manual_seed(1)
    x = torch.randn(64, 32)
    ratio = {}
    for skip in (True, False):
        layers = [MLP(in_dim=32, hidden=[32]) for _ in range(40)]
        stack = nn.Sequential(*[Residual(in_dim=32, body=m) if skip else m for m in layers])
        stack(x).square().mean().backward()
        first, last = (m.layers[0].linear.weight.grad.norm().item() for m in (layers[0], layers[-1]))
        ratio[skip] = first / last
    assert 0.1 <= ratio[True] <= 10
    assert ratio[False] < 1e-8
