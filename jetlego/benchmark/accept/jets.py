"""Tasks on the embedded jets: assemblies whose bricks are proven by what they make of jets."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from jetlego.benchmark.accept.registry import task
from jetlego.training.config import RunConfig
from jetlego.training.train import train

_SPLITS = {split: [f"sample://{kind}/{split}" for kind in ("top", "qcd")] for split in ("train", "val", "test")}


@task("edgeconv", published=None, gate=">= 0.93", minutes=4, figure="AUC", bricks=["edgeconv", "particle_net_lite"],
      source="none on these jets, whose soft-drop mass alone has 0.852; arXiv:1902.08570 on others 0.9844")  # fmt: skip
def learn_neighbourhoods(seed: int) -> float:
    """AUC of top against QCD on the embedded test jets by ParticleNet-Lite, momenta alone, three minutes to learn."""
    return tagger_auc({"brick": "particle_net_lite"}, seed, minutes=3.0)


def tagger_auc(model: dict[str, Any], seed: int, *, minutes: float) -> float:
    """Return the test AUC of a tagger of constituents trained on the embedded jets for so many CPU minutes."""
    config = RunConfig.model_validate(
        {
            "data": {"schema": "jetclass", **_SPLITS, "classes": {"top": "label_Tbqq", "qcd": "label_QCD"}},
            "model": model,
            "training": {"minutes": minutes, "batch_size": 128, "seed": seed,
                         "optimizer": {"name": "adamw", "lr": 3e-3, "weight_decay": 0.01}},
            "evaluation": {"bootstrap": 2},
        }
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        run = train(config, Path(folder) / "run")
        assert run is not None, "one process is one rank"
        return float(run.metrics()["test"]["auc"])
