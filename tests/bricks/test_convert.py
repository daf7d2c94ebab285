"""Adapters against NumPy, and chains that refuse what does not fit."""

import numpy as np
import pytest
import torch

from jetlego.bricks.build import build
from jetlego.bricks.chain import Chain
from jetlego.bricks.convert import Broadcast, Order, Patches, Pixelise
from jetlego.bricks.feedforward import MLP
from jetlego.bricks.masks import pad, padded_mask
from jetlego.errors import ConfigError

PTR = torch.tensor([0, 40, 40, 43])
MASK = padded_mask(PTR, 40)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_images_are_histograms():
    pt, points = draw(43, 1).exp(), draw(43, 2, seed=1) * 0.4
    image = Pixelise(in_dim=1, size=8, half_width=0.5)(pt, points, ptr=PTR)
    assert image.shape == (3, 1, 8, 8)
    edges = np.linspace(-0.5, 0.5, 9)
    for b, (first, last) in enumerate([(0, 40), (40, 40), (40, 43)]):
        eta, phi = points[first:last].numpy().T
        expected, _, _ = np.histogram2d(eta, phi, bins=[edges, edges], weights=pt[first:last, 0].numpy())
        np.testing.assert_allclose(image[b, 0], expected, rtol=1e-12)
    whole = Pixelise(in_dim=1, size=8, half_width=5.0)(pt, points, ptr=PTR)
    torch.testing.assert_close(whole.sum((1, 2, 3)), torch.stack([pt[:40].sum(), pt.new_zeros(()), pt[40:].sum()]))


@pytest.mark.parametrize("descending", [True, False])
def test_order_is_numpys_and_its_way_back_the_identity(descending):
    x, key = draw(3, 40, 2), (draw(3, 40, seed=1) * 3).round()
    model = Order(in_dim=2, descending=descending)
    found, order = model(x, key, MASK), model.order(key, MASK)
    expected = np.argsort((-key[0] if descending else key[0]).numpy(), kind="stable")
    assert order[0].tolist() == expected.tolist()
    torch.testing.assert_close(found[0], x[0][order[0]])
    back = found.gather(1, order.argsort(1).unsqueeze(-1).expand_as(x))
    torch.testing.assert_close(back, x.masked_fill(~MASK.unsqueeze(-1), 0))


def test_broadcast_gives_each_item_its_vector():
    x, vector = draw(43, 2), draw(3, 4, seed=1)
    found = Broadcast(in_dim=2, vector_dim=4)(x, vector, ptr=PTR)
    torch.testing.assert_close(found[:40, 2:], vector[0].expand(40, 4))
    torch.testing.assert_close(found[40:], torch.cat([x[40:], vector[2].expand(3, 4)], 1))
    add = Broadcast(in_dim=2, vector_dim=4, how="add").double()
    torch.testing.assert_close(add(pad(x, PTR, 40), vector, MASK)[0, 5], x[5] + add.map(vector[0]))


def test_patches_are_a_convolution():
    model, image = Patches(in_dim=2, size=4, out_dim=3).double(), draw(2, 2, 7, 9)
    weight = model.map.weight.unflatten(1, (2, 4, 4))
    padded = torch.nn.functional.pad(image, (0, 3, 0, 1))
    expected = torch.nn.functional.conv2d(padded, weight, model.map.bias, stride=4)
    torch.testing.assert_close(model(image), expected.flatten(2).mT)


def test_a_chain_is_a_composition():
    spec = {"brick": "chain", "parts": [{"brick": "mlp", "hidden": [4]}, "pool", {"brick": "mlp", "hidden": [5]}]}
    model = build(spec, in_dim=2, out_dim=3, seed=0).double()
    x = draw(43, 2)
    first, second, third = model.parts
    torch.testing.assert_close(model(x, ptr=PTR), third(second(first(x), ptr=PTR)))
    assert model.out_dim == 3
    torch.testing.assert_close(model(pad(x, PTR, 40), MASK), model(x, ptr=PTR))


def test_a_chain_refuses_what_does_not_fit():
    parts = ["pool", {"brick": "mlp", "hidden": [3]}, {"brick": "transformer", "heads": 1}]
    with pytest.raises(ConfigError) as caught:
        build({"model": {"brick": "chain", "parts": parts}}, in_dim=2)
    assert caught.value.id == "BAD-JOIN"
    assert str(caught.value) == (
        "model.parts[2]: mlp gives vector[out_dim], which transformer cannot take: it takes set|sequence[in_dim]; "
        "insert broadcast or cross"
    )
    with pytest.raises(ConfigError, match="pool gives vector"):
        Chain(in_dim=2, parts=[build("pool", in_dim=2), {"brick": "set2set"}])
    with pytest.raises(ConfigError, match="a chain needs a part"):
        build({"brick": "chain", "parts": []}, in_dim=2)
    assert Chain(in_dim=2, parts=[MLP(in_dim=2, hidden=[3]), torch.nn.Linear(3, 1)]).out_dim == 3
