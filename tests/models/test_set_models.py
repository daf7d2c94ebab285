"""Models of constituents: exact sizes, and scores that know neither order, nor padding, nor the rest of the batch."""

import dataclasses

import pytest
import torch

from jetlego.bricks.build import build, spec_of
from jetlego.bricks.masks import pad, padded_mask
from jetlego.bricks.registry import bricks
from jetlego.errors import ConfigError
from jetlego.models.inputs import angles_to_jet
from jetlego.testing.guards import elsewhere, no_sync, sent_elsewhere
from jetlego.testing.jets import batch_of, one_jet, permuted_batch, tiny_batch

SMALL = {
    "pfn": {"phi": [8, 6], "f": [5], "dropout": 0.1},
    "efn": {"phi": [8, 6], "f": [5]},
    "particle_net": {"channels": [[8, 6], [10]], "k": 4, "hidden": 8, "fusion": 5},
    "particle_net_lite": {"k": 3, "hidden": 8},
    "particle_transformer": {
        "embed": [8, 16, 8], "pair_embed": [6, 6], "layers": 2, "class_layers": 1, "heads": 2, "feedforward": 2,
    },
    "particle_transformer_small": {},
    "plain_transformer": {"embed": [8, 8], "layers": 1, "heads": 2},
    "mpnn_tagger": {"hidden": 6, "adjacency": {"brick": "adjacency_mix", "adjacencies": [
        {"brick": "adjacency", "kind": "phys", "learn": True}, {"brick": "adjacency", "kind": "attn"}]}},
    "mpnn_tagger/every": {"hidden": 6, "every": True, "readout": "set2set", "update": "update_residual_mlp"},
    "graph_tagger": {"hidden": 6, "k": 3, "iterations": 2, "message": {"brick": "message_pyg", "conv": "gcn"}},
    "graph_tagger/attention": {"hidden": 6, "k": 4, "message": {"brick": "message_pyg", "conv": "gatv2", "heads": 2},
                               "readout": "set2set"},
    "jedi_net": {"hidden": 8, "effect": 4, "object": 5},
    "set_tagger": {
        "embed": {"brick": "mlp", "hidden": [8], "norm": "batch"},
        "body": [{"brick": "edgeconv", "channels": [8], "k": 3}, {"brick": "transformer", "heads": 4, "layers": 1},
                 {"brick": "mpnn", "hidden": 6}],
        "pair_bias": {"brick": "pair_bias", "hidden": [4]},
        "readout": {"brick": "pool", "how": ["mean", "max"]},
        "head": {"brick": "mlp", "hidden": [5]},
    },
    "set_tagger/plain": {
        "body": {"brick": "interaction", "relation": [4], "object": [8]}, "readout": "class_attention",
    },
}  # fmt: skip


def made(name, *, training=False, dtype=torch.float64):
    module = build({"brick": name.partition("/")[0], **SMALL[name]}, in_dim=7, num_classes=3, seed=1)
    return module.to(dtype).train(training)


def test_every_model_of_constituents_is_here():
    groups = {"flow_networks", "particle_net", "particle_transformer", "message_passing", "set_tagger"}
    of_sets = {e.name for e in bricks().values() if e.group in groups}
    assert of_sets <= {name.partition("/")[0] for name in SMALL}


