"""Taggers of the Lund plane against the planes read from the clustering history."""

import numpy as np
import pytest
import torch
from oracles.random_trees import random_jets

from jetlego.bricks.build import build
from jetlego.bricks.recursive.declusterings import branch_rows, declustering_links, jet_of_declustering
from jetlego.clustering.cluster import cluster
from jetlego.clustering.lund import full_plane, full_plane_edges, primary_plane
from jetlego.structures.store import TreeSpec, prepare
from jetlego.testing.guards import no_sync

SPEC = TreeSpec(algorithm="cambridge_aachen", features="lund", scaler="none")
SEQUENCE = {"brick": "lund_sequence", "over": {"brick": "lstm", "hidden": 5, "last": True}}


@pytest.fixture(scope="module")
def jets():
    return random_jets(5)


@pytest.fixture(scope="module")
def batch(jets):
    return prepare(jets, trees={"ca": SPEC}).batch(range(jets.num_jets))


def test_the_harder_branch_is_the_primary_plane(jets, batch):
    plane = primary_plane(cluster(jets.p4, jets.jet_ptr, algorithm="cambridge_aachen"))
    rows, mask = branch_rows(batch.tree().plan)
    assert mask.sum(1).tolist() == np.diff(plane.jet_ptr).tolist()
    lund = plane.coordinates
    expected = np.stack([lund.ln_z, lund.ln_delta, lund.psi, lund.ln_mass, lund.ln_kt], -1)
    np.testing.assert_allclose(batch.tree().features[rows[mask]].numpy(), expected, rtol=2e-4, atol=2e-4)


def test_links_are_those_of_the_full_plane(jets, batch):
    history = cluster(jets.p4, jets.jet_ptr, algorithm="cambridge_aachen")
    plane, plan = full_plane(history), batch.tree().plan
    owner = jet_of_declustering(plan)
    assert torch.bincount(owner, minlength=jets.num_jets).tolist() == np.diff(plane.jet_ptr).tolist()
    source, target = declustering_links(plan)
    half = len(source) // 2
    assert torch.equal(source[half:], target[:half])
    values = batch.tree().features[plan.inner_row][:, 4].double().numpy()
    mine = np.stack([values[source[:half]], values[target[:half]]])
    wide, narrow = full_plane_edges(history)
    theirs = np.stack([plane.coordinates.ln_kt[narrow], plane.coordinates.ln_kt[wide]])
    def mixed(pairs):
        return np.sort(3 * pairs[0] + pairs[1])  # tells apart which end is which

    np.testing.assert_allclose(mixed(mine), mixed(theirs), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("dims", "count"), [(5, 391_724), (3, 391_528), (4, 391_626), (2, 391_430)])
def test_lundnet_has_the_parameters_of_the_paper(dims, count):
    with torch.device("meta"):
        model = build("lund_net", in_dim=dims, num_classes=2)
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize("spec", [SEQUENCE, {"brick": "lund_net", "channels": [[4], [4, 6]], "fusion": 5, "hidden": 4}])
def test_a_jet_gets_the_same_in_any_company(jets, spec):
    store = prepare(jets, trees={"ca": SPEC})
    model = build(spec, seed=2, **store.sizes).eval()
    with no_sync():
        together = model(store.batch(range(jets.num_jets)))
    assert sorted(jets.num_constituents)[0] < 2
    for jet in range(jets.num_jets):
        torch.testing.assert_close(model(store.batch([jet]))[0], together[jet], rtol=1e-4, atol=1e-5)
    assert model(store.batch([])).shape == (0, 2)


def test_a_link_carries_what_the_paper_says(batch):
    plan = batch.tree().plan
    x = batch.tree().features[plan.inner_row].double()
    conv = build({"brick": "edgeconv", "channels": [4], "shortcut": False}, in_dim=5, seed=1).double().eval()
    phi, difference = conv.first.weight.chunk(2, dim=1)
    theta = phi - difference
    links = declustering_links(plan)
    found = conv(x, edge_index=links)
    for node in range(len(x)):
        senders = links[0][links[1] == node].tolist()
        heard = [torch.relu(conv.norms[0](theta @ (x[node] - x[s]) + phi @ x[s])) for s in senders]
        expected = torch.stack(heard).mean(0) if heard else torch.zeros(4, dtype=torch.float64)
        torch.testing.assert_close(found[node], expected)
