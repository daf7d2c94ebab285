"""Assemblies: steps against the same calls in Python, joins that are refused, weights that are shared."""

import pytest
import torch

from jetlego.bricks.assembly import Assembly
from jetlego.bricks.build import build
from jetlego.bricks.wiring import parse_steps
from jetlego.errors import ConfigError

MLP = {"brick": "mlp", "hidden": [4]}
MASK = torch.arange(5) < torch.tensor([5, 3, 0, 1]).unsqueeze(1)
X = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1))


def _assembly(steps, *, parts=None, inputs=None, outputs=None, **sizes):
    inputs, outputs = inputs or {"x": "set[3]"}, outputs or {"y": "any"}
    return Assembly(inputs=inputs, steps=steps, outputs=outputs, parts=parts, **sizes)


def test_steps_are_the_calls_they_name():
    parts = {"embed": MLP, "query": {"brick": "gru", "hidden": 4}, "score": {"brick": "score", "kind": "scaled"}}
    steps = ["e = embed(x)", "q, state = query.step(pool(e))", "q, state = query.step(q, state=state)",
             "y = cat(first(read(score(one(q), e), e)), q)"]  # fmt: skip
    made = _assembly(steps, parts=parts)
    embed, query = made.parts["embed"], made.parts["query"]
    e = embed(X, MASK)
    q, state = query.step(e.sum(1))
    q, state = query.step(q, state)
    weight = (e @ q.unsqueeze(-1) / 2).masked_fill(~MASK.unsqueeze(-1), -torch.inf).softmax(1).nan_to_num()
    torch.testing.assert_close(made(x=X, mask=MASK), torch.cat([(weight * e).sum(1), q], -1))
    assert made.out_dim == 8
    assert {n.split(".")[1] for n, _ in made.named_parameters()} == {"embed", "query"}


def test_images_come_out_of_vectors_and_features_out_of_networks():
    steps = ["a, b = net.features(image)", "v = cat(global_pool(a), global_pool(b))",
             "y = paint(enlarge(unflat(grow(v), size=3)))"]  # fmt: skip
    parts = {"net": {"brick": "resnet", "width": 2, "blocks": [1, 1]}, "grow": {"brick": "mlp", "out_dim": 18},
             "paint": {"brick": "conv", "out_dim": 1}}  # fmt: skip
    made = _assembly(steps, parts=parts, inputs={"image": "image[1]"}, outputs={"y": "image"})
    assert made(image=torch.randn(2, 1, 8, 8)).shape == (2, 1, 6, 6)
    assert made.wires["v"].width == 6


def test_items_follow_an_order_one_step_late():
    made = _assembly(["y = follow(x, order)"], inputs={"x": "set[3]", "order": "index"})
    order = torch.tensor([[4, 0, 2], [1, -1, -1], [-1, -1, -1], [0, -1, -1]])
    y = made(x=X, mask=MASK, order=order)
    assert torch.equal(y[0], torch.stack([torch.zeros(3), X[0, 4], X[0, 0]]))
    assert torch.equal(y[1], torch.stack([torch.zeros(3), X[1, 1], torch.zeros(3)]))


@pytest.mark.parametrize(("step", "what"), [
    ("y = mlp(z)", "no stream 'z'"),
    ("y = poool(x)", "did you mean 'pool'"),
    ("y = convnet(x)", "cannot feed convnet"),
    ("y = flatten(pool(x))", "cannot feed flatten"),
    ("y = pool(x, wait=x)", "not 'wait'"),
    ("y = add(x, pool(x))", "cannot add"),
    ("y = x", "calls nothing"),
    ("pool(x)", "assigns nothing"),
    ("y = pool(x + x)", "wants a name"),
    ("y = pool(", "is no step"),
    ("y = __import__('os').system(x)", "wants a name"),
])  # fmt: skip
def test_what_does_not_join_is_refused(step, what):
    with pytest.raises(ConfigError, match=what):
        _assembly([step])


def test_a_part_keeps_its_width_and_every_part_is_used():
    with pytest.raises(ConfigError, match="it is fed 2"):
        _assembly(["e = head(x)", "y = head(e)"], parts={"head": {"brick": "mlp", "hidden": [2]}})
    with pytest.raises(ConfigError, match="no step uses other"):
        build({"brick": "assembly", "inputs": {"x": "set[3]"}, "outputs": {"y": "vector"}, "parts": {"other": "pool"},
               "steps": ["y = pool(x)"]})  # fmt: skip
    with pytest.raises(ConfigError, match="declared as image"):
        _assembly(["y = pool(x)"], outputs={"y": "image"})


def test_nested_calls_run_inside_out():
    calls = parse_steps(["a, b = f(g(x), s=h(x), n=3)"])
    assert [(s.calls, len(s.gives)) for s in calls] == [("g", 1), ("h", 1), ("f", 2)]
    assert calls[2].constants == {"n": 3}
    assert calls[2].streams == calls[0].gives
    assert calls[2].named == (("s", calls[1].gives[0]),)
