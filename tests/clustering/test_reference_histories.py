"""Histories of the original recnn (FastJet's, through its own preprocessing) for 24 jets."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.shared_folder import shared

from jetlego.clustering.cluster import cluster


@pytest.mark.parametrize("algorithm", ["kt", "cambridge_aachen", "anti_kt"])
def test_recnn_reference(algorithm):
    with np.load(shared("golden/recnn_reference.npz")) as reference:
        children = np.sort(reference[f"{algorithm}/children"], axis=1)
        dij = reference[f"{algorithm}/dij_R1"]
        history = cluster(reference["p4"], reference["jet_ptr"], algorithm=algorithm)
    np.testing.assert_array_equal(history.parents, children[children[:, 0] >= 0])
    np.testing.assert_allclose(history.dij, dij, rtol=1e-12)
