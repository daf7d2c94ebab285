"""Rows, triangles, frames and recycling against sums written out, symmetries and stopped gradients."""

import pytest
import torch

from jetlego.bricks.build import build
from jetlego.bricks.frames import rotation_of, to_global, to_local
from jetlego.testing.examples.evoformer import EXAMPLES
from jetlego.testing.kit import make

PAIRS = [n for n in EXAMPLES if n.startswith(("triangle", "pair_tr", "msa", "outer", "evo", "first", "recycle"))]


def _inputs(name, seed=7):
    return EXAMPLES[name].inputs(torch.Generator().manual_seed(seed))


def _call(module, inputs):
    found = module(**inputs)
    return [found] if isinstance(found, torch.Tensor) else list(found)


def _turn(x, order):
    """Put the items of whatever axes have five slots into another order."""
    for axis in range(1, x.dim()):
        x = x.index_select(axis, order) if x.shape[axis] == 5 else x
    return x


@pytest.mark.parametrize("name", PAIRS)
def test_padding_permutation_and_company_do_not_matter(name):
    module, inputs = make(EXAMPLES[name]), _inputs(name)
    expected = _call(module, inputs)
    real = inputs["mask"] if inputs["mask"].dim() == 2 else inputs["mask"].any(1)
    both = real.unsqueeze(1) & real.unsqueeze(2)
    spoiled = dict(inputs)
    for key in {"x", "pair"} & inputs.keys():
        x = inputs[key]
        gone = both.unsqueeze(1) if x.shape[-1] == 5 else real[:, None, :, None]
        spoiled[key] = x.masked_fill(~gone, torch.nan)
    order = torch.tensor([3, 0, 4, 1, 2])
    turned = {k: _turn(v, order) for k, v in inputs.items()}
    alone = {k: v[:1] for k, v in inputs.items()}
    for a, b, c, d in zip(expected, _call(module, spoiled), _call(module, turned), _call(module, alone), strict=True):
        assert torch.equal(a, b)
        torch.testing.assert_close(_turn(a, order), c, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(a[:1], d, rtol=1e-10, atol=1e-10)
        assert a.abs().sum() > 0
        assert (a[2] == 0).all()


@pytest.mark.parametrize("direction", ["out", "in"])
def test_triangle_products_are_the_sum_over_the_third_item(direction):
    module, inputs = make(EXAMPLES[f"triangle_multiply/{direction}"]), _inputs("triangle_multiply/out")
    z = module.norm(inputs["x"].permute(0, 2, 3, 1)[0])
    a, b = (torch.sigmoid(module.side_gates(z)) * module.sides(z)).chunk(2, -1)
    total = torch.zeros(5, 5, 3, dtype=z.dtype)
    for i in range(5):
        for j in range(5):
            for k in range(5):
                total[i, j] += a[i, k] * b[j, k] if direction == "out" else a[k, i] * b[k, j]
    expected = torch.sigmoid(module.gate(z)) * module.out(module.product_norm(total))
    torch.testing.assert_close(module(**inputs)[0], expected.permute(2, 0, 1), rtol=1e-12, atol=1e-12)


def test_triangles_in_are_those_out_of_transposed_pairs_with_the_sides_exchanged():
    out, inputs = make(EXAMPLES["triangle_multiply/out"]), _inputs("triangle_multiply/out")
    other = make(EXAMPLES["triangle_multiply/in"])
    other.load_state_dict(out.state_dict())
    found = other(**inputs)
    with torch.no_grad():
        for linear in (out.sides, out.side_gates):
            linear.weight.copy_(linear.weight.roll(3, 0))
            linear.bias.copy_(linear.bias.roll(3, 0))
    expected = out(inputs["x"].mT, inputs["mask"]).mT
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("around", ["start", "end"])
def test_triangle_attention_is_the_sum_over_the_third_item(around):
    module, inputs = make(EXAMPLES[f"triangle_attention/{around}"]), _inputs("triangle_attention/start")
    z = module.norm(inputs["x"].permute(0, 2, 3, 1)[0])
    query, key, value = module.attention.to_qkv(z).unflatten(-1, (3, 2, 2)).unbind(-3)
    bias = module.bias(z)
    read = torch.zeros(5, 5, 2, 2, dtype=z.dtype)
    for i in range(5):
        for j in range(5):
            for head in range(2):
                sides = [(key[i, k], value[i, k], bias[j, k]) if around == "start" else
                         (key[k, j], value[k, j], bias[k, i]) for k in range(5)]  # fmt: skip
                score = torch.stack([query[i, j, head] @ k[head] / 2**0.5 + b[head] for k, _, b in sides])
                read[i, j, head] = sum(w * v[head] for w, (_, v, _) in zip(score.softmax(0), sides, strict=True))
    expected = module.attention.out(torch.sigmoid(module.attention.gate(z)) * read.flatten(-2))
    torch.testing.assert_close(module(**inputs)[0], expected.permute(2, 0, 1), rtol=1e-12, atol=1e-12)


def test_outer_products_are_averaged_over_the_rows_that_know_both():
    module, inputs = make(EXAMPLES["outer_product_mean"]), _inputs("outer_product_mean")
    a, b = module.sides(module.norm(inputs["x"])).chunk(2, -1)
    found = module(**inputs)[0]
    for i, j, rows in ((0, 2, (0, 1, 2)), (0, 1, (0, 2)), (1, 1, (0, 2))):
        mean = sum(torch.outer(a[0, s, i], b[0, s, j]) for s in rows) / len(rows)
        torch.testing.assert_close(found[:, i, j], module.out(mean.flatten()), rtol=1e-12, atol=1e-12)
    shuffled = module(inputs["x"][:, [2, 0, 1]], inputs["mask"][:, [2, 0, 1]])
    torch.testing.assert_close(shuffled[0], found, rtol=1e-12, atol=1e-12)


def test_rows_but_the_first_are_a_set():
    module, inputs = make(EXAMPLES["recycle"]), _inputs("recycle")
    turned = {k: v[:, [0, 2, 1]] if v.shape[1] == 3 else v for k, v in inputs.items()}
    for a, b in zip(module(**inputs), module(**turned), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_point_attention_does_not_see_a_rigid_motion():
    inputs = _inputs("ipa")
    turn, shift = rotation_of(torch.tensor([0.3, -2.0, 0.7]).double()), torch.tensor([5.0, -1.0, 2.0]).double()
    moved = dict(inputs, rotation=turn @ inputs["rotation"], origin=inputs["origin"] @ turn.mT + shift)
    module = make(EXAMPLES["ipa"])
    torch.testing.assert_close(module(**inputs), module(**moved), rtol=1e-10, atol=1e-10)
    bent = dict(inputs, origin=inputs["origin"] * torch.tensor([1.0, 1.0, -1.0]))
    assert (module(**inputs) - module(**bent)).abs().max() > 1e-3
    update = make(EXAMPLES["frames"])
    rotation, origin = update(inputs["x"], inputs["rotation"], inputs["origin"])
    turned, placed = update(inputs["x"], moved["rotation"], moved["origin"])
    torch.testing.assert_close(turn @ rotation, turned, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(origin @ turn.mT + shift, placed, rtol=1e-10, atol=1e-10)


def test_frames():
    vector = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rotation = rotation_of(vector)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).double().expand(6, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(6).double())
    # the quaternion (1, v) turns about v by twice the arc tangent of |v| (Rodrigues)
    axis, angle = vector / vector.norm(dim=-1, keepdim=True), 2 * vector.norm(dim=-1).atan()
    points, origin = vector.flip(0).unsqueeze(1), vector.roll(1, 0)
    p, n = points.squeeze(1), axis
    along = (p * n).sum(-1, keepdim=True) * n
    turned = along + (p - along) * angle.cos().unsqueeze(-1) + torch.linalg.cross(n, p) * angle.sin().unsqueeze(-1)
    torch.testing.assert_close(to_global(rotation, origin, points).squeeze(1), turned + origin)
    torch.testing.assert_close(to_local(rotation, origin, to_global(rotation, origin, points)), points)


def test_recycling_with_zero_weights_is_no_recycling_and_the_gradient_knows_one_pass():
    inputs = _inputs("recycle")
    twice, once = make(EXAMPLES["recycle"]), make(EXAMPLES["recycle"])
    once.passes = 1
    assert not torch.equal(twice(**inputs).origin, once(**inputs).origin)
    for module in (twice, once):
        torch.nn.init.zeros_(module.distance.weight)
        for norm in (module.item_norm, module.pair_norm):
            torch.nn.init.zeros_(norm.weight)
    for a, b in zip(twice(**inputs), once(**inputs), strict=True):
        assert torch.equal(a, b)
    gradients = []
    for module in (twice, once):
        sum(v.square().sum() for v in module(**inputs)).backward()
        gradients.append([p.grad for p in module.trunk.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_each_jet_draws_its_number_of_passes():
    spec = EXAMPLES["recycle"].spec | {"random": True}
    module = build(spec, seed=1, **EXAMPLES["recycle"].given).double().train()
    inputs = {k: v[:1].expand(32, *v.shape[1:]) for k, v in _inputs("recycle").items()}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        origin = module(**inputs).origin
    expected = []
    for passes in (1, 2):
        module.eval().passes = passes
        expected.append(module(**inputs).origin[0])
    kinds = torch.stack([(origin - e).abs().amax((1, 2)) < 1e-12 for e in expected])
    assert kinds.any(1).all()
    assert (kinds.sum(0) == 1).all()


@pytest.mark.parametrize("direction", ["out", "in"])
def test_triangle_products_equal_those_of_the_public_module(direction):
    module = pytest.importorskip("triangle_multiplicative_module", reason="of the extra dev")
    mine, inputs = make(EXAMPLES[f"triangle_multiply/{direction}"]), _inputs("triangle_multiply/out")
    mix = "outgoing" if direction == "out" else "ingoing"
    theirs = module.TriangleMultiplicativeModule(dim=4, hidden_dim=3, mix=mix).double()
    # they gate in front of the last layer, with gates as wide as the products: open both, and the rest is one formula
    for gate, dim in ((mine.gate, 4), (theirs.out_gate, 3)):
        gate.weight.data, gate.bias.data = torch.zeros(dim, 4).double(), torch.full((dim,), 50.0).double()
    sides = [v.chunk(2) for v in (mine.sides.weight, mine.sides.bias, mine.side_gates.weight, mine.side_gates.bias)]
    sides = [s if direction == "out" else s[::-1] for s in sides]  # theirs is b_ki a_kj
    names = ("proj.weight", "proj.bias", "gate.weight", "gate.bias")
    state = {f"{side}_{n}": s[i] for i, side in enumerate(("left", "right")) for n, s in zip(names, sides, strict=True)}
    state |= {f"norm.{k}": v for k, v in mine.norm.state_dict().items()}
    state |= {f"to_out_norm.{k}": v for k, v in mine.product_norm.state_dict().items()}
    state |= {f"to_out.{k}": v for k, v in mine.out.state_dict().items()}
    state |= {f"out_gate.{k}": v for k, v in theirs.out_gate.state_dict().items()}
    theirs.load_state_dict(state)
    found, expected = mine(inputs["x"]), theirs(inputs["x"].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_point_attention_equals_that_of_the_public_module():
    module = pytest.importorskip("invariant_point_attention", reason="of the extra dev")
    mine, inputs = make(EXAMPLES["ipa"]), _inputs("ipa")
    theirs = module.InvariantPointAttention(
        dim=4, heads=2, scalar_key_dim=3, scalar_value_dim=3, point_key_dim=2, point_value_dim=1, pairwise_repr_dim=2
    ).double()
    query, key, value = (w.flatten(0, 1) for w in mine.to_qkv.weight.unflatten(0, (2, 3, 3)).unbind(1))
    points = mine.to_points.weight.unflatten(0, (2, 5, 3)).split([2, 2, 1], 1)
    blocks = mine.out.weight.split([6, 4, 6, 2], 1)  # values, pairs, points, norms
    state = {
        "point_weights": mine.gamma, "to_scalar_q.weight": query, "to_scalar_k.weight": key,
        "to_scalar_v.weight": value, "to_pairwise_attn_bias.0.weight": mine.bias.weight,
        "to_pairwise_attn_bias.0.bias": torch.zeros(2), "to_out.bias": mine.out.bias,
        "to_out.weight": torch.cat([blocks[0], blocks[2], blocks[3], blocks[1]], 1),
    } | {f"to_point_{n}.weight": w.flatten(0, 2) for n, w in zip("qkv", points, strict=True)}  # fmt: skip
    theirs.load_state_dict(state)
    real = [0]  # a full set
    found = mine(**{k: v[real] for k, v in inputs.items()})
    expected = theirs(inputs["x"][real], inputs["pair"][real].permute(0, 2, 3, 1),
                      rotations=inputs["rotation"][real].mT, translations=inputs["origin"][real])  # fmt: skip
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
