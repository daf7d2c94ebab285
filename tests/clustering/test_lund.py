"""Lund planes against fjcontrib's output for the two hardest jets of an event, FastJet, and their own sum rules."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from oracles.sample_jets import some_jets
from oracles.shared_folder import shared

from jetlego.clustering.cluster import cluster
from jetlego.clustering.find_jets import find_jets
from jetlego.clustering.history import History
from jetlego.clustering.lund import (
    branches,
    full_plane,
    full_plane_edges,
    lund_images,
    primary_plane,
    secondary_plane,
)
from jetlego.physics.lund import lundnet_table


def two_hardest() -> History:
    """The two hardest anti-kt R = 1 jets of the event, reclustered with C/A."""
    p4 = np.loadtxt(shared("data/formats/single-pp-event.dat"))
    jets = find_jets(p4, [0, len(p4)], algorithm="anti_kt", radius=1.0)
    rows = jets.members[: jets.jet_ptr[2]]
    return cluster(p4[rows], jets.jet_ptr[:3], algorithm="cambridge_aachen", radius=1000)


def test_primary_planes_of_fjcontrib():
    lines = shared("data/formats/jets.json").read_text().splitlines()
    expected = [json.loads(line) for line in lines if line.strip()]
    plane = primary_plane(two_hardest())
    assert np.diff(plane.jet_ptr).tolist() == [19, 16] == [len(rows) for rows in expected]
    for key, found in (
        ("z", plane.coordinates.z), ("Delta", plane.coordinates.delta), ("kt", plane.coordinates.kt),
        ("psi", plane.coordinates.psi), ("p_m", plane.coordinates.mass),
    ):  # fmt: skip
        wanted = np.array([row[key] for rows in expected for row in rows])
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 if key == "p_m" else 0, err_msg=key)
    assert plane.coordinates.z[:19].sum() == pytest.approx(1.155651389, rel=1e-5)


def test_primary_rows_telescope():
    history = cluster(*some_jets(40), algorithm="cambridge_aachen")
    plane = primary_plane(history)
    harder, softer = branches(history)
    pt = np.hypot(history.node_p4[:, 0], history.node_p4[:, 1])
    a, b = pt[harder[plane.merge]], pt[softer[plane.merge]]
    assert (a >= b).all()
    lund = plane.coordinates
    np.testing.assert_allclose(lund.ln_kt, lund.ln_z + np.log(lund.delta) + np.log(a + b), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(lund.kappa, lund.z * lund.delta)
    whole = history.node_p4[harder[plane.merge]] + history.node_p4[softer[plane.merge]]
    for start, stop in itertools.pairwise(plane.jet_ptr):  # a branch is what the next declustering splits
        np.testing.assert_allclose(
            history.node_p4[harder[plane.merge[start : stop - 1]]], whole[start + 1 : stop], rtol=1e-12
        )


def test_full_plane_is_a_tree_of_all_declusterings():
    history = cluster(*some_jets(10), algorithm="kt")
    plane, (wide, narrow) = full_plane(history), full_plane_edges(history)
    assert sorted(plane.merge) == list(range(len(history.parents)))
    assert (wide < narrow).all()
    jet = np.repeat(np.arange(history.num_jets), np.diff(history.merge_ptr))
    np.testing.assert_array_equal(jet[wide], jet[narrow])
    assert len(wide) == len(history.parents) - history.num_jets
    assert (np.bincount(wide) <= 2).all()
    assert (np.bincount(narrow) <= 1).all()
    n = history.num_constituents[jet]
    made = n + plane.merge - history.merge_ptr[jet]
    assert ((history.parents[plane.merge[wide]] == made[narrow][:, None]).sum(axis=1) == 1).all()


@pytest.mark.parametrize("choose", ["mmdt", "dotmmdt", "mass"])
def test_secondary_plane_is_the_primary_plane_of_the_softer_branch(choose):
    history = cluster(*some_jets(20), algorithm="cambridge_aachen")
    primary, secondary = primary_plane(history), secondary_plane(history, choose=choose)
    harder, softer = branches(history)
    pt, z = np.hypot(history.node_p4[:, 0], history.node_p4[:, 1]), primary.coordinates.z
    dot = pt[harder[primary.merge]] * pt[softer[primary.merge]] * primary.coordinates.delta**2
    key = {"mmdt": lambda r: r, "dotmmdt": lambda r: -dot[r],
           "mass": lambda r: abs(np.log(dot[r] / 80.4**2) * np.log(1 / z[r]))}[choose]  # fmt: skip
    for jet in range(history.num_jets):
        rows = range(*primary.jet_ptr[jet : jet + 2])
        passing = [r for r in rows if choose == "mass" or z[r] > 0.1]
        found = secondary.merge[secondary.jet_ptr[jet] : secondary.jet_ptr[jet + 1]]
        if not passing:
            assert not len(found)
            continue
        node = softer[primary.merge[min(passing, key=key)]] - history.node_ptr[jet]
        n, wanted = history.num_constituents[jet], []
        while node >= n:
            wanted.append(history.merge_ptr[jet] + node - n)
            node = harder[wanted[-1]] - history.node_ptr[jet]
        assert found.tolist() == wanted


def test_images_count_what_is_inside():
    history = cluster(*some_jets(20), algorithm="cambridge_aachen")
    plane = primary_plane(history)
    images = lund_images(plane)
    x, y = -plane.coordinates.ln_delta, plane.coordinates.ln_kt
    inside = (x > 0) & (x <= 7) & (y > -3) & (y <= 7)
    jet = np.repeat(np.arange(history.num_jets), np.diff(plane.jet_ptr))
    np.testing.assert_array_equal(images.sum(axis=(1, 2)), np.bincount(jet[inside], minlength=history.num_jets))
    row = int(np.flatnonzero(inside)[0])
    assert images[jet[row], int(np.ceil(x[row] / 0.14 - 1)), int(np.ceil((y[row] + 3) / 0.2 - 1))] >= 1


def test_small_jets_and_repeated_particles():
    p4 = np.repeat(some_jets(1)[0][:1], 5, axis=0)
    history = cluster(p4, [0, 0, 1, 3, 5, 5], algorithm="cambridge_aachen")
    for plane in (primary_plane(history), full_plane(history)):
        assert np.diff(plane.jet_ptr).tolist() == [0, 0, 1, 1, 0]
        assert np.isfinite(plane.coordinates.table()).all()
    assert secondary_plane(history).jet_ptr[-1] == 0
    assert full_plane_edges(history).shape == (2, 0)
    assert lund_images(primary_plane(history)).sum() == 0  # Delta = 0 is off the image


def test_convention_of_lundnet():
    a = np.array([[10.0, 1.0, 5.0, 20.0], [10.0, -1.0, 5.0, 20.0]])
    b = np.array([[4.0, -1.0, 2.0, 6.0], [4.0, 1.0, 2.0, 6.0]])
    table = lundnet_table(a, b)
    y = 0.5 * np.log((25.0 / 15.0, 8.0 / 4.0))
    dphi = np.arctan2([1, -1], 10) % (2 * np.pi) - np.arctan2([-1, 1], 4) % (2 * np.pi)
    assert table.dtype == np.float32
    np.testing.assert_allclose(table[:, 2], np.arctan((y[0] - y[1]) / dphi), rtol=1e-6)
    np.testing.assert_allclose(table[:, 3], 0.5 * np.log(26**2 - 14**2 - 7**2), rtol=1e-6)
