"""The vocabulary of losses: every name builds, every wrong word is answered with the nearest right one."""

import inspect

import pytest
import torch

from jetlego import losses
from jetlego.errors import ConfigError


@pytest.mark.parametrize("name", losses.losses())
def test_every_loss_has_the_common_signature(name):
    item = losses.get(name)
    parameters = inspect.signature(item.forward if inspect.isclass(item) else item).parameters
    for common in ("weight", "mask", "reduction"):
        assert parameters[common].kind is inspect.Parameter.KEYWORD_ONLY
    assert item.__doc__


def test_build_gives_the_function_with_options():
    logits, target = torch.randn(8, 3), torch.arange(8) % 3
    module = losses.build_loss({"loss": "focal", "gamma": 1.0, "reduction": "sum"})
    assert torch.equal(module(logits, target), losses.focal(logits, target, gamma=1.0, reduction="sum"))
    assert torch.equal(module(logits, target, reduction="none").sum(), module(logits, target))
    assert "gamma=1.0" in repr(module)


def test_nearest_name():
    with pytest.raises(ConfigError, match="no loss 'cross_entrop'; did you mean 'cross_entropy'"):
        losses.build_loss("cross_entrop")
    with pytest.raises(ConfigError, match=r"training\.loss\.gama: focal has no option 'gama'; did you mean 'gamma'"):
        losses.build_loss({"loss": "focal", "gama": 2}, path="training.loss")
    with pytest.raises(ConfigError, match="under 'loss'"):
        losses.build_loss({"name": "focal"})


@pytest.mark.parametrize(("spec", "message"), [
    ({"loss": "focal", "gamma": "two"}, "loss.gamma: focal wants a finite number, not two"),
    ({"loss": "focal", "alpha": [1.0, "a"]}, "loss.alpha: focal wants a list, each a finite number or null"),
    ({"loss": "rejection_bank", "bank": 1.5}, "loss.bank: rejection_bank wants an integer, not 1.5"),
    ({"loss": "spearman", "negative": "skip"}, "one of 'error', 'drop', 'abs'"),
    ({"loss": "multi_task", "terms": {"a": {"loss": "huber", "delta": True}}}, "loss.terms.a.delta: huber wants"),
])  # fmt: skip
def test_values_are_checked(spec, message):
    with pytest.raises(ConfigError) as caught:
        losses.build_loss(spec)
    assert caught.value.id == "BAD-VALUE"
    assert message in str(caught.value)


def test_a_name_is_given_once():
    with pytest.raises(ConfigError) as caught:
        losses.loss("bce")(losses.bce)
    assert caught.value.id == "DUPLICATE-NAME"


def test_a_loss_without_weights_is_refused():
    with pytest.raises(ConfigError, match="weight, mask, reduction"):
        losses.loss("bare")(lambda prediction, target: prediction)
    assert "bare" not in losses.losses()
