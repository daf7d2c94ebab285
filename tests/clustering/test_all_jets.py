"""Every jet of the reference folder against FastJet: merges and distances (minutes)."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.sample_jets import read
from oracles.shared_folder import shared

from jetlego.clustering.cluster import cluster

CLASSES = ["QCD", "Tbqq", "Wqq", "Zqq", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Tbl"]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["kt", "cambridge_aachen", "anti_kt"])
@pytest.mark.parametrize("name", CLASSES)
def test_histories_of_fastjet(name, algorithm):
    p4, ptr = read(shared(f"data/jets/{name}.root"))
    ours, theirs = (cluster(p4, ptr, algorithm=algorithm, engine=engine) for engine in ("numba", "fastjet"))
    np.testing.assert_allclose(ours.dij, theirs.dij, rtol=1e-12)
    np.testing.assert_allclose(ours.node_p4, theirs.node_p4, rtol=1e-12, atol=1e-12)
    jet = np.repeat(np.arange(ours.num_jets), np.diff(ours.merge_ptr))
    tied = np.isin(jet, jets_with_ties(ours))
    np.testing.assert_array_equal(ours.parents[~tied], theirs.parents[~tied])


def jets_with_ties(history) -> np.ndarray:
    """Return the jets of which two merges happened at exactly the same distance."""
    jet = np.repeat(np.arange(history.num_jets), np.diff(history.merge_ptr))
    order = np.lexsort((history.dij, jet))
    same = (np.diff(history.dij[order]) == 0) & (np.diff(jet[order]) == 0)
    return np.unique(jet[order][1:][same])
