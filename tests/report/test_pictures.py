"""The physics pictures: what is drawn, computed another way."""

import numpy as np
import pytest
from oracles.toy_jets import toy_jets

from jetlego.clustering.cluster import cluster
from jetlego.physics.kinematics import delta_phi, jet_p4, phi, pt, rapidity
from jetlego.report.plots.jet_display import plot_displays
from jetlego.report.plots.jet_image import average_image, plot_images, relative_constituents, upright
from jetlego.report.plots.lund_plane import lund_density, plot_lund_planes
from jetlego.report.plots.tree import plot_trees, tree_layout
from jetlego.report.samples import by_class, lund_planes, one_tree, typical


def test_lund_planes_equal_a_walk_down_each_tree():
    jets = toy_jets(60)
    history = cluster(jets.p4, jets.jet_ptr, algorithm="cambridge_aachen")
    expected = []
    for b in range(jets.num_jets):
        parents, node_p4 = one_tree(history, b)
        leaves, node = len(parents) + 1, 2 * len(parents)
        while node >= leaves:
            hard, soft = sorted(parents[node - leaves], key=lambda n: -pt(node_p4[n]))
            angle = np.hypot(
                rapidity(node_p4[hard]) - rapidity(node_p4[soft]), delta_phi(phi(node_p4[hard]), phi(node_p4[soft]))
            )
            expected.append((angle, pt(node_p4[soft]) * angle))
            node = hard
    found = lund_planes({"jets": jets})["jets"]
    by_hand = lund_density(*np.array(expected).T, num_jets=60)
    for one, other in zip(found, by_hand, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert found[0].any()


def test_lund_density_integrates_to_declusterings_per_jet():
    delta, kt = np.exp(-np.array([1.0, 2.0, 3.0, 8.0])), np.exp(np.array([0.0, 1.0, 2.0, 0.0]))
    density, x, y = lund_density(delta, kt, num_jets=2)
    area = (x[1] - x[0]) * (y[1] - y[0])
    # One of the four lies outside the plane.
    assert density.sum() * area == pytest.approx(3 / 2)
    i, j = np.searchsorted(x, 2.0, side="right") - 1, np.searchsorted(y, 1.0, side="right") - 1
    assert density[i, j] == pytest.approx(1 / (2 * area))


def test_average_image_holds_the_whole_momentum():
    jets = toy_jets(100)
    assert average_image(jets.p4, jets.jet_ptr, half_width=4.0).sum() == pytest.approx(1.0)
    straight = average_image(jets.p4, jets.jet_ptr, half_width=4.0, rotate=False)
    assert straight.sum() == pytest.approx(1.0)


def test_upright_jets_do_not_know_how_they_lay():
    jets = toy_jets(50)
    x, y, share = relative_constituents(jets.p4, jets.jet_ptr)
    once = upright(x, y, share, jets.jet_ptr)
    turn = np.repeat(np.random.default_rng(0).uniform(0, 2 * np.pi, 50), jets.num_constituents)
    flip = np.repeat(np.random.default_rng(1).choice([-1.0, 1.0], 50), jets.num_constituents)
    turned = np.cos(turn) * x - np.sin(turn) * y, flip * (np.sin(turn) * x + np.cos(turn) * y)
    for axis, again in zip(once, upright(*turned, share, jets.jet_ptr), strict=True):
        np.testing.assert_allclose(axis, again, atol=1e-9)
    for b in range(50):
        rows = slice(jets.jet_ptr[b], jets.jet_ptr[b + 1])
        across, along = once[0][rows], once[1][rows]
        assert np.sum(share[rows] * along**2) >= np.sum(share[rows] * across**2)


def test_relative_positions_are_small_across_the_seam_in_phi():
    p4 = np.array([[-10.0, 1e-3, 0.0, 10.0], [-10.0, -1e-3, 0.0, 10.0]])
    _, y, share = relative_constituents(p4, np.array([0, 2]))
    assert np.abs(y).max() < 1e-3
    np.testing.assert_allclose(share, 0.5)


def test_tree_layout_is_a_drawing_of_the_tree():
    jets = toy_jets(8)
    history = cluster(jets.p4, jets.jet_ptr, algorithm="kt")
    for b in range(8):
        parents, node_p4 = one_tree(history, b)
        leaves = len(parents) + 1
        place, depth = tree_layout(parents, pt(node_p4))
        assert sorted(place[:leaves]) == list(range(leaves))
        assert depth[-1] == 0
        for step, (a, c) in enumerate(parents):
            node = leaves + step
            assert place[node] == pytest.approx((place[a] + place[c]) / 2)
            assert depth[a] == depth[c] == depth[node] + 1
            hard, soft = (a, c) if pt(node_p4[a]) >= pt(node_p4[c]) else (c, a)
            assert place[hard] < place[soft]


def test_every_tree_is_drawn_with_all_its_branches():
    jets = toy_jets(4)
    history = cluster(jets.p4, jets.jet_ptr, algorithm="cambridge_aachen")
    figure = plot_trees({f"jet {b}": one_tree(history, b) for b in range(3)})
    drawn = [len(axes.collections[0].get_segments()) for axes in figure.axes[:3]]
    assert drawn == [2 * (n - 1) for n in jets.num_constituents[:3]]


def test_displays_show_every_constituent_once():
    jets = toy_jets(4)
    rows = slice(0, jets.jet_ptr[1])
    flags = {name: values[rows] for name, values in jets.constituents.items()}
    for columns in (flags, {}):
        figure = plot_displays({"a jet": (jets.p4[rows], columns)})
        shown = sum(len(c.get_offsets()) for c in figure.axes[0].collections)
        assert shown == jets.num_constituents[0]
    title = figure.axes[0].texts[0].get_text()
    assert f"n = {jets.num_constituents[0]}" in title
    assert f"{pt(jet_p4(jets.p4[rows], np.array([0, len(jets.p4[rows])])))[0]:.0f} GeV" in title


def test_panels_wrap_and_share_one_scale():
    image = average_image(*(lambda j: (j.p4, j.jet_ptr))(toy_jets(20)))
    figure = plot_images({f"class {k}": image * (k + 1) for k in range(10)})
    meshes = [axes.collections[0] for axes in figure.axes[:10]]
    assert len({(m.norm.vmin, m.norm.vmax) for m in meshes}) == 1
    planes = {"a": lund_density(np.array([0.1]), np.array([1.0]), num_jets=1)}
    assert plot_lund_planes(planes).axes[0].get_title() == "a"


def test_sample_jets_are_found_by_class():
    jets = toy_jets(30, classes=("a", "b", "c"))
    found = by_class(jets)
    assert {name: one.num_jets for name, one in found.items()} == {"a": 10, "b": 10, "c": 10}
    sizes = found["b"].num_constituents
    assert sizes[typical(found["b"])] == np.sort(sizes)[5]
