"""From packed jets to what the physics pictures show: images and Lund planes by class, one typical jet of each."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.history import History
from jetlego.clustering.lund import primary_plane
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.physics.kinematics import pt
from jetlego.report.plots.jet_image import average_image, relative_constituents
from jetlego.report.plots.lund_plane import lund_density

LARGEST_SAMPLE = 8000
"""Jets that averages are made of, shared by the classes: enough for smooth pictures, clustered in a second."""

IMPACT_SCALE = 0.05
"""Impact parameters in mm are shown as arsinh(d / 0.05 mm): linear about the resolution, logarithmic in the tails."""


def by_class(jets: Jets) -> dict[str, Jets]:
    """Return the first jets of each class that has any with constituents, in the order of the classes."""
    names, label = kinds(jets)
    filled = jets.num_constituents > 0
    most = min(LARGEST_SAMPLE // len(names), LARGEST_SAMPLE // 4)
    members = {name: np.flatnonzero((label == k) & filled)[:most] for k, name in enumerate(names)}
    return {name: jets.select(index) for name, index in members.items() if index.size}


def kinds(jets: Jets) -> tuple[tuple[str, ...], IntArray]:
    """Return class names and labels (B,); jets of which none has a label are all of one kind."""
    if jets.label is None or not np.any(jets.label >= 0):
        return ("jets",), np.zeros(jets.num_jets, dtype=np.int64)
    return jets.classes, jets.label


def images(samples: dict[str, Jets], *, half_width: float) -> dict[str, FloatArray]:
    """Return the average image of each class, principal axis upright."""
    return {name: average_image(jets.p4, jets.jet_ptr, half_width=half_width) for name, jets in samples.items()}


def lund_planes(samples: dict[str, Jets]) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
    """Return the primary Lund plane of each class, from Cambridge/Aachen trees."""
    planes = {}
    for name, jets in samples.items():
        history = cluster(jets.p4, jets.jet_ptr, algorithm="cambridge_aachen")
        found = primary_plane(history).coordinates
        planes[name] = lund_density(found.delta, found.kt, num_jets=jets.num_jets)
    return planes


def typical(jets: Jets) -> int:
    """Return the jet whose number of constituents is the median of those with at least two."""
    size = jets.num_constituents
    candidates = np.flatnonzero(size >= 2)
    if not candidates.size:
        return int(np.argmax(size))
    ordered = candidates[np.argsort(size[candidates], kind="stable")]
    return int(ordered[ordered.size // 2])


def one_tree(history: History, b: int) -> tuple[IntArray, FloatArray]:
    """Return (parents, node_p4) of jet b."""
    merges = slice(int(history.merge_ptr[b]), int(history.merge_ptr[b + 1]))
    nodes = slice(int(history.node_ptr[b]), int(history.node_ptr[b + 1]))
    return history.parents[merges], history.node_p4[nodes]


def constituent_columns(jets: Jets) -> dict[str, FloatArray]:
    """Return the columns of constituents worth a histogram: momenta about the jet axis, and what the file holds."""
    x, y, share = relative_constituents(jets.p4, jets.jet_ptr)
    with np.errstate(divide="ignore"):
        columns = {
            "part_pt_log": np.log(pt(jets.p4)),
            "part_logptrel": np.log(share),
            "part_deltaR": np.hypot(x, y),
        }
    for name in ("part_d0val", "part_dzval"):
        if name in jets.constituents:
            values = np.asarray(jets.constituents[name], dtype=np.float64)
            # Neutral particles have no track: their zero is no measurement.
            columns[name] = np.where(values == 0.0, np.nan, np.arcsinh(values / IMPACT_SCALE))
    return columns
