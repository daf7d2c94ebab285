"""The weight of each training jet in the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlego.data.jets import Jets
from jetlego.data.weights import WeightTable, fit_weights
from jetlego.errors import DataError
from jetlego.physics import kinematics
from jetlego.training.config import DataConfig

_NUM_BINS = 50
_PT = "jet_pt"


@dataclass(frozen=True)
class TrainingWeights:
    """Weights that follow from a jet's class and pT, fitted on training jets.

    Parameters
    ----------
    table
        By class and pT; None for the weights of the files alone, if there are any.
    scale
        What makes the mean weight of the fitted jets one.
    """

    table: WeightTable | None = None
    scale: float = 1.0

    @classmethod
    def fit(cls, config: DataConfig, jets: Jets) -> TrainingWeights:
        """Return the weights that a configuration asks for.

        With ``flatten_pt`` every class gets the same, flat pT spectrum over the range that the classes share, in 50
        bins (Louppe et al., arXiv:1702.00748, evaluate with the same weights); jets outside get weight 0.
        """
        if not config.flatten_pt:
            return cls()
        if jets.label is None:
            raise DataError("LABELS", "flatten_pt needs jets of known class")
        pt = _jet_pt(jets)
        members = [pt[jets.label == k] for k in range(len(config.classes))]
        low, high = max(m.min() for m in members), min(m.max() for m in members)
        if not low < high:
            raise DataError("WEIGHTS", f"the classes share no range of jet pT: it would run from {low} to {high} GeV")
        edges = {_PT: np.linspace(low, high, _NUM_BINS + 1)}
        base = None if jets.weight is None else jets.weight.astype(np.float64)
        table = fit_weights({_PT: pt}, jets.label, num_classes=len(members), edges=edges, threshold=0.0, base=base)
        weight = cls(table).apply(jets)
        assert weight is not None
        return cls(table, 1.0 / float(weight[(pt >= low) & (pt <= high)].mean(dtype=np.float64)))

    def apply(self, jets: Jets) -> np.ndarray | None:
        """Return (B,) float32 weights, the file's own times those of the table; None for all equal."""
        if self.table is None or jets.label is None:
            return jets.weight
        weight = self.table.weights([_jet_pt(jets)], jets.label).astype(np.float64) * self.scale
        return (weight if jets.weight is None else weight * jets.weight).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``preprocessing.json``."""
        if self.table is None:
            return {}
        return {"edges": self.table.edges[0].tolist(), "table": self.table.table.tolist(), "scale": self.scale}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainingWeights:
        """Read back what :meth:`to_dict` wrote."""
        if not data:
            return cls()
        table = WeightTable((_PT,), (np.asarray(data["edges"]),), np.asarray(data["table"], np.float32))
        return cls(table, float(data["scale"]))


def _jet_pt(jets: Jets) -> np.ndarray:
    stored = jets.jet.get(_PT)
    return np.asarray(kinematics.pt(kinematics.jet_p4(jets.p4, jets.jet_ptr)) if stored is None else stored, np.float64)
