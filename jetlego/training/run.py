"""A finished run: its configuration, its fitted preprocessing and its best weights, ready for other jets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jetlego.data.jets import Jets
from jetlego.data.yaml_reader import read_yaml
from jetlego.errors import DataError
from jetlego.training.checkpoint import CheckpointStore
from jetlego.training.config import RunConfig
from jetlego.training.load_config import parse_config
from jetlego.training.recipe import Recipe, build_model
from jetlego.training.sources import Origin
from jetlego.training.task import predict_logits, softmax


@dataclass(frozen=True)
class Run:
    """A trained tagger.

    Attributes
    ----------
    folder
        The run folder.
    config
        Its resolved configuration.
    recipe
        Structure and fitted scaling: raw jets in, what the model takes out.
    model
        Best weights, in evaluation mode.
    """

    folder: Path
    config: RunConfig
    recipe: Recipe
    model: torch.nn.Module

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the scores."""
        return tuple(self.config.data.classes)

    @property
    def origin(self) -> Origin:
        """How the run's files were read, for others of their kind."""
        return Origin(self.config.data, self.recipe.weaver)

    def predict(self, jets: Jets, *, device: str = "cpu") -> np.ndarray:
        """Return the class scores of each jet, (B, K) float64 in the jets' order; rows sum to one."""
        return softmax(self.predict_logits(jets, device=device))

    def predict_logits(self, jets: Jets, *, device: str = "cpu") -> np.ndarray:
        """Return the logits of each jet, (B, K) float32 in the jets' order."""
        if jets.num_jets == 0:
            return np.zeros((0, len(self.classes)), np.float32)
        store = self.recipe.apply(jets)
        model = self.model.to(device)
        return predict_logits(model, store, batch_size=self.config.training.eval_batch_size, device=device)

    def metrics(self) -> dict[str, Any]:
        """Return ``metrics.json`` as plain data."""
        return json.loads((self.folder / "metrics.json").read_text())

    def history(self) -> list[dict[str, Any]]:
        """Return the epochs of ``log.jsonl``."""
        return [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]


def load_run(folder: str | Path) -> Run:
    """Open a run folder with the weights of its best epoch.

    Raises
    ------
    DataError
        ``NOT-A-RUN`` if the folder holds no finished epoch.
    """
    folder = Path(folder)
    if not (folder / "config.yaml").exists():
        raise DataError("NOT-A-RUN", f"{folder} holds no config.yaml", "give the folder that jetlego train wrote")
    config = parse_config(read_yaml(folder / "config.yaml").data)
    store = CheckpointStore(folder / "checkpoints")
    checkpoint = store.best() or store.latest()
    if checkpoint is None:
        raise DataError("NOT-A-RUN", f"{folder} has no checkpoint yet", "train it first")
    recipe = Recipe.from_dict(json.loads((folder / "preprocessing.json").read_text()), config)
    model = build_model(config, recipe)
    model.load_state_dict(checkpoint.weights())
    return Run(folder, config, recipe, model.eval())
