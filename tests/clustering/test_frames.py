"""RecNN's frame: what it promises for its subjets, and that it is a symmetry of the jet."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from oracles.sample_jets import some_jets

from jetlego.clustering.find_jets import find_jets
from jetlego.clustering.frames import recnn_frame
from jetlego.physics import kinematics


def subjets_of(p4, ptr):
    jets = find_jets(p4, ptr, algorithm="kt", radius=0.3)
    return [jets.p4[a:b] for a, b in itertools.pairwise(jets.event_ptr)]


def test_where_the_subjets_of_the_original_come_to_lie():
    """The subjets are those of the original jet; a rotation about x changes what kt would find afterwards."""
    p4, ptr = some_jets(60)
    moved, new_ptr = recnn_frame(p4, ptr)
    np.testing.assert_array_equal(new_ptr, ptr)
    before = find_jets(p4, ptr, algorithm="kt", radius=0.3)
    seen = set()
    for jet in range(len(ptr) - 1):
        rows = [before.members[slice(*before.jet_ptr[k : k + 2])] for k in range(*before.event_ptr[jet : jet + 2])]
        axes = np.array([moved[members].sum(axis=0) for members in rows[:3]])
        scale = axes[0, 3]
        assert abs(axes[0, 1]) < 1e-9 * scale
        assert abs(axes[0, 2]) < 1e-9 * scale
        assert axes[0, 0] > 0
        if len(axes) > 1:
            assert abs(axes[1, 2]) < 1e-9 * scale
            assert axes[1, 1] <= 0
        if len(axes) > 2:
            assert axes[2, 2] >= -1e-9 * scale
        seen.add(len(axes))
    assert seen == {1, 2, 3}


def test_masses_and_products_are_kept():
    p4, ptr = some_jets(20)
    moved, _ = recnn_frame(p4, ptr)
    metric = np.array([-1, -1, -1, 1])
    for a, b in itertools.pairwise(ptr):
        products = (p4[a:b] * metric) @ p4[a:b].T
        np.testing.assert_allclose((moved[a:b] * metric) @ moved[a:b].T, products, atol=1e-9 * np.abs(products).max())


def test_turned_boosted_and_mirrored_jets_look_the_same():
    p4, ptr = some_jets(20)
    moved, _ = recnn_frame(p4, ptr)
    angle, rapidity = 2.1, 0.7
    other = p4.copy()
    other[:, 0] = np.cos(angle) * p4[:, 0] - np.sin(angle) * p4[:, 1]
    other[:, 1] = np.sin(angle) * p4[:, 0] + np.cos(angle) * p4[:, 1]
    other[:, 2] = np.cosh(rapidity) * p4[:, 2] + np.sinh(rapidity) * p4[:, 3]
    other[:, 3] = np.cosh(rapidity) * p4[:, 3] + np.sinh(rapidity) * p4[:, 2]
    three = np.repeat([len(s) > 2 for s in subjets_of(p4, ptr)], np.diff(ptr))
    assert three.any()
    np.testing.assert_allclose(recnn_frame(other, ptr)[0], moved, atol=1e-7)
    other[:, 2] *= -1
    np.testing.assert_allclose(recnn_frame(other, ptr)[0][three], moved[three], atol=1e-7)


def test_trimming_drops_soft_subjets():
    p4, ptr = some_jets(20)
    moved, new_ptr = recnn_frame(p4, ptr, f_cut=0.05)
    for jet, subjets in enumerate(subjets_of(p4, ptr)):
        jet_pt = kinematics.pt(p4[ptr[jet] : ptr[jet + 1]].sum(axis=0))
        kept = subjets[kinematics.pt(subjets) >= 0.05 * jet_pt]
        total = moved[new_ptr[jet] : new_ptr[jet + 1]].sum(axis=0)
        assert kinematics.mass(total) == pytest.approx(kinematics.mass(kept.sum(axis=0)), rel=1e-9)
    assert new_ptr[-1] < ptr[-1]


def test_small_and_odd_jets():
    p4 = np.array([[0.0, 0, 5, 5], [3, 4, 1, 6], [1, 0, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0]])
    moved, ptr = recnn_frame(p4, [0, 0, 1, 2, 4, 5])
    assert ptr.tolist() == [0, 0, 1, 2, 4, 5]
    assert np.isfinite(moved).all()
    np.testing.assert_allclose(moved[1], [5, 0, 0, np.sqrt(35)], atol=1e-12)
