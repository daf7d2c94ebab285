"""What the three vehicles learn from: leading constituents, what soft drop keeps, and the order of splittings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jetlego.benchmark.splittings import splitting_order
from jetlego.bricks.pairs import lund_pair
from jetlego.clustering.cluster import cluster
from jetlego.clustering.packed import offsets_of
from jetlego.clustering.soft_drop import softdrop
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.features import constituent_features
from jetlego.data.jets import Jets
from jetlego.errors import DataError

LEADING, SPLITTINGS = 32, 6
"""Most constituents of a jet, and most splittings, that the vehicles see."""


@dataclass(frozen=True)
class VehicleJets:
    """Padded jets: features x (B, N, 7), p4 (B, N, 4), mask (B, N), label (B,), 1 for QCD, kept (B, N) bool, share of
    the jet's pT (B, N), order of splittings (B, T)."""

    x: Tensor
    p4: Tensor
    mask: Tensor
    label: Tensor
    kept: Tensor
    share: Tensor
    order: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Any) -> VehicleJets:
        """Return some of the jets."""
        chosen = torch.as_tensor(rows)
        return VehicleJets(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def inputs(self) -> dict[str, Tensor]:
        """Return what every vehicle is fed: features, and Lund variables of pairs in units of five."""
        lund = lund_pair(self.p4.unsqueeze(2), self.p4.unsqueeze(1), floor=1e-4) / 5
        return {"x": self.x, "mask": self.mask, "lund": lund, "lund_mask": self.mask}

    @classmethod
    def of(cls, jets: Jets, *, z_cut: float = 0.1, kt_cut: float = 5.0) -> VehicleJets:
        """Return jets with their leading constituents, what soft drop (beta = 0) keeps of these, and their splittings.

        Splittings are those of the harder branch of the kt tree with kt above ``kt_cut`` GeV, each told by the hardest
        constituent of its softer side.
        """
        if jets.label is None or "QCD" not in jets.classes:
            raise DataError("NO-LABEL", "the vehicles learn from labelled jets of which one class is QCD")
        background = jets.classes.index("QCD")
        rows, ptr = _leading(jets)
        p4 = jets.p4[rows]
        features = constituent_features(jets, "kin")[rows]
        features = (features - features.mean(0)) / np.maximum(features.std(0), 1e-6)
        aachen = cluster(p4, ptr, algorithm="cambridge_aachen")
        kept = np.zeros(len(p4), bool)
        kept[softdrop(aachen, z_cut=z_cut).kept_leaf] = True
        order = splitting_order(cluster(p4, ptr, algorithm="kt"), kt_cut=kt_cut, most=SPLITTINGS)
        pt = np.hypot(p4[:, 0], p4[:, 1])
        mask = np.arange(LEADING) < np.diff(ptr)[:, None]
        total = torch.from_numpy(np.bincount(np.repeat(np.arange(len(mask)), np.diff(ptr)), pt, len(mask)))
        return cls(
            x=_padded(features, mask),
            p4=_padded(p4, mask),
            mask=torch.from_numpy(mask),
            label=torch.from_numpy((jets.label == background).astype(np.int64)),
            kept=_padded(kept[:, None], mask)[..., 0] > 0,
            share=_padded(pt[:, None], mask)[..., 0] / total.clamp(min=1e-9).unsqueeze(1).float(),
            order=torch.from_numpy(order),
        )


def _leading(jets: Jets) -> tuple[IntArray, IntArray]:
    """Return the rows of the hardest constituents of every jet, hardest first, and their offsets."""
    pt = np.hypot(jets.p4[:, 0], jets.p4[:, 1])
    owner = np.repeat(np.arange(jets.num_jets), np.diff(jets.jet_ptr))
    order = np.lexsort((-pt, owner))
    place = np.arange(len(order)) - jets.jet_ptr[:-1][owner[order]]
    rows = order[place < LEADING]
    return rows, offsets_of(np.minimum(np.diff(jets.jet_ptr), LEADING))


def _padded(values: FloatArray, mask: np.ndarray) -> Tensor:
    out = np.zeros((*mask.shape, values.shape[1]), np.float32)
    out[mask] = values
    return torch.from_numpy(out)
