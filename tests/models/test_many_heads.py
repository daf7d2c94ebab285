"""One backbone, many heads: it runs once, heads do not disturb each other, and their gradients add up."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jetlego.bricks.build import build
from jetlego.errors import ConfigError
from jetlego.models.inputs import angles_to_jet
from jetlego.models.jet_targets import TARGETS, peaks
from jetlego.models.many_heads import carry
from jetlego.testing.guards import no_sync
from jetlego.testing.jets import tiny_batch
from jetlego.training.load_config import load_config

HYDRA = load_config(Path(__file__).parents[2] / "configs" / "expert" / "hydra_jet.yaml").model
HEADS = ("mass", "soft", "prongs", "core")


def made(learn=HEADS, outputs=HEADS, *, training=False):
    body = HYDRA["body"]
    steps = [s for s in body["steps"] if s.split(" = ")[0] not in set(HEADS) - set(outputs)]
    parts = {k: v for k, v in body["parts"].items() if any(f"{k}(" in s or f"{k}." in s for s in steps)}
    body = {**body, "steps": steps, "parts": parts, "outputs": {k: body["outputs"][k] for k in outputs}}
    spec = {**HYDRA, "body": body, "learn": {k: HYDRA["learn"][k] for k in learn}}
    return build(spec, seed=1, in_dim=7, num_classes=2).double().train(training)


@pytest.fixture(scope="module")
def jets():
    return tiny_batch(dtype=torch.float64)


def test_shapes_and_one_run_of_the_backbone(jets):
    model, runs = made(), []
    model.body.body.parts["backbone"].stem.register_forward_hook(lambda *_: runs.append(1))
    found = model.heads(jets)
    assert {k: tuple(v.shape) for k, v in found.items()} == {
        "logits": (6, 2), "mass": (6, 2), "soft": (6, 1, 32, 32), "prongs": (6, 1, 16, 16), "core": (6, 20, 1),
    }  # fmt: skip
    assert len(runs) == 1
    for name, value in found.items():
        torch.testing.assert_close(model.heads(jets, (name,))[name], value, rtol=0, atol=0)
    with no_sync():
        made(training=True)(jets)


def test_a_head_more_or_less_leaves_the_others_bit_equal(jets):
    whole = made().heads(jets)
    for outputs in (("mass",), ("core", "prongs")):
        for name, value in made(outputs, outputs).heads(jets).items():
            assert torch.equal(value, whole[name]), name


def test_the_gradient_is_the_sum_of_the_heads(jets):
    def gradients(model, loss):
        model.zero_grad()
        loss.backward()
        return [p.grad.clone() for p in model.body.body.parts["backbone"].parameters()]

    model = made(training=True)
    together = gradients(model, torch.nn.functional.cross_entropy(model(jets), jets.label))
    single = []
    for name in ("logits", *HEADS):
        model = made(training=True)
        found = model.heads(jets, (name,))
        loss = torch.nn.functional.cross_entropy(found[name], jets.label) if name == "logits" else (
            model.head_losses(found, jets)[name])  # fmt: skip
        single.append(gradients(model, loss))
    for total, parts in zip(together, zip(*single, strict=True), strict=True):
        torch.testing.assert_close(total, sum(parts), rtol=1e-9, atol=1e-11)
    assert any(g.abs().sum() > 0 for g in single[1])


def test_a_carried_loss_counts_once_whatever_becomes_of_the_logits():
    logits, w = torch.ones(3, 2, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    (5 * carry(logits, w**2).sum()).backward()
    assert w.grad == 4
    assert (logits.grad == 5).all()


def test_targets_by_numpy(jets):
    first, last = jets.jet_ptr[4:6].tolist()
    p4, points = jets.p4[first:last].numpy(), angles_to_jet(jets.p4, jets.jet_ptr)[first:last].numpy()
    px, py, pz, e = p4.sum(0)
    mass = np.sqrt(e**2 - px**2 - py**2 - pz**2)
    value, _ = TARGETS["ln_mass"](jets, torch.zeros(6, 2).double())
    np.testing.assert_allclose(value[4, 0], np.log(mass / 60) / 0.6, rtol=1e-9)
    pt = np.hypot(p4[:, 0], p4[:, 1])
    core, mask = TARGETS["hard_core"](jets, torch.zeros(6, 20, 1).double())
    order = np.argsort(-pt)
    hard = order[: int(np.searchsorted(pt[order].cumsum() / pt.sum(), 0.5)) + 1]
    assert set(np.flatnonzero(core[4].numpy())) == set(hard)
    assert mask.sum(1).tolist() == [9, 0, 3, 1, 20, 2]
    edges = np.linspace(-0.8, 0.8, 9)
    whole, soft = (np.histogram2d(*points.T, bins=[edges, edges], weights=w)[0] for w in (pt, pt * (pt < 2)))
    share, filled = TARGETS["soft_share"](jets, torch.zeros(6, 1, 8, 8).double())
    np.testing.assert_array_equal(filled[4, 0], whole > 0)
    np.testing.assert_allclose(share[4, 0][filled[4, 0]], (soft / np.maximum(whole, 1e-30))[whole > 0])
    heat, _ = TARGETS["leading_peaks"](jets, torch.zeros(6, 1, 8, 8).double())
    cells = {tuple(np.floor((points[i] + 0.8) / 0.2).astype(int)) for i in order[:3]}
    assert {tuple(c) for c in np.argwhere(heat[4, 0].numpy() == 1)} == {c for c in cells if max(c) < 8 and min(c) >= 0}
    assert (heat[1] == 0).all()


def test_peaks_fall_off_and_absent_points_make_none():
    like = torch.zeros(1, 1, 4, 4)
    heat = peaks(torch.tensor([[[-0.7, -0.7], [0.7, 0.7]]]), torch.tensor([[True, False]]), like)[0, 0]
    expected = torch.exp(-0.5 * (torch.arange(4.0)[:, None] ** 2 + torch.arange(4.0) ** 2))
    torch.testing.assert_close(heat, expected)


def test_what_cannot_be_learned_is_refused():
    good = {"target": "ln_mass", "loss": "mse"}
    for learn in ({"mas": good}, {"mass": {**good, "target": "mass"}}, {"mass": {"target": "ln_mass"}},
                  {"mass": {**good, "weight": 1}}):  # fmt: skip
        with pytest.raises(ConfigError, match="learn"):
            build({**HYDRA, "learn": learn}, in_dim=7, num_classes=2)
