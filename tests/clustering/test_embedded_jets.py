"""Our trees of the embedded jets are FastJet's, merge for merge: some by default, all of them with ``-m slow``."""

import numpy as np
import pytest

from jetlego import cluster, read_jets

ALGORITHMS = ["kt", "cambridge_aachen", "anti_kt"]


def assert_equal_to_fastjet(jets, algorithm):
    engines = ("numba", "fastjet")
    ours, theirs = (cluster(jets.p4, jets.jet_ptr, algorithm=algorithm, radius=0.8, engine=e) for e in engines)
    np.testing.assert_array_equal(ours.parents, theirs.parents)
    np.testing.assert_allclose(ours.dij, theirs.dij, rtol=1e-12)
    np.testing.assert_allclose(ours.node_p4, theirs.node_p4, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_trees_of_the_validation_split(algorithm):
    jets = read_jets(["sample://top/val", "sample://qcd/val"])
    assert_equal_to_fastjet(jets.select(np.arange(0, jets.num_jets, 4)), algorithm)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_trees_of_every_embedded_jet(algorithm):
    assert_equal_to_fastjet(read_jets(["sample://top", "sample://qcd"]), algorithm)
