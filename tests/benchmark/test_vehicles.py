"""One inventory, three vehicles: the same weights under three wirings, and what they learn from."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jetlego.benchmark.splittings import splitting_order
from jetlego.benchmark.vehicle_jets import VehicleJets
from jetlego.benchmark.vehicles import VEHICLES, auc, build_vehicle, drive, embedded, loss_of, open_scores
from jetlego.clustering.cluster import cluster
from jetlego.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "configs" / "demo"


@pytest.fixture(scope="module")
def jets():
    return VehicleJets.of(embedded("val", 64))


def test_three_vehicles_have_the_same_parts_and_use_them_all(jets):
    made = {name: build_vehicle(name, folder=FOLDER, seed=1) for name in VEHICLES}
    shapes = [{k: v.shape for k, v in vehicle.net.state_dict().items()} for vehicle in made.values()]
    assert shapes[0] == shapes[1] == shapes[2]
    assert {key.split(".")[1] for key in shapes[0]} == {"embed", "pair", "body", "driver", "hand", "face"}
    tagger = made["tagger"].net.state_dict()
    totals = set()
    for name, vehicle in made.items():
        vehicle.net.load_state_dict(tagger)
        loss_of(name, vehicle.net, jets).backward()
        assert [k for k, p in vehicle.net.named_parameters() if p.grad is None] == []
        for part in ("embed", "pair", "body", "driver", "hand", "face"):
            assert sum(p.grad.abs().sum() for p in vehicle.net.parts[part].parameters()) > 0, (name, part)
        lines = vehicle.blueprint().splitlines()
        totals.add(tuple(lines[1:8]))
    assert len(totals) == 1
    assert len({vehicle.steps for vehicle in made.values()}) == 3


def test_vehicles_treat_constituents_as_a_set(jets):
    turned = torch.randperm(32, generator=torch.Generator().manual_seed(1))
    inputs = jets.inputs()
    other = {k: v[:, turned] for k, v in inputs.items()}
    other["lund"] = other["lund"][:, :, turned]
    for name, per_item in (("tagger", False), ("groomer", True)):
        net = build_vehicle(name, folder=FOLDER, seed=1).net.eval()
        y = net(**inputs)
        torch.testing.assert_close(net(**other), y[:, turned] if per_item else y, rtol=1e-3, atol=1e-4)


def test_a_vehicle_may_not_bring_parts_of_its_own(tmp_path):
    text = (FOLDER / "tagger.yaml").read_text() + "parts: {face: {brick: mlp, out_dim: 3}}\n"
    (tmp_path / "tagger.yaml").write_text(text)
    with pytest.raises(ConfigError, match="and nothing else"):
        build_vehicle("tagger", folder=tmp_path)


def test_the_order_of_splittings_is_read_off_the_tree():
    raw = embedded("val", 20)
    history = cluster(raw.p4, raw.jet_ptr, algorithm="kt")
    order = splitting_order(history, kt_cut=0.0, most=4)
    pt = np.hypot(history.node_p4[:, 0], history.node_p4[:, 1])
    for jet in range(raw.num_jets):
        base, count = history.node_ptr[jet], history.num_constituents[jet]
        parents = history.parents[slice(*history.merge_ptr[jet : jet + 2])]

        def leaves(node, parents=parents, count=count):
            return [node] if node < count else [leaf for p in parents[node - count] for leaf in leaves(p)]

        node, expected = 2 * count - 2, []
        while node >= count and len(expected) < 4:
            harder, softer = sorted(parents[node - count], key=lambda n: -pt[base + n])
            expected.append(max(leaves(softer), key=lambda n: pt[base + n]))
            node = harder
        assert order[jet, : len(expected)].tolist() == expected


def test_no_prong_is_pointed_at_twice(jets):
    score = open_scores(torch.zeros(*jets.order.shape, 32), jets)
    for jet in range(len(jets)):
        chosen = [i for i in jets.order[jet].tolist() if i >= 0]
        for t, i in enumerate(chosen):
            assert (score[jet, t, chosen[:t]] < -1e8).all()
            assert score[jet, t, i] == 0


def test_soft_drop_keeps_the_core_and_shares_sum_to_one(jets):
    torch.testing.assert_close(jets.share.sum(1), torch.ones(len(jets)))
    assert not jets.kept[~jets.mask].any()
    assert 0.5 < (jets.share * jets.kept).sum(1).mean() < 1


def test_auc_counts_pairs():
    score, signal = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True])
    assert auc(score, signal) == (1 + 0.5 + 1 + 1) / 4


@pytest.mark.slow
def test_parts_of_the_tagger_help_the_others():
    """At the length of the demonstration; in half of it the unroller is behind by 0.03."""
    splits = (VehicleJets.of(embedded(split, 8000)) for split in ("train", "test"))
    found = {(d.vehicle, d.start): d for d in drive(*splits, folder=FOLDER)}
    assert found["tagger", "scratch"].figure > 0.93
    assert found["unroller", "tagger's parts"].figure >= 0.80
    for name in VEHICLES[1:]:
        assert found[name, "tagger's parts"].figure > found[name, "scratch"].figure - 0.01
