"""The AlphaStar-style assembly: what an action is worth, and who may be chosen."""

import numpy as np
import pytest
import torch

from jetlego.benchmark.accept.alphastar import CELLS, CONFIG, MOST, act, log_probs, sprays
from jetlego.bricks.build import build
from jetlego.testing.jets import batch_of
from jetlego.training.load_config import load_config


@pytest.fixture(scope="module")
def net():
    return build(load_config(CONFIG).model, seed=1, in_dim=3, num_classes=3).double().eval()


@pytest.fixture(scope="module")
def jets():
    batch, truth = sprays(np.random.default_rng(2), 6)
    return batch_of(batch.constituents.double(), batch.p4.double(), batch.counts.tolist(), spare=2), truth


def test_the_log_probability_of_an_action_is_that_of_its_choices(net, jets):
    batch, _ = jets
    action, chosen = act(net, batch)
    terms = log_probs(net, batch, action)
    torch.testing.assert_close(terms["selected"], chosen, rtol=1e-10, atol=1e-10)
    # head by head: what is told of later choices does not move earlier ones
    other = dict(action, heavy=1 - action["heavy"])
    moved = log_probs(net, batch, other)
    for name in ("logits", "mass"):
        assert torch.equal(terms[name], moved[name])
    assert not torch.equal(terms["unit"], moved["unit"])


def test_padding_is_never_chosen_and_nobody_twice(net, jets):
    batch, _ = jets
    action, _ = act(net, batch)
    for b, count in enumerate(batch.counts):
        chosen = [i for i in action["chosen"][b].tolist() if i >= 0]
        assert len(chosen) == len(set(chosen)) <= MOST + 1
        assert max([*chosen, action["unit"][b].item()]) < count


def test_permuted_constituents_permute_who_is_chosen_and_nothing_else(net, jets):
    batch, truth = jets
    rng = np.random.default_rng(1)
    orders = [rng.permutation(n) for n in batch.counts]
    ptr = batch.jet_ptr.tolist()
    rows = np.concatenate([ptr[b] + order for b, order in enumerate(orders)])
    turned = batch_of(batch.constituents[rows], batch.p4[rows], batch.counts.tolist(), spare=2)
    back = [np.argsort(order) for order in orders]
    moved = dict(truth)
    moved["unit"] = torch.tensor([back[b][i] for b, i in enumerate(truth["unit"].tolist())])
    rename = [[back[b][i] if i >= 0 else -1 for i in row] for b, row in enumerate(truth["chosen"].tolist())]
    moved["chosen"] = torch.tensor(np.array(rename))
    a, b = log_probs(net, batch, truth), log_probs(net, turned, moved)
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-8, atol=1e-8)


def test_no_gradient_of_a_later_head_reaches_the_choices_before_it(net, jets):
    batch, truth = jets
    terms = log_probs(net, batch, truth)
    net.zero_grad()
    terms["unit"].sum().backward()
    for name in ("class_of", "delay", "queued"):
        head = net.body.parts[name]
        assert head.outer.weight.grad is None
        assert head.chosen.grad.abs().sum() > 0
    net.zero_grad()


def test_sprays_are_what_the_truth_says():
    batch, truth = sprays(np.random.default_rng(3), 40)
    pt = torch.hypot(batch.p4[:, 0], batch.p4[:, 1])
    for b in range(40):
        rows = slice(batch.jet_ptr[b], batch.jet_ptr[b + 1])
        chosen = truth["chosen"][b][truth["chosen"][b] >= 0]
        place = batch.constituents[rows, :2]
        assert truth["unit"][b] == chosen[0]
        assert pt[rows][chosen].argmax() == 0
        middle = (torch.stack([truth["cell"][b] // CELLS, truth["cell"][b] % CELLS]) + 0.5) * 1.6 / CELLS - 0.8
        assert (place[chosen] - middle).norm(dim=1).max() < 0.35
