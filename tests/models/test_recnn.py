import numpy as np
import pytest
import torch
from oracles import golden_recnn

from jetlego.errors import ConfigError, DataError
from jetlego.models.recnn import load_recnn
from jetlego.structures.forest import Forest


def _run(algorithm, cell, dtype=torch.float64):
    golden = golden_recnn.reference()
    stored = {name: golden[f"{algorithm}/{name}"] for name in ("features", "scaler_center", "scaler_scale", "children")}
    features = (stored["features"] - stored["scaler_center"]) / stored["scaler_scale"]
    forest = Forest.from_children(stored["children"], golden_recnn.node_ptr(golden))
    module = load_recnn(golden_recnn.params(golden, cell), cell=cell).to(dtype)
    embedding, score = module(features, forest)
    y = torch.as_tensor(golden["label"]).to(dtype)
    loss = -(y * score.log() + (1 - y) * (1 - score).log()).mean()
    loss.backward()
    found = {"embedding": embedding, "score": score, "loss": loss}
    found |= {"grad_W_u": module.W_u.grad, "grad_W_h": module.W_h.grad}
    return {name: (t.detach().double().numpy(), golden[f"{algorithm}/{cell}/{name}"]) for name, t in found.items()}


@pytest.mark.parametrize("cell", ["simple", "gated"])
@pytest.mark.parametrize("algorithm", golden_recnn.ALGORITHMS)
def test_original_implementation_in_float64(algorithm, cell):
    for name, (found, expected) in _run(algorithm, cell).items():
        assert found == pytest.approx(expected, abs=1e-12), name


@pytest.mark.parametrize("cell", ["simple", "gated"])
def test_original_implementation_in_float32(cell):
    for name, (found, expected) in _run("kt", cell, torch.float32).items():
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5), name


def test_lists_of_classifier_weights_do_as_well():
    golden = golden_recnn.reference()
    params = golden_recnn.params(golden, "simple")
    lists = {name: array for name, array in params.items() if "clf" not in name}
    lists |= {kind: [params[f"{kind}/{layer}"] for layer in range(3)] for kind in ("W_clf", "b_clf")}
    state = load_recnn(lists, cell="simple").state_dict()
    assert all(torch.equal(state[name.replace("/", ".")], torch.tensor(array)) for name, array in params.items())


def test_published_numbers_of_parameters():
    for cell, count in (("simple", 8481), ("gated", 48761)):
        module = load_recnn(golden_recnn.params(golden_recnn.reference(), cell), cell=cell)
        assert sum(p.numel() for p in module.parameters()) == count


def test_faults_name_the_array():
    params = golden_recnn.params(golden_recnn.reference(), "gated")
    with pytest.raises(ConfigError, match="did you mean 'gated'"):
        load_recnn(params, cell="gatd")
    with pytest.raises(DataError, match="'W_r' has shape"):
        load_recnn({**params, "W_r": np.zeros((3, 3))}, cell="gated")
    with pytest.raises(DataError, match="'b_z' is missing"):
        load_recnn({n: a for n, a in params.items() if n != "b_z"}, cell="gated")
    module = load_recnn(params, cell="gated")
    with pytest.raises(DataError, match="2 rows for 0 nodes"):
        module(np.zeros((2, 7)), Forest.from_children(np.zeros((0, 2)), np.zeros(2)))
