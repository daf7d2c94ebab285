"""Every shipped tagger of constituents is read, builds in no time, and learns from a step."""

from pathlib import Path

import pytest
import torch

from jetlego.bricks.build import build, spec_of
from jetlego.data.features import FEATURE_SETS
from jetlego.testing.jets import tiny_batch
from jetlego.training.load_config import load_config

FOLDER = Path(__file__).parents[2] / "configs" / "taggers"
BIG = {"particle_net", "particle_transformer"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_config_builds_and_steps(path):
    config = load_config(path)
    in_dim = len(FEATURE_SETS[config.data.features])
    with torch.device("meta"):
        shapes = build({"model": config.model}, in_dim=in_dim, num_classes=len(config.data.classes))
    assert spec_of(shapes) == config.model
    if path.stem in BIG:
        return
    model = build({"model": config.model}, seed=1, in_dim=in_dim, num_classes=2)
    jets = tiny_batch([12] * 8 + [3] * 8, in_dim=in_dim)
    search = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        search.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(jets), jets.label)
        loss.backward()
        search.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.8 * losses[0]


def test_there_are_configs():
    assert len(list(FOLDER.glob("*.yaml"))) >= 10
