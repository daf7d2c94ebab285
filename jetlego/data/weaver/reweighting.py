"""The ``weights`` of a weaver configuration: sampling weights, precomputed or flat in two variables."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jetlego.data.expressions import Expression, parse_expression
from jetlego.data.weaver.faults import Faults
from jetlego.data.weights import Method
from jetlego.errors import ConfigError

_KEYS = (
    "use_precomputed_weights", "weight_branches", "reweight_method", "reweight_vars", "reweight_classes",
    "class_weights", "reweight_threshold", "reweight_discard_under_overflow", "reweight_basewgt", "reweight_hists",
    "use", "validation_resample",
)  # fmt: skip


@dataclass(frozen=True)
class WeightSpec:
    """How jets are weighted for sampling.

    Parameters
    ----------
    branches
        Columns whose product is the weight; empty for histogram reweighting.
    method
        ``"flat"`` or ``"ref"``.
    variables
        {name: bin edges}, exactly two.
    classes
        0/1 columns of the classes.
    class_weights
        Wanted relative yield of each class.
    threshold
        Percentile at which weights are cut off.
    discard_outside
        Jets outside the bins get weight 0, instead of the weight of the nearest bin.
    base
        Expression of a weight that multiplies the table's.
    histograms
        Table from an earlier run, {class: rows of x bins}; None if still to be made.
    for_loss
        The weights go into the loss instead of into a random selection (``use: loss``, ours).
    validate_too
        Validation jets are selected at random too, as weaver does (``validation_resample: true``, ours).
    """

    branches: tuple[str, ...] = ()
    method: Method = "flat"
    variables: tuple[tuple[str, tuple[float, ...]], ...] = ()
    classes: tuple[str, ...] = ()
    class_weights: tuple[float, ...] = ()
    threshold: float = 10.0
    discard_outside: bool = True
    base: Expression | None = None
    histograms: dict[str, list[list[float]]] | None = None
    for_loss: bool = False
    validate_too: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that the weight needs."""
        base = () if self.base is None else self.base.names
        return (*self.branches, *(name for name, _ in self.variables), *self.classes, *base)


def read_weights(weights: Any, faults: Faults) -> WeightSpec | None:
    """Return the sampling weights of a configuration, None if it has none."""
    if weights is None:
        return None
    path = ("weights",)
    if not isinstance(weights, dict) or not isinstance(weights.get("use_precomputed_weights"), bool):
        faults.add(path, "'weights' needs 'use_precomputed_weights', true or false")
        return None
    faults.unknown_keys(path, weights, _KEYS)
    if weights["use_precomputed_weights"]:
        branches = weights.get("weight_branches")
        if not isinstance(branches, list) or not branches:
            faults.add(path, "weights.weight_branches must be a list of columns")
            return None
        return _with_ours(WeightSpec(branches=tuple(map(str, branches))), weights, faults)
    return _with_ours(_read_histogram_weights(weights, faults), weights, faults)


def _read_histogram_weights(weights: Mapping[str, Any], faults: Faults) -> WeightSpec:
    method, variables, classes = (weights.get(f"reweight_{key}") for key in ("method", "vars", "classes"))
    if method not in ("flat", "ref"):
        faults.add(("weights", "reweight_method"), f"weights.reweight_method {method!r} is neither 'flat' nor 'ref'")
    if not isinstance(variables, dict) or len(variables) != 2 or not all(map(_are_edges, variables.values())):
        faults.add(("weights", "reweight_vars"), "weights.reweight_vars must be two variables with ascending bin edges")
        variables = {}
    if not isinstance(classes, list) or not classes:
        faults.add(("weights", "reweight_classes"), "weights.reweight_classes must be a list of 0/1 columns")
        classes = []
    wanted = weights.get("class_weights") or [1] * len(classes)
    if len(wanted) != len(classes):
        faults.add(("weights", "class_weights"), f"{len(wanted)} class_weights for {len(classes)} reweight_classes")
    base = _read_base(weights.get("reweight_basewgt"), faults)
    return WeightSpec(
        method="ref" if method == "ref" else "flat",
        variables=tuple((name, tuple(map(float, edges))) for name, edges in variables.items()),
        classes=tuple(map(str, classes)),
        class_weights=tuple(map(float, wanted)),
        threshold=float(weights.get("reweight_threshold", 10)),
        discard_outside=bool(weights.get("reweight_discard_under_overflow", True)),
        base=base,
        histograms=weights.get("reweight_hists"),
    )


def _with_ours(spec: WeightSpec, weights: Mapping[str, Any], faults: Faults) -> WeightSpec:
    """Add the options that are ours."""
    use, validate_too = weights.get("use", "sampling"), weights.get("validation_resample", False)
    if use not in ("sampling", "loss"):
        faults.add(("weights", "use"), f"weights.use {use!r} is neither 'sampling' nor 'loss'")
    if not isinstance(validate_too, bool):
        faults.add(("weights", "validation_resample"), "weights.validation_resample must be true or false")
    return replace(spec, for_loss=use == "loss", validate_too=validate_too is True)


def _read_base(text: Any, faults: Faults) -> Expression | None:
    if text is None or text == "":
        return None
    try:
        return parse_expression(str(text), where=faults.document.where(("weights", "reweight_basewgt")))
    except ConfigError as error:
        faults.add_error(error)
        return None


def _are_edges(edges: Any) -> bool:
    if not isinstance(edges, list) or len(edges) < 2 or not all(isinstance(e, int | float) for e in edges):
        return False
    return all(a < b for a, b in itertools.pairwise(edges))
