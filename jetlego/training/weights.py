"""The weight of each training jet in the loss."""

from __future__ import annotations

import numpy as np

from jetlego.data.jets import Jets
from jetlego.physics.kinematics import pt
from jetlego.training.config import DataConfig

_NUM_BINS = 50


def class_weights(config: DataConfig, jets: Jets) -> np.ndarray | None:
    """Return (B,) float32 training weights of mean one: the file's own, times what flattens pT if asked for.

    With ``flatten_pt`` every class gets the same, flat pT spectrum over the range that the classes share, in 50 bins
    (Louppe et al., arXiv:1702.00748, evaluate with the same weights); jets outside the shared range get weight 0.
    """
    if not config.flatten_pt:
        return jets.weight
    weight = np.ones(jets.num_jets) if jets.weight is None else jets.weight.astype(np.float64)
    jet_pt = jets.jet["jet_pt"] if "jet_pt" in jets.jet else pt(_jet_p4(jets))
    members = [jets.label == k for k in range(len(config.classes))]
    low, high = max(jet_pt[m].min() for m in members), min(jet_pt[m].max() for m in members)
    bins = np.clip(((jet_pt - low) / (high - low) * _NUM_BINS).astype(int), 0, _NUM_BINS - 1)
    out = np.zeros(jets.num_jets)
    inside = (jet_pt >= low) & (jet_pt <= high)
    for member in members:
        chosen = member & inside
        content = np.bincount(bins[chosen], weight[chosen], _NUM_BINS)
        out[chosen] = weight[chosen] / content[bins[chosen]]
    return (out / out[inside].mean()).astype(np.float32)


def _jet_p4(jets: Jets) -> np.ndarray:
    rows = np.repeat(np.arange(jets.num_jets), np.diff(jets.jet_ptr))
    return np.stack([np.bincount(rows, jets.p4[:, k], jets.num_jets) for k in range(4)], axis=1)
