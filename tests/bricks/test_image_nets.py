"""ResNet, DenseNet and U-Net: parameters of the papers' nets, sizes, what each part sees."""

import pytest
import torch

from jetlego.bricks.build import build
from jetlego.bricks.densenet import DenseNet
from jetlego.bricks.resnet import ResNet
from jetlego.bricks.unet import UNet


@pytest.fixture(autouse=True)
def same_start():
    torch.manual_seed(1)


def parameters(name, in_dim, out_dim, **how):
    with torch.device("meta"):
        return sum(p.numel() for p in build({"brick": name, **how}, in_dim=in_dim, out_dim=out_dim).parameters())


@pytest.mark.parametrize(("name", "sizes", "how", "count"), [
    ("resnet34", (1, 2), {}, 21_279_426),
    ("resnet", (3, 10), {"width": 16, "blocks": [3, 3, 3], "shortcut": "pad"}, 269_722),
    ("densenet", (3, 10), {"growth": 12, "blocks": [16, 16, 16]}, 769_162),
    ("unet", (1, 2), {"width": 64, "depth": 4}, 31_030_658),
])  # fmt: skip
def test_parameters_of_the_papers(name, sizes, how, count):
    assert parameters(name, *sizes, **how) == count


@pytest.mark.parametrize("make", [
    lambda **how: ResNet(width=2, blocks=[1, 1, 1], **how),
    lambda **how: DenseNet(growth=2, blocks=[1, 1, 1], **how),
])  # fmt: skip
@pytest.mark.parametrize("stem", ["3x3", "7x7"])
def test_features_say_their_strides(make, stem):
    model = make(in_dim=2, out_dim=3, stem=stem).eval()
    x = torch.randn(2, 2, 32, 64)
    maps = model.features(x)
    assert [m.shape[1:] for m in maps] == [
        (dim, 32 // s, 64 // s) for dim, s in zip(model.map_dims, model.strides, strict=True)
    ]
    assert model(x).shape == (2, 3)
    assert make(in_dim=2).out_dim == maps[-1].shape[1]


def test_a_resnet_starts_as_its_shortcuts():
    model, x = ResNet(in_dim=2, width=4, blocks=[2]).eval(), torch.randn(2, 2, 8, 8)
    torch.testing.assert_close(model(x), model.stem(x).mean((2, 3)))


def test_a_dense_layer_sees_all_before_it():
    block = DenseNet(in_dim=1, growth=2, blocks=[3]).double().eval().blocks[0]
    x = torch.randn(1, 4, 3, 3, dtype=torch.float64)
    grown = [x]
    for layer in block.layers:
        grown.append(layer(torch.cat(grown, 1)))
    torch.testing.assert_close(block(x), torch.cat(grown, 1))


def test_recomputing_changes_nothing_but_memory():
    torch.manual_seed(0)
    nets = [DenseNet(in_dim=1, growth=2, blocks=[2, 2], recompute=r).double() for r in (True, False)]
    nets[1].load_state_dict(nets[0].state_dict())
    x, found = torch.randn(3, 1, 8, 8, dtype=torch.float64), []
    for net in nets:
        net(x).square().sum().backward()
        found.append([p.grad for p in net.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("size", [(8, 16), (7, 13), (9, 8)])
@pytest.mark.parametrize("padding", ["zeros", ["causal", "circular"]])
def test_unet_keeps_the_size(size, padding):
    model = UNet(in_dim=1, out_dim=2, width=2, depth=3, padding=padding)
    assert model(torch.randn(1, 1, *size)).shape == (1, 2, *size)


def test_unet_of_a_detector_turns_with_the_azimuth():
    model = UNet(in_dim=1, width=3, depth=2, padding=["zeros", "circular"]).double()
    x = torch.randn(1, 1, 8, 12, dtype=torch.float64)
    turned = model(x.roll(4, dims=3))
    torch.testing.assert_close(turned, model(x).roll(4, dims=3), rtol=1e-12, atol=1e-12)
    assert (model(x.roll(4, dims=2)) - model(x).roll(4, dims=2)).abs().max() > 1e-3


def test_each_scale_that_is_handed_across_has_gradient():
    torch.manual_seed(0)
    model, x = UNet(in_dim=1, width=4, depth=2), torch.randn(2, 1, 8, 8)
    maps = model.down.features(x)
    across = [m.detach().requires_grad_() for m in maps]
    model.down.features = lambda image: across
    model(x).square().sum().backward()
    assert all(m.grad.abs().sum() > 0 for m in across)
    without = UNet(in_dim=1, width=2, depth=2, skips=False)
    assert sum(p.numel() for p in without.parameters()) < sum(p.numel() for p in model.parameters())


def test_unet_without_norm_starts_as_in_the_paper():
    model = build({"brick": "unet", "width": 16, "depth": 3}, in_dim=16).double()
    x = torch.randn(4, 16, 32, 32, dtype=torch.float64)
    for conv in (m for part in (model.down, model.merge) for m in part.modules() if isinstance(m, torch.nn.Conv2d)):
        fan_in = conv.weight[0].numel()
        assert conv.weight.var().item() == pytest.approx(2 / fan_in, rel=0.1)
    sizes = [m.square().mean().item() for m in model.down.features(x)]
    assert 0.3 < sizes[-1] / sizes[0] < 8  # six layers on, maxima between: torch's own start leaves 1e-4 of it


def test_unet_refuses_an_encoder_of_other_strides():
    with pytest.raises(ValueError, match=r"strides are \[4, 8\]"):
        UNet(in_dim=1, encoder=ResNet(in_dim=1, width=2, blocks=[1, 1], stem="7x7"))
