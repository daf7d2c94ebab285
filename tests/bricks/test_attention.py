"""Attention against einsum, torch's own modules, and what a transformer must be invariant to."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jetlego.bricks import attention
from jetlego.bricks.attention import Attention, MultiHeadAttention, Score, attend, rotate
from jetlego.bricks.blocks import Block
from jetlego.bricks.build import build
from jetlego.bricks.class_attention import ClassAttention
from jetlego.bricks.groups import LengthGroups
from jetlego.bricks.masks import Packing
from jetlego.bricks.positions import sinusoids
from jetlego.bricks.transformer import Cross, Transformer


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


MASK = torch.tensor([[True] * 5, [True, True, False, False, False], [False] * 5])


@pytest.mark.parametrize("kind", ["dot", "scaled", "general", "additive", "cosine"])
def test_scores_are_their_formulas(kind):
    score = Score(in_dim=4, kind=kind, hidden=3).double()
    q, k = draw(2, 3, 4), draw(2, 5, 4, seed=1)
    found = score(q, k)
    for b in range(2):
        for t in range(3):
            for n in range(5):
                x, y = q[b, t], k[b, n]
                expected = {
                    "dot": lambda x=x, y=y: x @ y,
                    "scaled": lambda x=x, y=y: x @ y / 2,
                    "general": lambda x=x, y=y: x @ score.map.weight @ y,
                    "additive": lambda x=x, y=y: score.out(torch.tanh(score.from_query(x) + score.from_key(y)))[0],
                    "cosine": lambda x=x, y=y: F.softplus(score.beta) * F.cosine_similarity(x, y, dim=0),
                }[kind]()
                torch.testing.assert_close(found[b, t, n], expected)


def test_additive_scores_in_chunks(monkeypatch):
    score, q, k = Score(in_dim=4).double(), draw(2, 7, 4), draw(2, 5, 4, seed=1)
    whole = score(q, k)
    monkeypatch.setattr(attention, "_CHUNK", 2 * 5 * 4 * 3)
    torch.testing.assert_close(score(q, k), whole)


def test_cosine_starts_at_one_and_has_a_gradient_at_zero():
    score = Score(in_dim=3, kind="cosine").double()
    torch.testing.assert_close(F.softplus(score.beta), torch.ones((), dtype=torch.float64))
    q = torch.zeros(1, 1, 3, dtype=torch.float64, requires_grad=True)
    score(q, draw(1, 2, 3)).sum().backward()
    assert torch.isfinite(q.grad).all()


def test_scaled_attention_is_torchs():
    model, q, x = Attention(in_dim=4, kind="scaled").double(), draw(3, 2, 4), draw(3, 5, 4, seed=1)
    bias = draw(3, 2, 5, seed=2)
    expected = F.scaled_dot_product_attention(q, x, x, attn_mask=bias.masked_fill(~MASK.unsqueeze(1), -torch.inf))
    found = model(q, x, items_mask=MASK, bias=bias)
    torch.testing.assert_close(found[:2], expected[:2], rtol=1e-12, atol=1e-12)
    weights = model.weights(q, x, MASK)
    torch.testing.assert_close(weights.sum(-1), MASK.any(1).double().unsqueeze(1).expand(3, 2))
    assert (found[2] == 0).all()


def test_an_empty_set_gives_zeros_and_no_gradient():
    q, x = draw(3, 2, 4, 6).requires_grad_(), draw(3, 2, 5, 6, seed=1).requires_grad_()
    out = attend(q, x, x, key_mask=MASK)
    assert (out[2] == 0).all()
    out.square().sum().backward()
    for grad in (q.grad, x.grad):
        assert torch.isfinite(grad).all()
        assert (grad[2] == 0).all()


@pytest.mark.parametrize("causal", [False, True])
def test_attend_is_its_formula(causal):
    q, k, v = draw(3, 2, 4, 6), draw(3, 2, 5, 6, seed=1), draw(3, 2, 5, 6, seed=2)
    pair = draw(3, 1, 4, 5, seed=3)
    seen = MASK[:, None, None, :].expand(3, 2, 4, 5)
    if causal:  # four queries continue a cache of one
        seen = seen & torch.ones(4, 5, dtype=torch.bool).tril(1)
    score = torch.einsum("bhtd,bhnd->bhtn", q, k) / math.sqrt(6) + pair
    weight = score.masked_fill(~seen, -torch.inf).softmax(-1)
    found = attend(q, k, v, key_mask=MASK, pair=pair, causal=causal)
    torch.testing.assert_close(found[:2], torch.einsum("bhtn,bhnd->bhtd", weight, v)[:2])


def torch_twin(ours):
    theirs = nn.MultiheadAttention(8, 2, batch_first=True).double()
    theirs.in_proj_weight.data.copy_(ours.in_proj.weight)
    theirs.in_proj_bias.data.copy_(ours.in_proj.bias)
    theirs.out_proj.load_state_dict(ours.out_proj.state_dict())
    return theirs


def test_multi_head_attention_is_torchs():
    ours, x, context = MultiHeadAttention(8, 2).double(), draw(3, 5, 8), draw(3, 4, 8, seed=1)
    nn.init.normal_(ours.in_proj.bias)
    theirs = torch_twin(ours)
    expected = theirs(x[:2], x[:2], x[:2], key_padding_mask=~MASK[:2])[0]
    torch.testing.assert_close(ours(x, mask=MASK)[:2], expected)
    torch.testing.assert_close(ours.cross(context[:2], x[:2], mask=MASK[:2]),
                               theirs(context[:2], x[:2], x[:2], key_padding_mask=~MASK[:2])[0])  # fmt: skip


def test_block_is_torchs_layer():
    for pre in (True, False):
        ours = Block(8, heads=2, activation="relu", norm="pre" if pre else "post").double()
        theirs = nn.TransformerEncoderLayer(8, 2, 32, dropout=0.0, batch_first=True, norm_first=pre).double()
        theirs.self_attn = torch_twin(ours.attn)
        for name, part in (("linear1", ours.ffn.fc1), ("linear2", ours.ffn.fc2), ("norm1", ours.attn_norm),
                           ("norm2", ours.ffn_norm)):  # fmt: skip
            getattr(theirs, name).load_state_dict(part.state_dict())
        x = draw(2, 5, 8)
        torch.testing.assert_close(ours(x, mask=MASK[:2]), theirs(x, src_key_padding_mask=~MASK[:2]))


def test_pair_bias_of_zero_is_none_and_an_infinite_one_a_mask():
    model, x = build({"brick": "transformer", "heads": 2}, in_dim=4, seed=0).double(), draw(3, 5, 4)
    torch.testing.assert_close(model(x, MASK, torch.zeros(3, 1, 5, 5)), model(x, MASK))
    only_first = torch.zeros(3, 2, 5, 5).masked_fill(torch.arange(5) > 1, -1e9)
    torch.testing.assert_close(model(x, None, only_first)[:, :2], model(x[:, :2]))


def test_class_attention_leaves_the_items_alone():
    model, x = ClassAttention(in_dim=4, heads=2, layers=3).double(), draw(2, 5, 4)
    before = x.clone()
    out = model(x)
    assert torch.equal(x, before)
    torch.testing.assert_close(model(x.flip(1)), out)
    token = model.token.expand(2, 1, 4)
    torch.testing.assert_close(model.norm(model.blocks[2](model.blocks[1](model.blocks[0](token, x), x), x))[:, 0], out)


def test_cross_attention_is_its_formula():
    model = Cross(in_dim=3, query_dim=4, heads=1).double()
    query, items = draw(2, 3, 4), draw(2, 5, 3, seed=1)
    (block,) = model.blocks
    x, context = query, block.items_norm(model.embed_items(items))
    q, k, v = (F.linear(s, w, b) for s, w, b in zip((block.attn_norm(x), context, context),
               block.attn.in_proj.weight.chunk(3), block.attn.in_proj.bias.chunk(3), strict=True))  # fmt: skip
    weight = torch.einsum("btd,bnd->btn", q, k).div(2).softmax(-1)
    x = x + block.attn.out_proj(torch.einsum("btn,bnd->btd", weight, v))
    x = x + block.ffn.fc2(F.gelu(block.ffn.fc1(block.ffn_norm(x))))
    torch.testing.assert_close(model(query, items), model.norm(x))


def test_rotary_scores_know_only_the_distance():
    q, k = draw(1, 1, 1, 6), draw(1, 1, 1, 6, seed=1)

    def score(a, b):
        return (rotate(q, torch.tensor([a])) * rotate(k, torch.tensor([b]))).sum()

    torch.testing.assert_close(score(7, 3), score(104, 100))
    assert (score(7, 3) - score(7, 4)).abs() > 1e-6
    torch.testing.assert_close(rotate(q, torch.tensor([9])).norm(), q.norm())


def test_sinusoids_are_the_papers():
    table = sinusoids(torch.arange(4), 6)
    assert table[3, 0].item() == pytest.approx(math.sin(3))
    assert table[3, 3].item() == pytest.approx(math.cos(3 / 10000 ** (2 / 6)))
    with pytest.raises(ValueError, match="beyond max_length 3"):
        Transformer(in_dim=4, positions="learned", max_length=3)(torch.zeros(1, 4, 4))


def test_depth_start_divides_by_depth():
    model = build({"brick": "transformer", "layers": 8, "heads": 2, "depth_init": True}, in_dim=64, seed=0)
    for depth, block in enumerate(model.blocks, start=1):
        bound = math.sqrt(6 / (64 + 256)) / math.sqrt(2 * depth)
        weight = block.ffn.fc2.weight
        assert 0.98 * bound < weight.abs().max() <= bound * (1 + 1e-6)
    assert (model.blocks[0].ffn.fc1.bias == 0).all()


def test_packed_attention_forgets_what_is_cut():
    model, x = MultiHeadAttention(4, 2).double(), draw(5, 4)
    packing = Packing.of(torch.tensor([0, 5]), 5, 3)
    torch.testing.assert_close(model(x, packing=packing)[:3], model(x[None, :3])[0])


def test_heads_must_divide():
    with pytest.raises(ValueError, match="width 5 does not divide into 2 heads"):
        MultiHeadAttention(5, 2)
    with pytest.raises(ValueError, match="normformer wants pre"):
        Block(4, heads=2, norm="post", normformer=True)
    with pytest.raises(ValueError, match="one width"):
        Score(in_dim=3, query_dim=2, kind="dot")


@pytest.mark.parametrize("heads_of_pair", [None, 1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_groups_of_like_length_change_nothing(heads_of_pair, training):
    counts = np.random.default_rng(0).integers(0, 30, 40)
    ptr, total, n_max = torch.tensor([0, *counts.cumsum().tolist()]), int(counts.sum()), int(counts.max())
    assert len(LengthGroups.of(counts, n_max, ptr.device).packings) == 5
    model = build({"brick": "transformer", "heads": 2}, in_dim=4, seed=0).double().train(training)
    results = []
    for told in (None, counts):
        x = draw(total, 4).requires_grad_()
        pair = None if heads_of_pair is None else draw(40, heads_of_pair, n_max, n_max, seed=1).requires_grad_()
        y = model(x, None, pair, ptr=ptr, n_max=n_max, counts=told)
        wanted = [x] if pair is None else [x, pair]
        results.append([y, *torch.autograd.grad(y.square().sum(), [*wanted, *model.parameters()])])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_groups_only_where_they_are_worth_it():
    for counts in ([5] * 40, [5, 9, 3], [0] * 40, [3] * 39 + [60]):
        found = LengthGroups.of(np.array(counts), 50, torch.device("cpu"))
        assert (found is None) == (counts != [5] * 40 and counts != [0] * 40)


def test_attention_with_a_bias_that_learns_is_torchs():
    q, k, v = draw(3, 2, 4, 6), draw(3, 2, 5, 6, seed=1), draw(3, 2, 5, 6, seed=2)
    pair = draw(3, 1, 4, 5, seed=3)
    expected = attend(q, k, v, key_mask=MASK, pair=pair)
    torch.testing.assert_close(attend(q, k, v, key_mask=MASK, pair=pair.requires_grad_()), expected)
    dropped = torch.stack([attend(q, k, v, key_mask=MASK, pair=pair, dropout=0.2) for _ in range(3000)])
    assert (dropped.mean(0) - expected).abs().max() < 0.15
