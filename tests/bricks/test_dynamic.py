"""Loops, conditionals and early exits against plain Python, row by row."""

import pytest
import torch
from torch import nn

from jetlego.bricks.build import build
from jetlego.errors import ConfigError

MLP = {"brick": "mlp", "hidden": [6], "activation": "tanh"}
X = torch.randn(64, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def loop():
    return build({"brick": "run_until", "body": MLP, "most": 5}, in_dim=3, seed=4).double()


def test_a_loop_ends_for_each_row_when_it_is_told_to(loop):
    with torch.no_grad():
        loop.stop.linear.weight.mul_(8)
    y, steps = loop.eval()(X)
    for row in range(64):
        x, count = X[row], 0
        while count < 5:
            x, count = loop.body(x), count + 1
            if loop.stop(x) > 0:
                break
        assert steps[row].item() == count
        torch.testing.assert_close(y[row], x, rtol=0, atol=1e-14)
    assert len(set(steps.tolist())) > 1


def test_in_training_a_loop_is_its_own_expectation(loop):
    y, steps = loop.train()(X)
    left, expected, count, x = torch.ones(64, dtype=torch.float64), 0.0, 0.0, X
    for n in range(1, 6):
        x = loop.body(x)
        p = left * (torch.sigmoid(loop.stop(x))[:, 0] if n < 5 else 1.0)
        expected, count, left = expected + p.unsqueeze(1) * x, count + n * p, left - p
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(steps, count)
    (y.sum() + steps.sum()).backward()
    assert loop.stop.linear.weight.grad.abs().sum() > 0


def test_a_switch_takes_one_branch_and_its_gate_learns_as_a_mixture():
    spec = {"brick": "select", "branches": [MLP, "logistic", MLP], "soft": True}
    soft = build(spec, in_dim=3, out_dim=2, seed=2).double()
    hard = build({**spec, "soft": False}, in_dim=3, out_dim=2, seed=2).double()
    y, branch = hard(X), hard.choice(X)
    assert len(set(branch.tolist())) == 3
    for row in range(64):
        torch.testing.assert_close(y[row], hard.branches[branch[row]](X[row]), rtol=0, atol=1e-14)
    y.sum().backward()
    soft(X).sum().backward()
    torch.testing.assert_close(hard.gate.linear.weight.grad, soft.gate.linear.weight.grad)
    twin = nn.Linear(3, 2).double()
    twin.load_state_dict(hard.branches[1].linear.state_dict())
    twin(X[branch == 1]).sum().backward()
    torch.testing.assert_close(hard.branches[1].linear.weight.grad, twin.weight.grad)


@pytest.mark.parametrize("confidence", [0.0, 0.52, 0.56, 1.0])
def test_rows_that_leave_early_cost_nothing_more(confidence):
    spec = {"brick": "early_exit", "stages": [MLP, MLP, MLP], "confidence": confidence}
    net = build(spec, in_dim=3, num_classes=2, seed=3).double()
    rows = []
    for stage in net.stages:
        stage.register_forward_hook(lambda module, args, out: rows.append(len(out)))
    logits, depth = net(X)
    rows.clear()
    again, same = net.infer(X)
    torch.testing.assert_close(again, logits, rtol=0, atol=1e-14)
    assert torch.equal(same, depth)
    assert rows == [n for n in ((depth >= k).sum().item() for k in (1, 2, 3)) if n]
    for row, every in enumerate(net.every(X).softmax(-1).amax(-1).tolist()):
        assert depth[row].item() == next((k for k, p in enumerate(every, 1) if p >= confidence), 3)
    if 0 < confidence < 1:
        assert len(set(depth.tolist())) > 1


def test_mistakes():
    for spec in ({"brick": "run_until", "body": MLP, "most": 0}, {"brick": "select", "branches": [MLP]},
                 {"brick": "early_exit", "stages": [], "num_classes": 2}):  # fmt: skip
        with pytest.raises(ConfigError, match=r"most|branches|stage"):
            build(spec, in_dim=3, out_dim=2)
