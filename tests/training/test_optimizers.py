import itertools
import math

import pytest
import torch

from jetlego.training.config import OptimizerConfig, ScheduleConfig
from jetlego.training.optimizers import WeightAverage, learning_rate_factor, make_optimizer


@pytest.mark.parametrize("name", ["constant", "cosine", "one_cycle", "flat_decay"])
def test_the_rate_rises_to_one_and_stays_in_bounds(name):
    config = ScheduleConfig(name=name, warmup=0.2, floor=0.01)
    values = [learning_rate_factor(i / 1000, config) for i in range(1001)]
    assert values[200] == pytest.approx(1.0)
    assert max(values) <= 1.0 + 1e-12
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(values[:201]))
    assert values[-1] == pytest.approx(1.0 if name == "constant" else 0.01)


def test_one_cycle_agrees_with_torch():
    steps, warmup, floor = 200, 0.3, 1e-4
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    # torch counts its last step at progress 1 and its rise up to step warmup * steps - 1
    oracle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=1.0,
        total_steps=steps + 1,
        pct_start=(warmup * steps + 1) / (steps + 1),
        div_factor=1 / floor,
        final_div_factor=1.0,
        cycle_momentum=False,
    )
    config = ScheduleConfig(name="one_cycle", warmup=warmup, floor=floor)
    for step in range(steps + 1):
        assert learning_rate_factor(step / steps, config) == pytest.approx(oracle.get_last_lr()[0], abs=1e-12)
        if step < steps:
            optimizer.step()
            oracle.step()


def test_decay_spares_biases():
    model = torch.nn.Linear(3, 2)
    groups = make_optimizer(model, OptimizerConfig(weight_decay=0.1)).param_groups
    assert [(g["weight_decay"], [p.ndim for p in g["params"]]) for g in groups] == [(0.1, [2]), (0.0, [1])]


def test_the_average_is_the_recursion_written_out():
    model = torch.nn.Linear(2, 1, bias=False).double()
    average, expected = WeightAverage(model, 0.9), model.weight.detach().clone()
    for n in range(1, 30):
        with torch.no_grad():
            model.weight.add_(torch.randn(1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(n)))
        average.update(model)
        keep = min(0.9, (1 + n) / (10 + n))
        expected = keep * expected + (1 - keep) * model.weight.detach()
    torch.testing.assert_close(average.weights["weight"], expected, rtol=1e-12, atol=0)
    assert math.isclose(keep, 30 / 39)
