"""How raw jets become what a model takes: structure and features, with scaling fitted on the training split alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from jetlego.bricks.build import build
from jetlego.clustering.frames import recnn_frame
from jetlego.data.features import constituent_features
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError
from jetlego.structures.node_features import feature_names
from jetlego.structures.scaler import NodeScaler
from jetlego.structures.store import JetStore, TreeSpec, prepare
from jetlego.training.config import RunConfig, TreeConfig
from jetlego.training.weights import class_weights


@dataclass(frozen=True)
class Recipe:
    """A fitted preparation.

    Attributes
    ----------
    config
        The run's configuration.
    scalers
        Fitted scaling of each tree's node features.
    sizes
        What ``build`` needs to know of the data: ``in_dim``, ``node_dim``, ``num_classes``.
    """

    config: RunConfig
    scalers: dict[str, NodeScaler]
    sizes: dict[str, Any]

    @classmethod
    def fit_apply(cls, config: RunConfig, jets: Jets) -> tuple[Recipe, JetStore]:
        """Fit the scaling on training jets; return the recipe and these jets prepared, with their training weights."""
        store = _prepare(config, jets, scalers=None)
        recipe = cls(config, dict(store.scalers), {**store.sizes, "num_classes": len(config.data.classes)})
        return recipe, replace(store, weight=class_weights(config.data, jets))

    def apply(self, jets: Jets) -> JetStore:
        """Return jets prepared for the model, in their order."""
        return _prepare(self.config, jets, scalers=self.scalers)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``preprocessing.json``."""
        return {"scalers": {name: scaler.to_dict() for name, scaler in self.scalers.items()}, "sizes": self.sizes}

    @classmethod
    def from_dict(cls, data: dict[str, Any], config: RunConfig) -> Recipe:
        """Read back what :meth:`to_dict` wrote."""
        scalers = {name: NodeScaler.from_dict(part) for name, part in data["scalers"].items()}
        return cls(config, scalers, dict(data["sizes"]))


def build_model(config: RunConfig, recipe: Recipe) -> torch.nn.Module:
    """Build the configured network with the sizes that the data decide, started from the run's seed."""
    return build({"model": config.model}, seed=config.training.seed, **recipe.sizes)


def build_meta(config: RunConfig) -> torch.nn.Module:
    """Build the configured network from the configuration alone, shapes without memory: what ``jetlego show`` draws."""
    sizes: dict[str, Any] = {"num_classes": len(config.data.classes)}
    trees = config.structure.named_trees
    if trees:
        widths = {name: len(feature_names(_node_features(config, tree))) for name, tree in trees.items()}
        first = next(iter(trees))
        sizes |= {"node_dims": widths, "node_dim": widths[first], "in_dim": widths[first]}
        if trees[first].pairs:
            sizes["pair_dim"] = len(feature_names(trees[first].pairs))
    else:
        jets = Jets(p4=np.zeros((0, 4)), jet_ptr=np.zeros(1, np.int64), constituents={}, jet={})
        sizes["in_dim"] = constituent_features(jets, config.data.features).shape[1]
    with torch.device("meta"):
        return build({"model": config.model}, **sizes)


def _node_features(config: RunConfig, tree: TreeConfig) -> str | list[str]:
    return config.data.features if tree.features is None else tree.features


def _prepare(config: RunConfig, jets: Jets, *, scalers: dict[str, NodeScaler] | None) -> JetStore:
    trees = config.structure.named_trees
    if not trees:
        features = constituent_features(jets, config.data.features)
        return prepare(jets, constituent_features=features, keep_p4=True)
    frames = {tree.frame for tree in trees.values()}
    if len(frames) > 1:
        raise ConfigError("BAD-VALUE", f"trees in different frames: {', '.join(sorted(frames))}", "give all one frame")
    if frames == {"recnn"}:
        jets = replace(jets, p4=recnn_frame(jets.p4, jets.jet_ptr)[0])
    specs = {
        name: TreeSpec(
            algorithm=tree.algorithm,
            order=tree.order,
            features=_node_features(config, tree),
            scaler=tree.scaler,
            pairs=tree.pairs,
        )
        for name, tree in trees.items()
    }
    return prepare(jets, trees=specs, scalers=scalers, threads=config.training.threads)
