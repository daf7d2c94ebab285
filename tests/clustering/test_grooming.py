"""Groomers against fjcontrib and FastJet where these are at hand, else against the definition, jet by jet."""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest
from oracles import fastjet_oracle
from oracles.fastjet_oracle import fj
from oracles.sample_jets import some_jets

from jetlego.clustering import grooming
from jetlego.clustering.cluster import cluster
from jetlego.clustering.lund import branches
from jetlego.physics.lund import Declustering

GROOMERS = [
    grooming.softdrop, grooming.mmdt, grooming.recursive_softdrop, grooming.iterated_softdrop, grooming.lund_cuts,
    grooming.pruning,
]  # fmt: skip


def history(count=40, algorithm="cambridge_aachen"):
    return cluster(*some_jets(count), algorithm=algorithm)


def jets(count=40):
    p4, ptr = some_jets(count)
    return [p4[a:b] for a, b in itertools.pairwise(ptr)]


@pytest.mark.parametrize(
    ("z_cut", "beta", "radius", "mu_cut"),
    [(0.1, 0.0, 0.8, np.inf), (0.2, 1.0, 0.5, np.inf), (0.05, -0.5, 0.8, np.inf), (0.1, 0.0, 0.8, 0.6)],
)
def test_softdrop_of_fjcontrib(z_cut, beta, radius, mu_cut):
    groomed = grooming.softdrop(history(), z_cut=z_cut, beta=beta, radius=radius, mu_cut=mu_cut)
    for number, p4 in enumerate(jets()):
        if groomed.passed[number]:
            expected = fastjet_oracle.softdrop(p4, z_cut=z_cut, beta=beta, radius=radius, mu_cut=mu_cut)
            np.testing.assert_allclose(groomed.p4[number], expected["p4"], rtol=1e-9, atol=1e-9)
            assert groomed.history.num_constituents[number] == expected["count"]
            assert groomed.z[number] == pytest.approx(expected["z"], rel=1e-12)
            assert groomed.delta[number] == pytest.approx(expected["delta"], rel=1e-12)
            assert groomed.mass_drop[number] <= mu_cut
        else:
            assert groomed.history.num_constituents[number] == 1
            assert np.isnan([groomed.z[number], groomed.delta[number], groomed.kt[number]]).all()
    assert 0 < groomed.passed.mean() <= 1


def test_softdrop_without_cut_keeps_all():
    before = history()
    groomed = grooming.softdrop(before, z_cut=0.0)
    np.testing.assert_array_equal(groomed.history.parents, before.parents)
    np.testing.assert_array_equal(groomed.history.dij, before.dij)
    np.testing.assert_array_equal(groomed.kept_leaf, np.arange(len(some_jets(40)[0])))
    assert groomed.num_dropped.sum() == 0


def test_tagging_empties_jets_that_fail():
    kept, tagged = (grooming.softdrop(history(), z_cut=0.49, tagging=tagging) for tagging in (False, True))
    np.testing.assert_array_equal(kept.passed, tagged.passed)
    assert not tagged.passed.all()
    assert (tagged.history.num_constituents[~tagged.passed] == 0).all()
    assert (tagged.p4[~tagged.passed] == 0).all()
    assert (kept.history.num_constituents[~kept.passed] == 1).all()
    same = grooming.mmdt(history(), z_cut=0.49)
    np.testing.assert_array_equal(same.history.parents, tagged.history.parents)


def test_once_recursive_is_softdrop():
    once = grooming.recursive_softdrop(history(), num_passes=1, beta=1.0, z_cut=0.1)
    softdrop = grooming.softdrop(history(), beta=1.0, z_cut=0.1)
    np.testing.assert_array_equal(once.kept_leaf, softdrop.kept_leaf)
    np.testing.assert_array_equal(once.history.node_p4, softdrop.history.node_p4)
    np.testing.assert_array_equal(once.z, softdrop.z)


