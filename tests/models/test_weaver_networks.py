"""Official weights give the official logits (taggers.md, section 8.3)."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from jetlego.bricks.neighbours import nearest
from jetlego.errors import ConfigError, DataError
from jetlego.models.weaver import from_weaver_state, load_weaver, read_state
from jetlego.testing.jets import batch_of

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"
pytestmark = pytest.mark.skipif(not GOLDEN.exists(), reason="needs the folder ../shared beside the project")
COINCIDENT = (185, 190)
"""Two jets with constituents 8e-5 apart, where weaver's rounding decides the neighbourhood."""


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "weaver_reference_kin.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def inputs(golden, rows=slice(None)):
    return [golden[f"input/pf_{name}"][rows] for name in ("points", "features", "vectors", "mask")]


def small_transformer(golden):
    prefix = "ParT_small/state/"
    state = {name.removeprefix(prefix): value for name, value in golden.items() if name.startswith(prefix)}
    return from_weaver_state(state, network="particle_transformer"), state


@torch.no_grad()
@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_particle_transformer_to_weavers_logits(golden, step):
    network, _ = small_transformer(golden)
    rows = slice(0, 200, step)
    for found in (network(*inputs(golden, rows)), network.net(as_jets(golden, rows))):
        assert (found - golden["ParT_small/logits"][rows]).abs().max() <= 1e-5


@torch.no_grad()
def test_names_of_older_files(golden):
    network, state = small_transformer(golden)
    old = {"mod." + k.replace("in_proj.", "in_proj_"): v for k, v in state.items()}
    same = from_weaver_state(old, network="particle_transformer")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), same.parameters(), strict=True))


def particle_net(neighbours):
    network = load_weaver(GOLDEN / "weights" / "ParticleNet_kin.pt", network="particle_net")
    for conv in network.net.convs:
        conv.neighbours = neighbours
    return network


@torch.no_grad()
def test_particle_net_to_weavers_logits(golden):
    rows = torch.tensor([0, 41, 99, 150, *COINCIDENT])
    logits = particle_net("weaver")(*inputs(golden, rows))
    assert (logits - golden["ParticleNet/logits"][rows]).abs().max() <= 1e-5


@pytest.mark.slow
@torch.no_grad()
def test_particle_net_to_weavers_logits_on_all_jets(golden):
    logits, label = particle_net("weaver")(*inputs(golden)), golden["label/_label_"]
    assert (logits - golden["ParticleNet/logits"]).abs().max() <= 1e-5
    assert (logits.argmax(1) == label).double().mean().item() == pytest.approx(0.615)
    assert torch.nn.functional.cross_entropy(logits, label).item() == pytest.approx(1.2703, abs=1e-4)


@pytest.mark.slow
@torch.no_grad()
def test_exact_neighbours_differ_where_weaver_rounds(golden):
    difference = (particle_net("exact")(*inputs(golden)) - golden["ParticleNet/logits"]).abs().amax(1)
    others = torch.ones(200, dtype=torch.bool)
    others[list(COINCIDENT)] = False
    assert difference[others].max() <= 1e-5
    assert difference[~others].tolist() == pytest.approx([1.19, 1.33], abs=0.01)
    points, mask = golden["input/pf_points"].mT, golden["input/pf_mask"][:, 0] > 0.5
    for jet in COINCIDENT:
        index, _ = nearest(points[jet : jet + 1], mask[jet : jet + 1], 1)
        closest = (points[jet] - points[jet][index[0, :, 0]]).norm(dim=-1)[mask[jet]]
        assert closest.min() < 1e-4


@pytest.mark.slow
@torch.no_grad()
def test_a_batch_of_jets_gives_the_same(golden):
    difference = (particle_net("exact").net(as_jets(golden)) - golden["ParticleNet/logits"]).abs().amax(1)
    difference[list(COINCIDENT)] = 0
    # angles are made anew from float32 momenta, with another rounding than the file's, so a neighbourhood may change
    assert difference.median() <= 1e-5
    assert (difference > 1e-3).sum() <= 4


def as_jets(golden, rows=slice(None)):
    _, features, p4, mask = inputs(golden, rows)
    mask = mask[:, 0] > 0.5
    features, p4 = features.mT[mask], p4.mT[mask]
    return batch_of(features, p4, mask.sum(1).tolist())


@pytest.mark.parametrize("features", ["kinpid", "full"])
def test_other_official_weights_load(features):
    network = load_weaver(GOLDEN / "weights" / f"ParticleNet_{features}.pt", network="particle_net")
    assert sum(p.numel() for p in network.parameters()) == {"kinpid": 369_380, "full": 370_156}[features]


def test_what_does_not_fit_is_refused(golden, tmp_path):
    path = GOLDEN / "weights" / "ParticleNet_kin.pt"
    with pytest.raises(ConfigError, match="there is no network 'particlenet'; did you mean 'particle_net'"):
        load_weaver(path, network="particlenet")
    with pytest.raises(DataError, match="is not the state of a weaver particle_transformer"):
        load_weaver(path, network="particle_transformer")
    state = read_state(path)
    state["mod.extra"] = torch.zeros(1)
    state["mod.fc.0.0.bias"] = torch.zeros(3)
    del state["mod.bn_fts.bias"]
    with pytest.raises(DataError) as caught:
        from_weaver_state(state, network="particle_net", where="file.pt")
    assert str(caught.value) == (
        "file.pt does not fit; missing: input_norm.bias; unexpected: extra; "
        "of another shape: head.layers.0.linear.bias (3,)"
    )
    with pytest.raises(DataError, match="no file"):
        load_weaver(tmp_path / "none.pt", network="particle_net")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(DataError, match=r"text\.pt"):
        load_weaver(tmp_path / "text.pt", network="particle_net")


class Trap:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def test_a_pickle_that_would_run_code_never_does(tmp_path):
    torch.save({"mod.x": Trap(tmp_path / "canary")}, tmp_path / "trap.pt")
    with pytest.raises(DataError) as caught:
        load_weaver(tmp_path / "trap.pt", network="particle_net")
    assert caught.value.id == "UNSAFE-PICKLE"
    assert not (tmp_path / "canary").exists()
