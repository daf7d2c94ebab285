"""What a network takes by a weaver configuration, as columns of jets: which groups are meant, and the way back.

What a network takes becomes a column of the constituents under the name of the input, transformed as the configuration
says but not padded, so that every model of ours may take it, whole or through a tree.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.data.features import JetView
from jetlego.data.jets import Jets
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.frame import Frame, Jagged
from jetlego.data.weaver.inputs import Group
from jetlego.data.weaver.labels import SIMPLE_LABEL, LabelSpec
from jetlego.data.weaver.plan import Plan
from jetlego.data.weaver.tensors import Chunk, new_tally
from jetlego.errors import ConfigError, DataError

PREFIX = "input:"
"""Of the columns that hold inputs, so that none is taken for the quantity of that name."""

_VECTORS, _FEATURES, _ASIDE = "vectors", "features", ("points", "mask", "vectors")


def feature_group(config: WeaverConfig) -> Group:
    """Return the group that a model takes as features of constituents.

    It is the one whose name ends in ``features``, else the only one of constituents beside points, mask and vectors.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` if there is none, or more than one could be meant.
    """
    rows = [group for group in config.groups if group.length is not None]
    found = [group for group in rows if group.name.endswith(_FEATURES)]
    found = found or [group for group in rows if not group.name.endswith(_ASIDE)]
    if len(found) != 1:
        names = ", ".join(group.name for group in config.groups)
        what = f"{config.path}: {len(found)} groups of inputs could be the features of constituents ({names})"
        raise ConfigError("BAD-VALUE", what, "let the name of one end in 'features'")
    return found[0]


def vector_group(config: WeaverConfig) -> Group | None:
    """Return the group of four-momenta, whose name ends in ``vectors``; None if there is none.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` unless it holds px, py, pz and energy in this order, as they are.
    """
    found = next((g for g in config.groups if g.length is not None and g.name.endswith(_VECTORS)), None)
    if found is None:
        return None
    if len(found.variables) != 4 or any(config.parameters[name].center is not None for name in found.variables):
        what = f"{config.path}: group '{found.name}' holds {', '.join(found.variables)}"
        raise ConfigError("BAD-VALUE", what, "four-momenta are px, py, pz, energy, each with center null")
    return found


def input_names(config: WeaverConfig) -> tuple[str, ...]:
    """Return the names of the columns that hold the inputs."""
    return tuple(PREFIX + name for name in feature_group(config).variables)


def inputs_of(jets: Jets, config: WeaverConfig) -> FloatArray:
    """Return (P, F) float32, the inputs of jets that were read through a weaver configuration."""
    columns = [jets.constituents[name] for name in input_names(config)]
    return np.stack(columns, axis=1).astype(np.float32, copy=False)


def with_inputs(jets: Jets, config: WeaverConfig) -> Jets:
    """Return jets with the inputs as columns; those that were read in another way get them from their own columns.

    The jets are all kept, without selection, and their truth stays as it is. Rows longer than an input are cut.
    """
    if all(name in jets.constituents for name in input_names(config)):
        return jets
    blind = without_truth(config)
    view, plan, frame = JetView(jets), Plan(replace(blind, test_selection=None), "predict"), Frame(jets.num_jets)
    for name in plan.branches:
        values = np.asarray(view[name])
        values = values.astype(np.float32) if values.dtype.kind == "f" else values
        frame.add(name, Jagged(jets.jet_ptr, values) if view.level(name) == "constituent" else values)
    made = as_jets(blind, Chunk(plan, plan.selected(frame), new_tally(plan)), dict(jets.jet), jets.weight)
    return replace(made, label=jets.label, classes=jets.classes)


def without_truth(config: WeaverConfig) -> WeaverConfig:
    """Return a configuration that asks for no labels, observers or monitors: inputs alone."""
    options = {**config.options, "observers": [], "monitor_variables": []}
    return replace(config, options=options, label_spec=LabelSpec(simple=False, columns={}))


def as_jets(
    config: WeaverConfig, chunk: Chunk, jet: dict[str, np.ndarray], weight: FloatArray | None
) -> Jets:  # fmt: skip
    """Return a transformed chunk as jets: momenta from the vectors, inputs as columns, momenta of 0 without vectors."""
    group, vectors = feature_group(config), vector_group(config)
    jet_ptr, features = chunk.columns(group)
    p4 = np.zeros((features.shape[1], 4))
    if vectors is not None:
        found_ptr, found = chunk.columns(vectors)
        if not np.array_equal(found_ptr, jet_ptr):
            what = f"groups '{vectors.name}' and '{group.name}' have rows of different lengths"
            raise DataError("RAGGED-MISMATCH", what)
        p4 = found.T.astype(np.float64, order="C")
    columns = dict(zip(input_names(config), features, strict=True))
    known = chunk.labels.get(SIMPLE_LABEL)
    label = None if known is None else known.astype(np.int64)
    return Jets(p4, jet_ptr, columns, jet, label, config.label_spec.class_names, weight)