def recursive_by_definition(tree, jet, *, z_cut, beta, passes, dynamical=False, hardest=False, depth=None):
    """Return kept leaves and passed (z, Delta) of one jet by a priority queue over open branches."""
    harder, softer = branches(tree)
    lund = Declustering.of(tree.node_p4[harder], tree.node_p4[softer])
    base, n, first = tree.node_ptr[jet], tree.num_constituents[jet], tree.merge_ptr[jet]

    def leaves(node):
        if node < n:
            return {int(node)}
        merge = first + node - n
        return leaves(harder[merge] - base) | leaves(softer[merge] - base)

    def entry(node, scale, passed):
        return (-lund.delta[first + node - n] if node >= n else np.inf, int(node), scale, passed)

    queue, kept, seen = [entry(2 * n - 2, 0.8, 0)], leaves(2 * n - 2), []
    while queue and (depth is not None or len(seen) != passes):
        wide, node, scale, passed = heapq.heappop(queue)
        if wide == np.inf or passed == depth:
            continue
        merge = first + node - n
        a, b = harder[merge] - base, softer[merge] - base
        if lund.z[merge] > z_cut * (lund.delta[merge] / scale) ** beta:
            seen.append((lund.z[merge], lund.delta[merge]))
            new = lund.delta[merge] if dynamical else scale
            for branch in (a,) if hardest else (a, b):
                heapq.heappush(queue, entry(branch, new, passed + 1))
        else:
            kept -= leaves(b)
            heapq.heappush(queue, entry(a, scale, passed))
    return kept, seen


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"num_passes": 3, "beta": 1.0}, {"passes": 3, "beta": 1.0}),
        ({"num_passes": -1, "beta": 0.5}, {"passes": -1, "beta": 0.5}),
        ({"num_passes": 4, "beta": 1.0, "dynamical_radius": True}, {"passes": 4, "beta": 1.0, "dynamical": True}),
        ({"num_passes": -1, "beta": 0.0, "hardest_branch_only": True}, {"passes": -1, "beta": 0.0, "hardest": True}),
        ({"num_passes": 2, "beta": 1.0, "fixed_depth": True}, {"passes": -1, "beta": 1.0, "depth": 2}),
    ],
)
def test_recursive_softdrop_by_definition(ours, theirs):
    tree = history(20)
    groomed = grooming.recursive_softdrop(tree, z_cut=0.1, **ours)
    for jet in range(tree.num_jets):
        kept, seen = recursive_by_definition(tree, jet, z_cut=0.1, **theirs)
        rows = groomed.kept_leaf[slice(*groomed.history.jet_ptr[jet : jet + 2])] - tree.jet_ptr[jet]
        assert rows.tolist() == sorted(kept)
        passed = slice(*groomed.passed_at.jet_ptr[jet : jet + 2])
        found = np.column_stack([groomed.passed_at.coordinates.z[passed], groomed.passed_at.coordinates.delta[passed]])
        np.testing.assert_allclose(found, np.reshape(seen, (-1, 2)))


def test_iterated_softdrop_stops_at_small_angles():
    everything, wide = (grooming.iterated_softdrop(history(), min_delta=d) for d in (0.0, 0.1))
    assert (wide.num_passed <= everything.num_passed).all()
    assert (wide.passed_at.coordinates.delta >= 0.1).all()
    assert wide.num_passed.sum() < everything.num_passed.sum()


@pytest.mark.parametrize(("radius", "f_cut", "algorithm"), [(0.2, 0.05, "kt"), (0.3, 0.03, "cambridge_aachen")])
def test_trimming_of_fastjet(radius, f_cut, algorithm):
    trimmed = grooming.trimming(history(), radius=radius, f_cut=f_cut, algorithm=algorithm)
    kind = {"kt": fj.kt_algorithm, "cambridge_aachen": fj.cambridge_algorithm}[algorithm]
    filter_ = fj.Filter(fj.JetDefinition(kind, radius), fj.SelectorPtFractionMin(f_cut))
    assert_transformed(trimmed, filter_)


@pytest.mark.parametrize("num_keep", [1, 3])
def test_filtering_of_fastjet(num_keep):
    filtered = grooming.filtering(history(), radius=0.2, num_keep=num_keep)
    definition = fj.JetDefinition(fj.cambridge_algorithm, 0.2)
    assert_transformed(filtered, fj.Filter(definition, fj.SelectorNHardest(num_keep)))
    assert (np.diff(filtered.subjets.event_ptr) <= num_keep).all()


