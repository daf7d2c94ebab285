"""The weight of each training jet in the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlego.data.expressions import parse_expression
from jetlego.data.features import JetView
from jetlego.data.features.derived import evaluate_on_view
from jetlego.data.jets import Jets
from jetlego.data.weights import WeightTable, bins_of, fit_weights
from jetlego.errors import DataError
from jetlego.training.config import DataConfig


@dataclass(frozen=True)
class TrainingWeights:
    """Weights that follow from a jet's class and one or two of its variables, fitted on training jets.

    Parameters
    ----------
    table
        By class and one or two variables; None for the weights of the files alone, if there are any.
    scale
        What makes the mean weight of the fitted jets one.
    """

    table: WeightTable | None = None
    scale: float = 1.0

    @classmethod
    def fit(cls, config: DataConfig, jets: Jets) -> TrainingWeights:
        """Return the weights that a configuration asks for.

        With ``flatten`` every class gets the same spectrum over the bins, whose edges default to the range that the
        classes share (Louppe et al., arXiv:1702.00748, evaluate with such weights in 50 bins of pT, which is what
        ``flatten_pt`` does); jets outside get weight 0.
        """
        wanted = config.flattening
        if wanted is None:
            return cls()
        if jets.label is None:
            raise DataError("LABELS", "flatten needs jets of known class")
        values = [weight_column(jets, name) for name in wanted.columns]
        edges = [
            np.asarray(bins) if isinstance(bins, list) else _shared_edges(name, value, jets.label, bins, config)
            for name, value, bins in zip(wanted.columns, values, wanted.bins, strict=True)
        ]
        base = None if jets.weight is None else jets.weight.astype(np.float64)
        shares = [wanted.shares.get(name, 1.0) for name in config.classes]
        table = fit_weights(
            dict(zip(wanted.columns, values, strict=True)), jets.label, num_classes=len(config.classes),
            edges=dict(zip(wanted.columns, edges, strict=True)), method=wanted.method, threshold=wanted.threshold,
            class_weights=shares, base=base,
        )  # fmt: skip
        weight = cls(table).apply(jets)
        assert weight is not None
        _, inside = bins_of(values, table.edges)
        return cls(table, 1.0 / float(weight[inside].mean(dtype=np.float64)))

    def apply(self, jets: Jets) -> np.ndarray | None:
        """Return (B,) float32 weights, the file's own times those of the table; None for all equal."""
        if self.table is None or jets.label is None:
            return jets.weight
        values = [weight_column(jets, name) for name in self.table.names]
        weight = self.table.weights(values, jets.label).astype(np.float64) * self.scale
        return (weight if jets.weight is None else weight * jets.weight).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``preprocessing.json``."""
        if self.table is None:
            return {}
        edges = {name: edge.tolist() for name, edge in zip(self.table.names, self.table.edges, strict=True)}
        return {"edges": edges, "table": self.table.table.tolist(), "scale": self.scale}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainingWeights:
        """Read back what :meth:`to_dict` wrote, or its form of one variable, which was pT."""
        if not data:
            return cls()
        edges = data["edges"] if isinstance(data["edges"], dict) else {"jet_pt": data["edges"]}
        bins = tuple(np.asarray(edge, np.float64) for edge in edges.values())
        return cls(WeightTable(tuple(edges), bins, np.asarray(data["table"], np.float32)), float(data["scale"]))


def weight_column(jets: Jets, name: str) -> np.ndarray:
    """Return (B,) float64, a column of jets or an expression of columns.

    Raises
    ------
    DataError
        ``NO-BRANCH`` for an unknown name, with the nearest ones.
    ConfigError
        ``EXPR-SHAPE`` for a value of each constituent.
    """
    expression = parse_expression(name, where="data.flatten.columns")
    level, values = evaluate_on_view(JetView(jets), expression)
    if level != "jet":
        raise expression.source.fault("EXPR-SHAPE", "gives a value for each constituent", "one a jet is needed")
    return np.asarray(values, np.float64)


def _shared_edges(name: str, values: np.ndarray, label: np.ndarray, bins: int, config: DataConfig) -> np.ndarray:
    """Return the edges of equal bins over the range that all classes share."""
    members = [values[label == k] for k in range(len(config.classes))]
    members = [m[np.isfinite(m)] for m in members if len(m)]
    low, high = max(m.min(initial=np.inf) for m in members), min(m.max(initial=-np.inf) for m in members)
    if not low < high:
        raise DataError("WEIGHTS", f"the classes share no range of {name}: it would run from {low} to {high}")
    return np.linspace(low, high, bins + 1)
