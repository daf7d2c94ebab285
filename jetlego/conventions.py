"""Axes, units, shape letters and the array types that every room shares.

Units: momenta and energies in GeV, angles in radian, lengths in mm. Four-momenta are (px, py, pz, E), FastJet's
order. Azimuthal differences are wrapped to [-pi, pi).

Shape letters: B jets, N constituents (padded), P packed constituents, E edges, T tree nodes, M merges (inner nodes),
L levels, F features, D width, H heads, K classes.

Packed, not padded: constituents of all jets stand one after the other, and jet b owns rows
``jet_ptr[b]:jet_ptr[b + 1]``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

PX, PY, PZ, ENERGY = 0, 1, 2, 3

JETCLASS_LABELS = (
    "label_QCD", "label_Hbb", "label_Hcc", "label_Hgg", "label_H4q",
    "label_Hqql", "label_Zqq", "label_Wqq", "label_Tbqq", "label_Tbl",
)  # fmt: skip
"""One-hot truth branches of JetClass (Qu, Li, Qian, arXiv:2202.03772), in the order of its class index."""
