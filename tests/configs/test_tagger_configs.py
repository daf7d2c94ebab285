"""Every shipped tagger is read, builds in no time, takes real jets, and trains from the terminal."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jetlego.bricks.build import spec_of
from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.training.load_config import load_config
from jetlego.training.recipe import Recipe, build_meta, build_model
from jetlego.training.run import load_run
from jetlego.training.splits import read_labeled

FOLDER = Path(__file__).parents[2] / "configs" / "taggers"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
BIG = {"particle_net", "particle_transformer"}
"""Minutes rather than seconds on a CPU."""
HEAVY = {*BIG, "jedi_net"}


@pytest.fixture(scope="module")
def few_jets():
    config = load_config(FOLDER / "pfn.yaml")
    jets = read_labeled(["sample://top/val", "sample://qcd/val"], config.data)
    return jets.select(np.r_[0:4, jets.num_jets - 4 : jets.num_jets])


@pytest.mark.filterwarnings("ignore:.*is constant")  # among so few jets
@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_config_builds_and_gives_logits(path, few_jets):
    config = load_config(path)
    assert spec_of(build_meta(config)) == config.model
    if path.stem in BIG:
        return
    recipe, store = Recipe.fit_apply(config, few_jets)
    batch = store.batch(np.arange(8))
    model = build_model(config, recipe).train()
    loss = torch.nn.functional.cross_entropy(model(batch), batch.label)
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients) > 0


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_config_trains_from_the_terminal(path, tmp_path, capsys):
    jets = 64 if path.stem in HEAVY else 400
    words = ["training.epochs=2", "training.batch_size=32", "training.threads=1", f"data.max_jets={jets}"]
    code = run_safely(app, ["train", str(path), *words, "evaluation.bootstrap=2", "--out", str(tmp_path / "run")])
    assert code == 0, capsys.readouterr().err
    run = load_run(tmp_path / "run")
    assert [row["step"] for row in run.history()] == [jets // 32, 2 * (jets // 32)]
    assert run.metrics()["test"]["loss"] < 3.0
    assert path.stem in HEAVY or run.metrics()["test"]["auc"] > 0.5
    assert (tmp_path / "run" / "report.html").exists()


def test_there_are_configs():
    assert len(CONFIGS) >= 10
