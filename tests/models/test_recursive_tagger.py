from dataclasses import replace

import pytest
import torch
from oracles.random_trees import random_jets

from jetlego.bricks.build import build
from jetlego.structures.batch import TreeBatch
from jetlego.structures.store import TreeSpec, prepare

SPEC = {
    "brick": "recursive_tagger",
    "cell": {"brick": "recnn_simple", "hidden": 8},
    "head": {"brick": "mlp", "hidden": [8, 8]},
}


@pytest.fixture(scope="module")
def store():
    return prepare(random_jets(3), trees={"kt": TreeSpec(), "ca": TreeSpec(algorithm="cambridge_aachen")})


def test_logits_are_head_of_root_states(store):
    model = build({**SPEC, "tree": "ca"}, seed=1, **store.sizes)
    batch = store.batch(range(10))
    logits = model(batch)
    assert logits.shape == (10, 2)
    tree = batch.tree("ca")
    states = model.encoder.cell(tree.features, tree.plan)
    filled = tree.plan.root_row < tree.plan.num_roots
    torch.testing.assert_close(logits[filled], model.head(states[: tree.plan.num_roots]))


def test_embedding_network_and_gated_cell_learn(store):
    spec = {**SPEC, "cell": {"brick": "recnn_gated", "hidden": 8}, "embed": {"brick": "mlp", "hidden": [16]}}
    model = build({**spec, "tree": "kt"}, seed=1, **store.sizes)
    batch, optimizer = store.batch(range(10)), torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(batch), batch.label)
        loss.backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_forward_of_a_batch_on_another_device(store):
    from torch._subclasses.fake_tensor import FakeTensorMode

    model, batch = build({**SPEC, "tree": "kt"}, seed=1, **store.sizes), store.batch(range(10))
    tree = batch.tree("kt")
    with FakeTensorMode(), torch.no_grad():
        plan = replace(tree.plan, **{name: _on_cuda(t) for name, t in tree.plan._tensors().items()})
        fake = replace(batch, trees={"kt": TreeBatch(_on_cuda(tree.features), plan)})
        state = {name: _on_cuda(p) for name, p in model.named_parameters()}
        logits = torch.func.functional_call(model, state, (fake,))
        assert logits.shape == (10, 2)
        assert logits.device.type == "cuda"


def _on_cuda(tensor):
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="cuda")