@pytest.mark.parametrize("name", SMALL)
def test_order_padding_and_company_do_not_matter(name):
    model, jets = made(name), tiny_batch(dtype=torch.float64)
    logits = model(jets)
    assert logits.shape == (6, 3)
    assert logits.std(0).min() > 1e-6
    torch.testing.assert_close(model(permuted_batch(jets)), logits, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(model(tiny_batch(dtype=torch.float64, spare=5)), logits, rtol=1e-9, atol=1e-9)
    alone = torch.cat([model(one_jet(jets, b)) for b in range(6)])
    torch.testing.assert_close(alone, logits, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SMALL)
def test_gradients_are_finite_and_reach_every_parameter(name):
    model, jets = made(name, training=True, dtype=torch.float32), tiny_batch()
    torch.nn.functional.cross_entropy(model(jets), jets.label).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
    nothing = batch_of(torch.zeros(0, 7), torch.zeros(0, 4), [0, 0])
    assert torch.isfinite(model(nothing)).all()


@pytest.mark.parametrize("name", SMALL)
def test_spec_device_and_waiting(name):
    model, jets = made(name, dtype=torch.float32), tiny_batch()
    assert spec_of(model) == {"brick": name.partition("/")[0], **SMALL[name]}
    with no_sync():
        model(jets)
    with elsewhere():
        state = {k: sent_elsewhere(v) for k, v in [*model.named_parameters(), *model.named_buffers()]}
        fields = {f.name: sent_elsewhere(getattr(jets, f.name)) for f in dataclasses.fields(jets)}
        logits = torch.func.functional_call(model, state, (dataclasses.replace(jets, **fields),))
        assert logits.device.type == "meta"


@pytest.mark.parametrize("name", ["particle_net", "particle_transformer"])
@pytest.mark.parametrize("training", [False, True])
def test_packed_equals_padded(name, training):
    jets = tiny_batch(dtype=torch.float64)
    points = angles_to_jet(jets.p4, jets.jet_ptr)
    second = points if name == "particle_net" else jets.p4
    args = [pad(v, jets.jet_ptr, 20) for v in (jets.constituents, second)]
    models = [made(name, training=training) for _ in range(2)]
    for model in models:
        for part in model.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
    padded = models[0].logits(*args, padded_mask(jets.jet_ptr, 20))
    torch.testing.assert_close(models[1](jets), padded, rtol=1e-9, atol=1e-9)
    for (key, a), b in zip(models[0].named_buffers(), models[1].buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9, msg=lambda m, key=key: f"{key}: {m}")


@pytest.mark.parametrize(
    ("spec", "in_dim", "num_classes", "parameters"),
    [
        ("pfn", 3, 2, 82_458),
        ("pfn", 4, 2, 82_558),
        ({"brick": "pfn", "phi": [100, 100, 128]}, 3, 2, 56_730),
        ({"brick": "pfn", "phi": [128] * 3, "f": [128] * 3}, 7, 2, 83_842),
        ({"brick": "pfn", "phi": [128] * 3, "f": [128] * 3}, 17, 10, 86_154),
        ("efn", 7, 2, 82_358),
        ("particle_net", 7, 2, 366_160),
        ("particle_net", 7, 10, 368_216),
        ("particle_net", 13, 10, 369_380),
        ("particle_net", 17, 10, 370_156),
        ("particle_net_lite", 7, 2, 26_416),
        ("particle_net_lite", 7, 10, 27_448),
        ("particle_net_lite", 17, 10, 28_428),
        ({"brick": "particle_net", "fusion": 384}, 7, 2, 571_728),
        ({"brick": "particle_net", "fusion": 384}, 17, 10, 575_724),
        ("particle_transformer", 7, 2, 2_141_134),
        ("particle_transformer", 7, 10, 2_142_166),
        ("particle_transformer", 13, 10, 2_142_958),
        ("particle_transformer", 17, 10, 2_143_486),
        ("particle_transformer_small", 7, 10, 45_078),
        ("jedi_net", 16, 2, 148_962),
        ({"brick": "jedi_net", "hidden": 64, "object": 16, "flatten": 150}, 16, 2, 169_906),
    ],
)
def test_published_parameter_counts(spec, in_dim, num_classes, parameters):
    with torch.device("meta"):
        model = build(spec, in_dim=in_dim, num_classes=num_classes)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_flattened_jedi_net_keeps_the_first_constituents():
    model = build({"brick": "jedi_net", "hidden": 8, "flatten": 4}, in_dim=7, num_classes=2, seed=0).double()
    jets = tiny_batch(dtype=torch.float64)
    first = batch_of(*(pad(v, jets.jet_ptr, 4)[padded_mask(jets.jet_ptr, 4)] for v in (jets.constituents, jets.p4)),
                     jets.jet_ptr.diff().clamp(max=4).tolist())  # fmt: skip
    torch.testing.assert_close(model(jets), model(first))


def test_energy_flow_network_is_infrared_and_collinear_safe():
    model, jets = made("efn"), tiny_batch([6, 4], dtype=torch.float64)
    p4 = jets.p4
    split = torch.cat([p4[:2], 0.3 * p4[2:3], 0.7 * p4[2:3], p4[3:]])
    soft = torch.cat([1e-12 * p4[3:4].roll(1, -1), p4])
    for changed in (split, soft):
        again = batch_of(torch.zeros(11, 7, dtype=torch.float64), changed, [7, 4])
        torch.testing.assert_close(model(again), model(jets), rtol=1e-9, atol=1e-9)


def test_what_the_jets_lack_is_said():
    jets = tiny_batch()
    with pytest.raises(ConfigError, match="without constituent features"):
        made("pfn", dtype=torch.float32)(dataclasses.replace(jets, constituents=None))
    with pytest.raises(ConfigError, match="without four-momenta"):
        made("particle_net", dtype=torch.float32)(dataclasses.replace(jets, p4=None))
