"""How raw jets become what a model takes: structure and features, with scaling fitted on the training split alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jetlego.bricks.build import build
from jetlego.clustering.frames import recnn_frame
from jetlego.conventions import FloatArray
from jetlego.data.features import constituent_features
from jetlego.data.jets import Jets
from jetlego.data.weaver import WeaverConfig, load_weaver_config, weaver_from_options
from jetlego.data.weaver.as_jets import input_names, inputs_of, vector_group, with_inputs
from jetlego.errors import ConfigError
from jetlego.structures.node_features import feature_names
from jetlego.structures.scaler import NodeScaler
from jetlego.structures.store import JetStore, TreeSpec, prepare
from jetlego.training.config import RunConfig, TreeConfig
from jetlego.training.weights import TrainingWeights


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
    weights
        Weights of training jets.
    weaver
        The weaver configuration that jets are read through, without open numbers; None for other layouts.
    fill
        (F,) medians of the training jets' features, for values that are not finite where they are imputed.
    """

    config: RunConfig
    scalers: dict[str, NodeScaler]
    sizes: dict[str, Any]
    weights: TrainingWeights = field(default_factory=TrainingWeights)
    weaver: WeaverConfig | None = None
    fill: FloatArray | None = None

    @classmethod
    def fit_apply(
        cls, config: RunConfig, jets: Jets, *, weaver: WeaverConfig | None = None
    ) -> tuple[Recipe, JetStore]:
        """Fit scaling and weights on training jets; return the recipe and these jets prepared, with their weights."""
        store = prepared(config, jets, weaver=weaver)
        sizes = {**store.sizes, "num_classes": len(config.data.classes)}
        fill = None
        if config.data.nonfinite == "impute" and store.constituents is not None:
            fill = _medians(store.constituents)
        recipe = cls(config, dict(store.scalers), sizes, TrainingWeights.fit(config.data, jets), weaver, fill)
        return recipe, recipe._imputed(replace(store, weight=recipe.weights.apply(jets)))

    def apply(self, jets: Jets, *, training: bool = False) -> JetStore:
        """Return jets prepared for the model, in their order; ``training`` weighs them as training jets."""
        store = self._imputed(prepared(self.config, jets, scalers=self.scalers, weaver=self.weaver))
        return replace(store, weight=self.weights.apply(jets)) if training else store

    def _imputed(self, store: JetStore) -> JetStore:
        if self.fill is None or store.constituents is None:
            return store
        finite = np.isfinite(store.constituents)
        return replace(store, constituents=np.where(finite, store.constituents, self.fill.astype(np.float32)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``preprocessing.json``."""
        scalers = {name: scaler.to_dict() for name, scaler in self.scalers.items()}
        weaver = None if self.weaver is None else {"path": str(self.weaver.path), "options": self.weaver.options}
        fill = None if self.fill is None else self.fill.tolist()
        return {
            "scalers": scalers, "sizes": self.sizes, "weights": self.weights.to_dict(), "weaver": weaver, "fill": fill
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any], config: RunConfig) -> Recipe:
        """Read back what :meth:`to_dict` wrote."""
        scalers = {name: NodeScaler.from_dict(part) for name, part in data["scalers"].items()}
        weights, given = TrainingWeights.from_dict(data.get("weights", {})), data.get("weaver")
        weaver = None if given is None else weaver_from_options(given["options"], Path(given["path"]))
        fill = None if data.get("fill") is None else np.asarray(data["fill"], np.float64)
        return cls(config, scalers, dict(data["sizes"]), weights, weaver, fill)


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
    elif config.data.weaver is not None:
        sizes["in_dim"] = len(input_names(load_weaver_config(config.data.weaver)))
    else:
        jets = Jets(p4=np.zeros((0, 4)), jet_ptr=np.zeros(1, np.int64), constituents={}, jet={})
        sizes["in_dim"] = constituent_features(jets, config.data.features).shape[1]
    with torch.device("meta"):
        return build({"model": config.model}, **sizes)


def _medians(features: FloatArray) -> FloatArray:
    """Return the (F,) median of the finite values of each feature, 0 where there is none."""
    finite = [column[np.isfinite(column)] for column in features.T]
    return np.array([np.median(column) if len(column) else 0.0 for column in finite])


def _node_features(config: RunConfig, tree: TreeConfig) -> str | list[str]:
    return config.data.features if tree.features is None else tree.features


def prepared(
    config: RunConfig,
    jets: Jets,
    *,
    scalers: dict[str, NodeScaler] | None = None,
    weaver: WeaverConfig | None = None,
) -> JetStore:
    """Return jets with the structure and the features that a configuration asks for; without scalers they are fitted.

    Parameters
    ----------
    weaver
        Whose inputs are the features of constituents, and whose vectors the momenta.
    """
    trees = config.structure.named_trees
    has_p4 = weaver is None or vector_group(weaver) is not None
    if weaver is not None:
        jets = with_inputs(jets, weaver)
    if not trees:
        features = constituent_features(jets, config.data.features) if weaver is None else inputs_of(jets, weaver)
        return prepare(jets, constituent_features=features, keep_p4=has_p4)
    if not has_p4:
        raise ConfigError("NO-P4", "trees need four-momenta, and the weaver configuration has no group 'pf_vectors'")
    frames = {tree.frame for tree in trees.values()}
    if len(frames) > 1:
        raise ConfigError("BAD-VALUE", f"trees in different frames: {', '.join(sorted(frames))}", "give all one frame")
    if frames == {"recnn"}:
        jets = replace(jets, p4=recnn_frame(jets.p4, jets.jet_ptr)[0], merges={})  # theirs are of the lab frame
    specs = {
        name: TreeSpec(
            algorithm=tree.algorithm,
            order=tree.order,
            features=_node_features(config, tree),
            scaler=tree.scaler,
            pairs=tree.pairs,
            targets=tree.targets,
        )
        for name, tree in trees.items()
    }
    return prepare(jets, trees=specs, scalers=scalers, keep_p4=True, threads=config.training.threads)
