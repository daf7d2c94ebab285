"""Grids and pyramids: adjoints, brute force, fusion weights."""

import pytest
import torch
import torch.nn.functional as F

from jetlego.bricks.convert import Pixelise
from jetlego.bricks.masks import pad, padded_mask
from jetlego.bricks.neck import FPN, BiFPN, Fuse, ImageHead, resized
from jetlego.bricks.scatter import GatherConnection, ScatterConnection, gather_items, grid_cells, scatter_items

PTR = torch.tensor([0, 30, 30, 33])


@pytest.fixture(autouse=True)
def same_start():
    torch.manual_seed(1)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_reading_is_the_adjoint_of_painting():
    x, image = draw(33, 4), draw(3, 4, 5, 6, seed=2)
    owner = torch.tensor([0] * 30 + [2] * 3)
    cell = grid_cells(draw(33, 2, seed=1), 5, 6, 1.0)
    assert (cell == 30).sum() > 3
    place = torch.where(cell == 30, 90, owner * 30 + cell)
    painted = scatter_items(x, place, 90).unflatten(0, (3, 5, 6)).permute(0, 3, 1, 2)
    read = gather_items(image, owner, cell)
    torch.testing.assert_close((painted * image).sum(), (x * read).sum(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("how", ["add", "mean", "max"])
def test_painting_by_brute_force(how):
    x, points = draw(33, 3), draw(33, 2, seed=1)
    model = ScatterConnection(in_dim=3, out_dim=2, size=3, half_width=1.2, how=how).double()
    found, e = model(x, points, ptr=PTR), model.map(x)
    lost = 0
    for b, (first, last) in enumerate([(0, 30), (30, 30), (30, 33)]):
        cells = {}
        for i in range(first, last):
            row, column = (int(torch.floor((v + 1.2) / 0.8)) for v in points[i])
            if 0 <= row < 3 and 0 <= column < 3:
                cells.setdefault((row, column), []).append(e[i])
            else:
                lost += 1
        for row in range(3):
            for column in range(3):
                here = torch.stack(cells.get((row, column), [torch.zeros(2).double()]))
                by_hand = {"add": here.sum(0), "mean": here.mean(0), "max": here.amax(0)}[how]
                torch.testing.assert_close(found[b, :, row, column], by_hand)
    assert model.outside(points) == lost
    mask = padded_mask(PTR, 30)
    assert model.outside(pad(points, PTR, 30) + 50 * ~mask.unsqueeze(-1), mask) == lost


def test_painted_numbers_are_pixels():
    x, points = draw(33, 2), draw(33, 2, seed=1) * 0.4
    model = ScatterConnection(in_dim=2, out_dim=2, size=8, half_width=0.5).double()
    with torch.no_grad():
        model.map.weight.copy_(torch.eye(2))
    summed = Pixelise(in_dim=2, size=8, half_width=0.5)
    torch.testing.assert_close(model(x, points, ptr=PTR), summed(x, points, ptr=PTR))


def test_what_was_painted_can_be_read():
    points = torch.tensor([[-0.7, -0.7], [-0.7, 0.7], [0.1, -0.1], [3.0, 0.0]]).double()
    x, ptr = draw(4, 2), torch.tensor([0, 4])
    model = ScatterConnection(in_dim=2, out_dim=2, size=4, half_width=0.8).double()
    image = model(x, points, ptr=ptr)
    read = GatherConnection(in_dim=2, image_dim=2)(x, points, image, ptr=ptr)
    torch.testing.assert_close(read[:3], torch.cat([x, model.map(x)], 1)[:3])
    assert (read[3, 2:] == 0).all()


def test_fusion_is_a_mean_with_weights_that_cannot_be_negative():
    images, fuse = [draw(1, 2, 3, 3, seed=i) for i in range(3)], Fuse(3, eps=0.0).double()
    torch.testing.assert_close(fuse(images), sum(images) / 3)
    with torch.no_grad():
        fuse.weight.copy_(torch.tensor([1.0, -5.0, 3.0]))
    torch.testing.assert_close(fuse(images), (images[0] + 3 * images[2]) / 4)


def test_sizes_are_brought_back_exactly():
    shapes = [(11, 9), (6, 5), (3, 3)]
    images = [draw(2, c, *shape, seed=c).float() for c, shape in zip((2, 3, 4), shapes, strict=True)]
    for neck in (FPN, BiFPN):
        levels = neck(in_dim=2, in_dim2=3, in_dim3=4, dim=6, extra=1)(*images)
        assert [tuple(level.shape[2:]) for level in levels] == [*shapes, (2, 2)]
    torch.testing.assert_close(resized(images[2], images[0]), F.interpolate(images[2], size=(11, 9)))
    even = images[0][..., :10, :8]
    torch.testing.assert_close(resized(even, images[1][..., :5, :4]), F.max_pool2d(even, 2))
    assert ImageHead(in_dim=4, fine_dim=2)(images[2], images[0]).shape == (2, 1, 11, 9)
    with pytest.raises(ValueError, match="two levels"):
        BiFPN(in_dim=2, extra=0)


def test_every_level_hears_every_other_in_a_bifpn_and_the_coarser_ones_in_an_fpn():
    images = [draw(1, 2, s, s, seed=s).requires_grad_() for s in (8, 4, 2)]
    for neck, upward in ((FPN(in_dim=2, in_dim2=2, in_dim3=2, dim=4), False),
                         (BiFPN(in_dim=2, in_dim2=2, in_dim3=2, dim=4, layers=1, extra=0), True)):  # fmt: skip
        for i, level in enumerate(neck.double()(*images)):
            heard = torch.autograd.grad(level.square().sum(), images, retain_graph=True, allow_unused=True)
            assert [g is not None and bool(g.abs().sum() > 0) for g in heard] == [upward or j >= i for j in range(3)]
