"""The expert assemblies: real jets go in, every output comes out, the order of constituents does not matter."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jetlego.bricks.build import spec_of
from jetlego.cli.app import app
from jetlego.cli.outcome import run_safely
from jetlego.models.many_heads import ManyHeads
from jetlego.training.load_config import load_config
from jetlego.training.recipe import Recipe, build_meta, build_model
from jetlego.training.run import load_run
from jetlego.training.splits import read_labeled

FOLDER = Path(__file__).parents[2] / "configs" / "expert"
CONFIGS = sorted(FOLDER.glob("*_jet.yaml"))


@pytest.fixture(scope="module")
def few_jets():
    config = load_config(CONFIGS[0])
    jets = read_labeled(["sample://top/val", "sample://qcd/val"], config.data)
    return jets.select(np.r_[0:4, jets.num_jets - 4 : jets.num_jets])


@pytest.mark.filterwarnings("ignore:.*is constant")  # among so few jets
@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_config_builds_and_learns_from_a_step(path, few_jets):
    config = load_config(path)
    assert spec_of(build_meta(config)) == config.model
    recipe, store = Recipe.fit_apply(config, few_jets)
    batch = store.batch(np.arange(8))
    model = build_model(config, recipe).train()
    torch.nn.functional.cross_entropy(model(batch), batch.label).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients) > 0
    alone = model.eval()(store.batch([3]))
    torch.testing.assert_close(model(batch)[3:4], alone, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_what_pairs_have_in_common_is_told_better_than_without_a_look(tmp_path):
    path = FOLDER / "alphafold_jet.yaml"
    words = ["data.max_jets=1600", "training.epochs=2", "training.batch_size=32", "training.optimizer.lr=3e-3",
             "training.threads=1", "evaluation.bootstrap=2"]  # fmt: skip
    assert run_safely(app, ["train", str(path), *words, "--out", str(tmp_path / "run")]) == 0
    run = load_run(tmp_path / "run")
    jets = read_labeled(["sample://top/test", "sample://qcd/test"], run.config.data)
    store = run.recipe.apply(jets.select(np.arange(0, jets.num_jets, 6)))
    kept = {name: ([], []) for name in ("lca", "together")}
    for rows in np.array_split(np.arange(store.num_jets), 10):
        batch = store.batch(rows)
        with torch.no_grad():
            found = run.model.eval().heads(batch, tuple(kept))
        for name, logits in found.items():
            target, mask = run.model.targets[name](batch, logits)
            pair = mask & ~torch.eye(mask.shape[-1], dtype=torch.bool)
            kept[name][0].append((logits.movedim(1, -1) if name == "lca" else logits)[pair])
            kept[name][1].append(target[pair])
    logits, target = (torch.cat(part) for part in kept["lca"])
    share = torch.bincount(target, minlength=16) / len(target)  # the best answer that does not look
    assert (logits.argmax(1) == target).double().mean() > share.max() + 0.05
    assert torch.nn.functional.cross_entropy(logits, target) < torch.special.entr(share).sum() - 0.25
    logits, target = (torch.cat(part) for part in kept["together"])
    share = torch.stack([target.mean(), 1 - target.mean()])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    assert loss < 0.9 * torch.special.entr(share).sum()


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_config_trains_from_the_terminal(path, tmp_path, capsys):
    words = ["training.epochs=2", "data.max_jets=1000", "evaluation.bootstrap=2", "training.threads=1"]
    code = run_safely(app, ["train", str(path), *words, "--out", str(tmp_path / "run")])
    assert code == 0, capsys.readouterr().err
    assert 0.5 < load_run(tmp_path / "run").metrics()["test"]["auc"] <= 1.0


FULL = {
    "alphafold_jet_full": (546_141, {"lca": (3, 32, 64, 64), "together": (3, 1, 64, 64), "vertex": (3, 64, 3)}),
    "alphastar_jet_full": (3_432_106, {"mass": (3, 16), "cell": (3, 1, 32, 32), "worth": (3, 1)}),
    "hydra_jet_full": (1_673_243, {"mass": (3, 2), "soft": (3, 1, 64, 64), "prongs": (3, 1, 32, 32)}),
}
"""Design sizes: parameters, and shapes of outputs for three jets (cut at 64 constituents, or padded to the largest)."""


def test_the_design_sizes_have_so_many_parameters():
    for name, (count, _) in FULL.items():
        config = load_config(FOLDER / f"{name}.yaml")
        assert sum(p.numel() for p in build_meta(config).parameters()) == count, name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is constant")
@pytest.mark.parametrize("name", FULL)
def test_the_design_sizes_learn_from_a_step(name, few_jets):
    config = load_config(FOLDER / f"{name}.yaml")
    recipe, store = Recipe.fit_apply(config, few_jets)
    counts = np.diff(store.jet_ptr)
    batch = store.batch(np.argsort(-counts)[:3])
    model = build_model(config, recipe).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = [p.detach().clone() for p in model.parameters()]
    torch.nn.functional.cross_entropy(model(batch), batch.label).backward()
    optimizer.step()
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    body = model.body if isinstance(model, ManyHeads) else model
    with torch.no_grad():
        streams = body.eval().streams(batch, wanted=tuple(FULL[name][1]))
    for output, shape in FULL[name][1].items():
        shape = tuple(min(n, int(counts.max())) if n == 64 and name.startswith("alphafold") else n for n in shape)
        assert tuple(streams[output].value.shape) == shape, output
