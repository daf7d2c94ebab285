"""What every loss promises: no waiting for the device, indices beside their tensors, float32 inside autocast."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_map

from jetlego import losses
from jetlego.bricks import sinkhorn
from jetlego.testing.guards import elsewhere, no_sync, sent_elsewhere


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


CLASSES, BINARY = torch.arange(12) % 3, torch.arange(12) % 2
ITEMS = torch.arange(12) < 9
SETS = torch.arange(5) < torch.tensor([[5], [3], [0], [1]])
JETS = torch.cat([draw(4, 5, 1).abs(), draw(4, 5, 2)], -1)
FRAMED = losses.Framed(torch.linalg.qr(draw(4, 5, 3, 3)).Q, draw(4, 5, 3), draw(4, 5, 3, seed=1))

CASES: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "cross_entropy": (draw(12, 3), CLASSES, ITEMS, {"class_weight": [1.0, 2.0, 3.0], "label_smoothing": 0.1}),
    "bce": (draw(12), BINARY, ITEMS, {"class_weight": [1.0, 2.0]}),
    "focal": (draw(12, 3), CLASSES, ITEMS, {"alpha": [1.0, 2.0, 3.0]}),
    "focal_bce": (draw(12), BINARY, ITEMS, {"alpha": 0.3}),
    "focal_peaks": (draw(12), BINARY.float(), ITEMS, {}),
    "mse": (draw(12), draw(12, seed=1), ITEMS, {}),
    "mae": (draw(12), draw(12, seed=1), ITEMS, {}),
    "huber": (draw(12), draw(12, seed=1), ITEMS, {}),
    "log_cosh": (draw(12), draw(12, seed=1), ITEMS, {}),
    "pinball": (draw(12, 3), draw(12, seed=1), ITEMS, {}),
    "gaussian_nll": (draw(12, 2), draw(12, seed=1), ITEMS, {"beta": 0.5}),
    "mdn_nll": (draw(12, 6), draw(12, seed=1), ITEMS, {"components": 2}),
    "rejection_at": (draw(12, 3), CLASSES, ITEMS, {"min_background": 0.0}),
    "rejection_bank": (draw(12, 2), BINARY, ITEMS, {"bank": 20, "min_background": 0.0}),
    "soft01": (draw(12, 3), CLASSES, ITEMS, {}),
    "soft_topk_loss": (draw(12, 3), CLASSES, ITEMS, {"k": 2}),
    "spearman": (draw(4, 5), draw(4, 5, seed=1), SETS, {}),
    "chamfer": (draw(4, 5, 2), draw(4, 5, 2, seed=1), SETS, {}),
    "sinkhorn": (draw(4, 5, 2), draw(4, 5, 2, seed=1), SETS, {"debiased": False}),
    "hungarian": ((draw(4, 5, 2), draw(4, 5)), draw(4, 5, 2, seed=1), SETS, {}),
    "emd": (JETS, JETS.flip(0), SETS, {}),
    "distance": (draw(4, 5, 2), draw(4, 5, 2, seed=1), SETS, {"clamp": 1.0}),
    "fape": (FRAMED, losses.Framed(*(t.flip(0) for t in FRAMED)), SETS, {}),
    "disco": (draw(12), draw(12, seed=1), ITEMS, {}),
}
ELSEWHERE = {
    "flow_nll": "its network is the caller's",
    "multi_task": "made of the others",
}


def test_no_loss_is_forgotten():
    assert set(losses.losses()) == {*CASES, *ELSEWHERE}


def prepared(name: str) -> tuple[Callable[..., torch.Tensor], Any, Any, dict[str, Any]]:
    prediction, target, mask, options = CASES[name]
    item = losses.get(name)
    call = item(**options) if inspect.isclass(item) else lambda x, y, **k: item(x, y, **k, **options)
    weight = draw(len(mask), seed=3).abs()
    return call, prediction, target, {"mask": mask, "weight": weight}


@pytest.fixture
def few_updates(monkeypatch):
    """Walk through each operation of the transport solver once: what it computes is tested elsewhere."""
    for name, value in (("START", 0.02), ("STAGES", 1), ("UPDATES", 1), ("NEWTON", 1), ("LAST", 1)):
        monkeypatch.setattr(sinkhorn, name, value)


@pytest.mark.parametrize("name", CASES)
def test_nothing_waits_for_the_device(name, few_updates):
    call, prediction, target, others = prepared(name)
    with no_sync():
        call(prediction, target, **others)


@pytest.mark.parametrize("name", CASES)
def test_everything_is_on_one_device(name, few_updates):
    call, prediction, target, others = prepared(name)
    with elsewhere():
        pair, others = tree_map(sent_elsewhere, (prediction, target)), tree_map(sent_elsewhere, others)
        if isinstance(call, torch.nn.Module):
            state = {k: sent_elsewhere(v) for k, v in call.named_buffers()}
            value = torch.func.functional_call(call, state, pair, others)
        else:
            value = call(*pair, **others)
        assert value.device.type == "meta"
        assert value.shape == ()


@pytest.mark.parametrize("name", CASES)
def test_float32_inside_autocast(name):
    call, prediction, target, others = prepared(name)
    half = tree_map(lambda v: v.bfloat16() if v.is_floating_point() else v, prediction)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = call(half, target, **others)
    if isinstance(call, torch.nn.Module):
        call = prepared(name)[0]
    expected = call(tree_map(lambda v: v.float() if v.is_floating_point() else v, half), target, **others)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_weights_and_masks_matter(name):
    """A loss that forgot its weights or its mask would pass many a test."""
    call, prediction, target, others = prepared(name)
    value = call(prediction, target, **others)
    heavier = others["weight"] * torch.linspace(0.2, 3.0, len(others["weight"]))
    full = torch.ones_like(others["mask"])
    for change in ({"weight": heavier}, {"mask": full}):
        again = prepared(name)[0]
        assert not torch.allclose(value, again(prediction, target, **{**others, **change}), rtol=1e-6, atol=0), change