@pytest.mark.parametrize(("z_cut", "factor"), [(0.1, 0.5), (0.15, 0.2)])
def test_pruning_of_fastjet(z_cut, factor):
    pruned = grooming.pruning(history(), z_cut=z_cut, radius_factor=factor)
    assert_transformed(pruned, fj.Pruner(fj.cambridge_algorithm, z_cut, factor))
    assert pruned.num_dropped.sum() > 0


def assert_transformed(groomed, transformer):
    tree = groomed.history
    root = tree.node_p4[tree.node_ptr[1:] - 1]
    starts = some_jets(40)[1]
    for number, p4 in enumerate(jets()):
        momentum, rows = fastjet_oracle.transformed(p4, transformer)
        kept = groomed.kept_leaf[slice(*tree.jet_ptr[number : number + 2])] - starts[number]
        assert kept.tolist() == rows.tolist()
        np.testing.assert_allclose(root[number], momentum, rtol=1e-9, atol=1e-9)


def test_lund_cuts():
    tree = history(20)
    groomed = grooming.lund_cuts(tree, kt_min=1.0, delta_min=0.05)
    lund = groomed.passed_at.coordinates
    assert (lund.kt >= 1).all()
    assert (lund.delta >= 0.05).all()
    assert len(lund.kt) == len(groomed.history.parents)
    for cut in ({"kt_min": 0.0}, {"delta_min": 0.0}):
        np.testing.assert_array_equal(grooming.lund_cuts(tree, **cut).history.parents, tree.parents)
    merged = grooming.lund_cuts(tree, delta_min=1e9)  # every jet becomes one constituent
    assert (merged.history.num_constituents == 1).all()
    np.testing.assert_array_equal(merged.p4, tree.node_p4[tree.node_ptr[1:] - 1])
    assert merged.kept_leaf.tolist() == tree.jet_ptr[:-1].tolist()


@pytest.mark.parametrize("choice", [{"num_subjets": 1}, {"num_subjets": 3}, {"d_cut": 100.0}, {"d_cut": 1.0}])
def test_exclusive_subjets(choice):
    tree = history(20, "kt")
    subjets = grooming.exclusive_subjets(tree, **choice)
    fastjet_words = {"num_subjets": "num_jets", "d_cut": "d_cut"}
    for number, p4 in enumerate(jets(20)):
        rows = slice(*subjets.event_ptr[number : number + 2])
        scaled = {fastjet_words[k]: v / 1e4 if k == "d_cut" else v for k, v in choice.items()}
        expected = fastjet_oracle.exclusive_momenta(p4, "kt_algorithm", radius=100.0, **scaled)
        if choice.get("d_cut") is None or len(expected):
            np.testing.assert_allclose(subjets.p4[rows], expected, rtol=1e-10, atol=1e-9)
    assert sorted(subjets.members) == list(range(tree.jet_ptr[-1]))


@pytest.mark.parametrize("groomer", GROOMERS)
def test_small_jets_are_left_alone(groomer):
    p4 = some_jets(1)[0][:4]
    tree = cluster(p4, [0, 0, 1, 1, 4], algorithm="cambridge_aachen")
    groomed = groomer(tree)
    assert groomed.history.num_constituents[:3].tolist() == [0, 1, 0]
    assert not groomed.passed[:3].any()
    assert np.isnan(groomed.z[:3]).all()
    assert groomed.kept_leaf[0] == 0
    np.testing.assert_array_equal(groomed.p4[1], p4[0])


@pytest.mark.parametrize("groomer", GROOMERS)
def test_groomed_histories_are_histories(groomer):
    groomed = groomer(history(20))
    tree = groomed.history
    p4 = some_jets(20)[0][groomed.kept_leaf]
    again = type(tree).from_parents(tree.parents, p4, tree.jet_ptr)
    if groomer is not grooming.lund_cuts:  # whose constituents may be whole branches
        np.testing.assert_allclose(again.node_p4, tree.node_p4, rtol=1e-12, atol=1e-12)
    assert (np.diff(groomed.kept_leaf) > 0).all()
    assert groomed.mass.shape == (tree.num_jets,)
