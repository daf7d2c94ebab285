"""Heads against losses, sums written out and clustering done by hand."""

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from jetlego.bricks.build import build
from jetlego.bricks.pair_heads import expected_generation, tree_of
from jetlego.losses import gaussian_nll, mdn_nll
from jetlego.testing.examples.heads import EXAMPLES
from jetlego.testing.kit import make


def _draw(*shape, seed=3):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_density_heads_start_as_a_standard_normal_and_spread_means():
    target = _draw(4000, 1)
    gaussian = build("gaussian_head", in_dim=3, seed=1).double()
    assert gaussian_nll(gaussian(_draw(4000, 3)), target).item() == pytest.approx(1.42, abs=0.03)  # ln(2 pi e) / 2
    mixture = build({"brick": "mdn_head", "components": 3, "spread": 1.5}, in_dim=3, seed=1).double()
    y = mixture(torch.zeros(1, 3).double())
    torch.testing.assert_close(y[0, 3:6], torch.tensor([-1.5, 0.0, 1.5]).double())
    assert torch.isfinite(mdn_nll(mixture(_draw(4000, 3)), target, components=3))


def test_the_density_of_a_flow_integrates_to_one():
    head = build({"brick": "flow_head", "hidden": 8}, in_dim=2, out_dim=1, seed=1).double()
    grid = torch.linspace(-12, 12, 4801).double().unsqueeze(1)
    with torch.no_grad():
        density = head(torch.tensor([[0.3, -1.0]]).double().expand(4801, 2), grid).exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1.0, abs=1e-3)


def test_a_choice_is_told_to_the_next_head_without_a_gradient_to_its_logits():
    first, second = (build({"brick": "choice_head", "hidden": 4}, in_dim=3, out_dim=5, seed=s) for s in (1, 2))
    x = _draw(6, 3).float()
    logits, told = first(x)
    torch.testing.assert_close(told, x + first.chosen[logits.argmax(1)])
    given, again = first(x, torch.tensor([4, 0, -1, 2, 2, 1]))
    assert torch.equal(given, logits)
    assert torch.equal(again[2], x[2])
    second(told)[0].sum().backward()
    assert first.chosen.grad.abs().sum() > 0
    assert first.outer.weight.grad is None
    # ln p of an action is the sum over its choices, given those before
    choices = torch.tensor([1, 3, 0, 2, 4, 1])
    a, told = first(x, choices)
    b, _ = second(told, choices)
    joint = (a.log_softmax(1).unsqueeze(2) + second(x.unsqueeze(1).expand(-1, 5, -1).reshape(-1, 3)
             + first.chosen.repeat(6, 1))[0].log_softmax(1).unflatten(0, (6, 5)))  # fmt: skip
    found = a.log_softmax(1)[range(6), choices] + b.log_softmax(1)[range(6), choices]
    torch.testing.assert_close(found, joint[range(6), choices, choices])
    torch.testing.assert_close(joint.exp().sum((1, 2)), torch.ones(6))


def test_edges_are_a_symmetric_bilinear_form():
    head, x = make(EXAMPLES["edge_head"]), _draw(1, 4, 3)
    y, p = head(x)[0], head.enter(x[0])
    for i in range(4):
        for j in range(4):
            form = torch.stack([p[i] @ torch.diag(d) @ p[j] for d in head.form])
            expected = form + head.own.weight @ (p[i] + p[j]) / 2 + head.own.bias
            torch.testing.assert_close(y[:, i, j], expected)


def test_ancestors_are_ordinal_and_any_matrix_grows_a_tree():
    head, inputs = make(EXAMPLES["lca_head"]), EXAMPLES["lca_head"].inputs(torch.Generator().manual_seed(7))
    y = head(**inputs)
    assert torch.equal(y, y.mT)
    spoiled = inputs["x"].masked_fill(~(inputs["mask"].unsqueeze(1) & inputs["mask"].unsqueeze(2)).unsqueeze(1), 9.0)
    assert torch.equal(y, head(spoiled, inputs["mask"]))
    sure = torch.full((1, 3, 2, 2), -50.0)
    sure[0, 0, [0, 1], [0, 1]] = sure[0, 2, [0, 1], [1, 0]] = 50.0
    torch.testing.assert_close(expected_generation(sure)[0], torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
    distance = _draw(7, 7).abs().triu(1)
    distance = distance + distance.T
    expected = linkage(squareform(distance.numpy()), "average")
    assert np.array_equal(tree_of(distance), expected[:, :2].astype(int))


def test_merges_are_scored_one_after_the_other():
    module, inputs = make(EXAMPLES["merge_decoder"]), EXAMPLES["merge_decoder"].inputs(torch.Generator().manual_seed(7))
    found = module(**inputs)
    h = torch.relu(module.enter(inputs["x"][1]))
    alive, expected = [0, 1, 2], []
    for i, j in ((0, 2), (0, 1)):
        pairs = [(a, b) for n, a in enumerate(alive) for b in alive[n + 1 :]]
        p = module.score.enter(h)
        score = torch.stack([(module.score.form[0] * p[a]) @ p[b] + module.score.own(p[a] + p[b]).squeeze() / 2
                             + module.score.own.bias.squeeze() / 2 for a, b in pairs])  # fmt: skip
        expected.append(score.log_softmax(0)[pairs.index((i, j))])
        merged = torch.relu(module.sum(h[i] + h[j]) + module.difference((h[i] - h[j]).abs()))
        h = torch.stack([merged if n == i else v for n, v in enumerate(h)])
        alive.remove(j)
    torch.testing.assert_close(found[1, :2], torch.stack(expected))
    assert (found[2:] == 0).all()
    assert (found[0, :3] < 0).all()
    assert found[0, 3] == 0  # two are left
    order = torch.tensor([3, 0, 4, 1, 2])
    turned = inputs["x"].index_select(1, order)
    target = torch.where(inputs["target"] < 0, -1, order.argsort()[inputs["target"]])
    whole = {"mask": torch.ones(1, 5, dtype=torch.bool)}
    a = module(inputs["x"][:1], inputs["target"][:1], **whole)
    torch.testing.assert_close(a, module(turned[:1], target[:1], **whole))
    best = module.merges(inputs["x"], inputs["mask"])
    assert best[0].min() >= 0
    assert (best[3] == -1).all()
    assert (module(inputs["x"][:1], best[:1]) > -3).all()
