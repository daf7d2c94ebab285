"""What the tasks on pictures, digits, words and waves learn from is what they say."""

import itertools
import math

import pytest
import torch

from jetlego.benchmark.accept import digits, hydra, pixels, shapes, timescales, words
from jetlego.benchmark.accept.training import generator


def test_bars_and_stripes_are_thirty_different_pictures():
    pictures = pixels.bars_and_stripes()
    assert len({tuple(p.flatten().tolist()) for p in pictures}) == len(pictures) == 30
    alike = (pictures == pictures[:, :1]).flatten(1).all(1) | (pictures == pictures[:, :, :1]).flatten(1).all(1)
    assert alike.all()


def test_no_word_begins_another_and_text_is_made_of_words():
    code = words.code(generator(0))
    spelled = ["".join(chr(97 + c) for c in row if c >= 0) for row in code.tolist()]
    assert len(spelled) == 32
    assert sum(map(len, spelled)) == 5 * 32
    assert not any(a != b and b.startswith(a) for a in spelled for b in spelled)
    letters, ends = words.text(generator(1), code, 4, 60)
    for row, marks in zip(letters.tolist(), ends.tolist(), strict=True):
        line, at = "".join(chr(97 + c) for c in row), [i + 1 for i, m in enumerate(marks) if m]
        assert {line[i:j] for i, j in itertools.pairwise(at)} <= set(spelled)
        assert len(at) > 5
    assert words.f1(torch.tensor([1, 1, 0, 0]).bool(), torch.tensor([1, 0, 1, 0]).bool()) == 0.5


def test_what_must_be_remembered():
    x, total = timescales.marked_numbers(generator(0), 50)
    assert x[..., 1].sum(1).eq(2).all()
    assert x[:, :100, 1].sum(1).eq(1).all()
    torch.testing.assert_close(total, (x[..., 0] * x[..., 1]).sum(1))
    letters, wanted = timescales.letters_to_copy(generator(0), 5)
    assert letters.shape == (5, 220)
    assert torch.equal(wanted[:, -10:], letters[:, :10])
    assert ((letters[:, :10] >= 1) & (letters[:, :10] <= 8)).all()
    assert (wanted[:, :-10] == 0).all()
    assert (letters == 9).sum() == 5
    wave = timescales.chord(generator(0))
    assert wave.abs().max() == 1


def test_shapes_have_their_areas():
    fine = torch.linspace(-1.2, 1.2, 1201)
    masks = [shapes.outline(name, *torch.meshgrid(fine, fine, indexing="ij")) for name in shapes.SHAPES]
    areas = [float(m.double().mean()) * 2.4**2 for m in masks]
    exact = [math.pi, 1.6**2, 3 * math.sqrt(3) / 4, math.pi * 0.64, 1.6**2 - 0.9**2, 2 * 2 * 0.5 - 0.25]
    assert areas == pytest.approx(exact, rel=0.01)
    picture, whole = shapes.all_masks(generator(0), 30)
    assert picture.shape == (30, 1, 64, 64)
    assert 0.55 < (whole.flatten(2).sum(2) > 0).double().mean() < 0.78
    seen = whole.amax(1) > 0
    assert picture[:, 0][seen].mean() > 0.5
    assert picture[:, 0][~seen].abs().mean() < 0.1
    assert shapes.dice(20 * (2 * whole - 1), whole) < 1e-3
    assert shapes.dice(20 * (1 - 2 * whole), whole) > 0.6


@pytest.mark.slow
def test_digits_are_those_of_the_paper():
    pytest.importorskip("mnist1d", reason="the package of the paper's authors")
    x, y, x_test, y_test = digits.digits()
    assert (x.shape, x_test.shape) == ((4000, 40), (1000, 40))
    assert torch.cat([y, y_test]).bincount().tolist() == [500] * 10
    both = torch.cat([x, x_test])
    assert abs(float(both.mean())) < 1e-5
    assert abs(float(both.std()) - 1) < 1e-3


def test_toy_jets_know_the_truth():
    jets, truth = hydra.toy_jets(generator(0), 40)
    real = truth["hard"][truth["mask"]] > 0.5
    vertex = jets.constituents[:, 3]
    assert abs(float(vertex[real].mean()) - 1) < 0.2
    assert abs(float(vertex[~real].mean())) < 0.2
    assert (truth["peaks"] == 1).flatten(1).sum(1).le(jets.label + 1).all()
    pt = torch.hypot(jets.p4[:, 0], jets.p4[:, 1])
    assert float(truth["soft"][truth["filled"]].mean()) > float((pt * ~real).sum() / pt.sum())
    assert ((truth["soft"] >= 0) & (truth["soft"] <= 1)).all()
