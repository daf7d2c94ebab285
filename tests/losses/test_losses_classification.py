"""Classification losses against torch, against written-out probabilities, and against counting items twice."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlego import losses
from jetlego.errors import ConfigError

SMOOTHING = (0.0, 0.1)
WEIGHTS = (None, [0.5, 2.0, 1.0, 3.0])


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("smoothing", SMOOTHING)
@pytest.mark.parametrize("class_weight", WEIGHTS)
def test_cross_entropy_is_torch(smoothing, class_weight):
    logits, target = draw(50, 4), torch.arange(50) % 4
    w = None if class_weight is None else torch.tensor(class_weight, dtype=torch.float64)
    expected = F.cross_entropy(logits, target, weight=w, label_smoothing=smoothing)
    found = losses.cross_entropy(logits, target, label_smoothing=smoothing, class_weight=class_weight)
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


def test_cross_entropy_of_probabilities_is_torch():
    logits, truth = draw(20, 4), draw(20, 4, seed=1).softmax(-1)
    torch.testing.assert_close(losses.cross_entropy(logits, truth), F.cross_entropy(logits, truth))


@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_bce_is_torch(smoothing):
    logits, target = draw(50), (torch.arange(50) % 3 == 0).double()
    smooth = target * (1 - smoothing) + smoothing / 2
    expected = F.binary_cross_entropy_with_logits(logits, smooth)
    torch.testing.assert_close(losses.bce(logits, target, label_smoothing=smoothing), expected)
    torch.testing.assert_close(losses.bce(logits[:, None], target.long(), label_smoothing=smoothing), expected)


def test_bce_class_weight_is_item_weight():
    logits, target = draw(30), torch.arange(30) % 2
    by_item = losses.bce(logits, target, weight=torch.where(target == 1, 3.0, 0.5).double())
    torch.testing.assert_close(losses.bce(logits, target, class_weight=[0.5, 3.0]), by_item)


def test_bce_is_two_class_cross_entropy():
    logits, target = draw(30), torch.arange(30) % 2
    pair = torch.stack([torch.zeros_like(logits), logits], -1)
    torch.testing.assert_close(losses.bce(logits, target), losses.cross_entropy(pair, target))
    torch.testing.assert_close(losses.focal_bce(logits, target), losses.focal(pair, target))


def test_focal_without_focus_is_cross_entropy():
    logits, target = draw(40, 5), torch.arange(40) % 5
    assert torch.equal(losses.focal(logits, target, gamma=0.0), losses.cross_entropy(logits, target))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_written_out(gamma):
    logits, target = draw(40, 5), torch.arange(40) % 5
    alpha = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0]).double()
    p = logits.softmax(-1).gather(-1, target[:, None]).squeeze(-1)
    expected = (-alpha[target] * (1 - p) ** gamma * p.log()).mean()
    torch.testing.assert_close(losses.focal(logits, target, gamma=gamma, alpha=alpha.tolist()), expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("scale", [0.0, 5.0, 20.0])
def test_focal_gradients_near_certainty(gamma, scale):
    logits = (scale * torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.5], [0.3, 0.0, -1.0]])).double()
    target = torch.tensor([0, 0, 1])
    assert torch.autograd.gradcheck(
        lambda x: losses.focal(x, target, gamma=gamma), logits.requires_grad_(), atol=1e-7
    )


def test_focal_gradient_is_finite_at_probability_one():
    logits = torch.tensor([[800.0, -800.0], [-800.0, 800.0]], requires_grad=True)
    losses.focal(logits, torch.tensor([0, 0]), gamma=0.5).backward()
    assert torch.isfinite(logits.grad).all()


def test_focal_peaks_written_out():
    logits = draw(2, 6, 6)
    truth = torch.zeros(2, 6, 6).double()
    truth[0, 2, 3], truth[0, 2, 4], truth[1, 5, 0] = 1.0, 0.6, 1.0
    p = logits.sigmoid()
    on = (1 - p) ** 2 * p.log()
    off = (1 - truth) ** 4 * p**2 * (1 - p).log()
    expected = -torch.where(truth == 1, on, off).sum() / 2
    torch.testing.assert_close(losses.focal_peaks(logits, truth), expected)


def case(name: str, seed: int, items: int):
    """Return (loss, prediction, target) with ``items`` items."""
    if name in ("cross_entropy", "focal"):
        return losses.get(name), draw(items, 3, seed=seed), torch.arange(items) % 3
    return losses.get(name), draw(items, seed=seed), torch.arange(items) % 2


NAMES = ("cross_entropy", "focal", "bce", "focal_bce")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(counts=st.lists(st.integers(0, 3), min_size=2, max_size=8).filter(any), seed=st.integers(0, 99))
def test_weight_is_multiplicity(name, counts, seed):
    function, prediction, target = case(name, seed, len(counts))
    index = [i for i, c in enumerate(counts) for _ in range(c)]
    weighted = function(prediction, target, weight=torch.tensor(counts).double())
    torch.testing.assert_close(weighted, function(prediction[index], target[index]))


@pytest.mark.parametrize("name", NAMES)
def test_padding_has_no_influence(name):
    function, prediction, target = case(name, 3, 12)
    mask = torch.arange(12) < 8
    expected = function(prediction[:8], target[:8])
    dirty = torch.where(mask.reshape(-1, *[1] * (prediction.ndim - 1)), prediction, torch.nan).requires_grad_()
    found = function(dirty, target, mask=mask)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert torch.equal(dirty.grad[8:], torch.zeros_like(dirty.grad[8:]))
    assert torch.isfinite(dirty.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_unlabelled_items_are_left_out(name):
    function, prediction, target = case(name, 4, 12)
    target = torch.where(torch.arange(12) % 4 == 1, -1, target)
    keep = target >= 0
    torch.testing.assert_close(function(prediction, target), function(prediction[keep], target[keep]))


def test_jet_weights_reach_constituents():
    logits, target = draw(3, 4, 2), torch.arange(12).reshape(3, 4) % 2
    mask = torch.arange(4) < torch.tensor([4, 2, 1])[:, None]
    weight = torch.tensor([1.0, 2.0, 0.5]).double()
    per_item = losses.cross_entropy(logits, target, reduction="none")
    expected = (weight[:, None] * mask * per_item).sum() / (weight[:, None] * mask).sum()
    torch.testing.assert_close(losses.cross_entropy(logits, target, weight=weight, mask=mask), expected)


def test_reductions():
    logits, target = draw(6, 3), torch.arange(6) % 3
    weight = torch.tensor([1.0, -0.5, 2.0, 1.0, -0.25, 1.0]).double()
    item = F.cross_entropy(logits, target, reduction="none")
    result = {r: losses.cross_entropy(logits, target, weight=weight, reduction=r) for r in
              ("weighted_mean", "absolute_mean", "sum", "none")}
    torch.testing.assert_close(result["none"], weight * item)
    torch.testing.assert_close(result["sum"], (weight * item).sum())
    torch.testing.assert_close(result["weighted_mean"], (weight * item).sum() / weight.sum())
    torch.testing.assert_close(result["absolute_mean"], (weight * item).sum() / weight.abs().sum())


def test_batch_without_real_items_costs_nothing():
    logits = draw(4, 3).requires_grad_()
    value = losses.cross_entropy(logits, torch.full((4,), -1))
    value.backward()
    assert value == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_impossible_classes():
    logits = draw(2, 3)
    logits[:, 2] = -torch.inf
    logits.requires_grad_()
    value = losses.cross_entropy(logits, torch.tensor([0, 1]))
    torch.testing.assert_close(value, F.cross_entropy(logits[:, :2], torch.tensor([0, 1])))
    value.backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_float32_inside_autocast(name):
    function, prediction, target = case(name, 5, 12)
    half = prediction.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = function(half, target)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, function(half.float(), target))


@pytest.mark.parametrize(("call", "id"), [
    (lambda: losses.bce(draw(4, 1), torch.zeros(5)), "SHAPE"),
    (lambda: losses.bce(draw(4, 2), torch.zeros(4)), "SHAPE"),
    (lambda: losses.cross_entropy(draw(4, 2), torch.zeros(4, 1).long()), "SHAPE"),
    (lambda: losses.cross_entropy(draw(4, 2), torch.zeros(4).long(), weight=torch.ones(4, 1)), "SHAPE"),
    (lambda: losses.cross_entropy(draw(4, 2), torch.zeros(4).long(), class_weight=[1.0]), "BAD-VALUE"),
    (lambda: losses.cross_entropy(draw(4, 2), torch.zeros(4).long(), label_smoothing=1.0), "BAD-VALUE"),
    (lambda: losses.bce(draw(4), torch.zeros(4), reduction="mean"), "BAD-VALUE"),
])  # fmt: skip
def test_wrong_input_is_refused(call, id):
    with pytest.raises(ConfigError) as caught:
        call()
    assert caught.value.id == id
