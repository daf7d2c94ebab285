import numpy as np
import pytest
import torch
from oracles.random_trees import random_jets

from jetlego.bricks.build import build
from jetlego.errors import DataError
from jetlego.structures.events import prepare_events
from jetlego.structures.store import TreeSpec

COUNTS = (5, 9, 1, 2, 12, 3, 4, 7, 2, 6)
EVENTS = np.array([0, 3, 3, 4, 8, 10])
SPEC = {"brick": "event_tagger", "cell": {"brick": "recnn_simple", "hidden": 40},
        "head": {"brick": "mlp", "hidden": [40, 40]}}  # fmt: skip


@pytest.fixture(scope="module")
def jets():
    return random_jets(8, COUNTS)


@pytest.fixture(scope="module")
def store(jets):
    return prepare_events(jets, EVENTS, trees={"kt": TreeSpec(features="recnn")}, label=np.array([0, 1, 0, 1, 1]))


def test_batches_hold_whole_events_softest_jet_first(jets, store):
    batch = store.batch([3, 0, 1])
    assert (batch.num_events, batch.max_jets, batch.jets.num_jets) == (3, 4, 7)
    assert batch.event_ptr.tolist() == [0, 4, 7, 7]
    assert batch.label.tolist() == [1, 0, 1]
    total = np.add.reduceat(jets.p4, jets.jet_ptr[:-1])
    pt = np.hypot(total[:, 0], total[:, 1])
    raw = batch.jets.jet["kinematics"].numpy() * store.scaler.scale + store.scaler.center
    assert raw[:, 2] == pytest.approx(np.concatenate([np.sort(pt[4:8]), np.sort(pt[0:3])]), rel=1e-5)
    assert batch.jets.num_constituents == sum(COUNTS[4:8]) + sum(COUNTS[:3])
    assert batch.to("meta").jets.jet["kinematics"].is_meta


def test_recurrence_equals_one_jet_at_a_time(store):
    model, batch = build(SPEC, seed=1, in_dim=7, num_classes=2).double(), store.batch(range(5))
    tree = batch.jets.tree()
    found = model(batch)
    jet = torch.cat([model.encoder(tree.features, tree.plan), batch.jets.jet["kinematics"]], dim=1)
    gru = model.over
    w, b = gru.input.weight.split(40), gru.input.bias.split(40)
    u_z, u_r = gru.gates.weight.split(40)
    for event in range(5):
        h = torch.zeros(40, dtype=torch.float64)
        for x in jet[batch.event_ptr[event] : batch.event_ptr[event + 1]]:
            z, r = (0.5 * (torch.tanh(w[k] @ x + b[k] + u @ h) + 1) for k, u in ((0, u_z), (1, u_r)))
            t = torch.relu(w[2] @ x + b[2] + gru.candidate.weight @ (r * h))
            h = (1 - z) * h + z * t
        torch.testing.assert_close(found[event], model.head(h), rtol=1e-10, atol=1e-10)


def test_published_number_of_parameters():
    model = build({**SPEC, "learn_empty": False}, in_dim=7, num_classes=1)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 18_681


def test_attention_over_jets_does_not_see_their_order(store):
    model = build({**SPEC, "over": "attention_pool"}, seed=1, in_dim=7, num_classes=2)
    batch = store.batch([0, 3])
    alone = store.batch([3])
    torch.testing.assert_close(model(batch)[1], model(alone)[0])


def test_scalers_travel_and_wrong_sizes_are_refused(jets, store):
    spec = {"kt": TreeSpec(features="recnn")}
    other = prepare_events(jets, EVENTS, trees=spec, scalers=store.scalers)
    assert torch.equal(other.batch([0]).jets.jet["kinematics"], store.batch([0]).jets.jet["kinematics"])
    with pytest.raises(DataError, match="'label' has 2 values for 5 events"):
        prepare_events(jets, EVENTS, trees=spec, label=np.zeros(2))
    with pytest.raises(DataError, match="offsets do not run from 0 to 10"):
        prepare_events(jets, EVENTS[:-1], trees=spec)
    with pytest.raises(DataError, match="of a store of 5"):
        store.batch([5])
