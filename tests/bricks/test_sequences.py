"""Language models, adaptive computation time and sequence to sequence: probabilities add up, steps agree."""

import pytest
import torch

from jetlego.bricks.act import ACT
from jetlego.bricks.build import build
from jetlego.bricks.seq2seq import Seq2Seq

CORES = ["gru", {"brick": "transformer", "layers": 2, "heads": 2, "causal": True, "positions": "sinusoidal"}]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("core", CORES, ids=["gru", "transformer"])
def test_a_sequence_costs_what_its_steps_cost(core):
    model = build({"brick": "language", "symbols": 3, "hidden": 8, "core": core}, seed=1).double()
    tokens = torch.randint(3, (5, 6), generator=rng())
    log_prob, state = model.step(None, num=5)
    total = torch.zeros(5, dtype=torch.float64)
    for t in range(6):
        total -= log_prob.gather(1, tokens[:, t : t + 1]).squeeze(1)
        log_prob, state = model.step(tokens[:, t], state)
    torch.testing.assert_close(model.nll(tokens), total, rtol=0, atol=1e-10)
    mask = torch.arange(6) < torch.tensor([[6], [4], [1], [0], [3]])
    for row, count in enumerate(mask.sum(1)):
        alone = model.nll(tokens[row : row + 1, :count]) if count else torch.zeros(1, dtype=torch.float64)
        torch.testing.assert_close(model.nll(tokens, mask)[row : row + 1], alone, rtol=0, atol=1e-12)
    drawn, scores = model.sample(4, 7, generator=rng(2))
    torch.testing.assert_close(model.nll(drawn), -scores.sum(1), rtol=0, atol=1e-10)


def test_all_words_of_a_language_have_probability_one():
    model = build({"brick": "language", "symbols": 2, "hidden": 4}, seed=1).double()
    words = torch.cartesian_prod(*[torch.arange(2)] * 5)
    assert model.nll(words).neg().exp().sum().item() == pytest.approx(1, abs=1e-12)


def made(**how):
    torch.manual_seed(0)
    return ACT(in_dim=3, hidden=4, **how).double()


def test_halting_follows_the_paper():
    model, x = made(max_ponder=6, halt_bias=-1.0), torch.randn(20, 3, dtype=torch.float64, generator=rng())
    s = torch.randn(20, 4, dtype=torch.float64, generator=rng(1))
    weights, states, cost = model.inner(x, s)
    torch.testing.assert_close(weights.sum(1), torch.ones(20, dtype=torch.float64), rtol=0, atol=1e-15)
    for row in range(20):
        halts = [torch.sigmoid(model.halt(state[row])).item() for state in states]
        n = next((i for i in range(6) if sum(halts[: i + 1]) >= 1 - model.epsilon), 5)
        rest = 1 - sum(halts[:n])
        assert weights[row].tolist() == pytest.approx([*halts[:n], rest, *[0] * (5 - n)])
        assert cost[row].item() == pytest.approx(n + 1 + rest)
    assert len({round(c) for c in cost.tolist()}) > 1


def test_an_eager_halt_is_the_plain_cell():
    model, x = made(halt_bias=100.0), torch.randn(2, 5, 3, dtype=torch.float64, generator=rng())
    y, ponder = model(x)
    s = torch.zeros(2, 4, dtype=torch.float64)
    for t in range(5):
        s = model.cell(torch.cat([x[:, t], torch.ones(2, 1, dtype=torch.float64)], 1), s)
        torch.testing.assert_close(y[:, t], s, rtol=0, atol=0)
    assert (ponder == 2).all()


def test_the_gradient_of_the_remainder():
    model, x = made(max_ponder=4, halt_bias=-1.0), torch.randn(3, 3, dtype=torch.float64, generator=rng())
    x.requires_grad_()
    cost = lambda x: model.inner(x, torch.zeros(3, 4, dtype=torch.float64))[2]  # noqa: E731
    assert cost(x).sum() > 6
    assert torch.autograd.gradcheck(cost, (x,))
    assert torch.autograd.grad(cost(x).sum(), model.halt.bias)[0].abs() > 0


@pytest.mark.parametrize(("attention", "location"), [(None, 0), ("additive", 2), ("cosine", 0)])
def test_decoding_agrees_with_scoring(attention, location):
    torch.manual_seed(0)
    model = Seq2Seq(in_dim=3, symbols=4, hidden=6, attention=attention, location=location, bidirectional=True).double()
    x = torch.randn(30, 5, 3, dtype=torch.float64, generator=rng())
    mask = torch.arange(5) < torch.randint(0, 6, (30, 1), generator=rng(3))
    for generator in (None, rng(4)):
        tokens, scores = model.decode(x, mask, steps=9, generator=generator)
        again = model(x, mask, tokens).gather(2, tokens.unsqueeze(-1)).squeeze(-1)
        live = (tokens == 4).cumsum(1) - (tokens == 4).long() == 0
        torch.testing.assert_close(scores, again * live, rtol=0, atol=1e-10)
        assert (tokens[~live] == 4).all()
    if attention:
        weights = model.attended(*model.read(x, mask))
        assert (weights[~mask] == 0).all()
        torch.testing.assert_close(weights.sum(1), mask.any(1).double())


def test_attention_can_be_told_to_go_one_place_back():
    model = Seq2Seq(in_dim=3, symbols=4, hidden=6, attention="additive", location=1).double()
    x, mask = torch.randn(2, 9, 3, dtype=torch.float64), torch.arange(9) < torch.tensor([[9], [6]])
    s, h, real, _, keys = model.read(x, mask)
    before = torch.rand(2, 9, dtype=torch.float64) * mask
    weights, taps = model.attended(s, h, real, before, keys), model.moves.weight.flatten()
    for b, count in ((0, 9), (1, 6)):
        padded = [0.0, *before[b].tolist(), 0.0]
        content = [model.attention.score(s[b : b + 1, None], h[b : b + 1, i : i + 1]).reshape(()) for i in range(count)]
        told = [sum(taps[k] * padded[i + k] for k in range(3)) for i in range(count)]
        expected = torch.stack([c + 10 * t for c, t in zip(content, told, strict=True)]).softmax(0)
        torch.testing.assert_close(weights[b, :count], expected)
    with torch.no_grad():
        taps.copy_(torch.tensor([0.0, 0.0, 2.0]))
    before = torch.nn.functional.one_hot(torch.tensor([6, 4]), 9).double()
    weights = model.attended(s, h, real, before, keys)
    assert weights.argmax(1).tolist() == [5, 3]
    assert weights.amax(1).min() > 0.999


def test_seq2seq_needs_a_target():
    with pytest.raises(ValueError, match="needs the sequence"):
        Seq2Seq(in_dim=3, symbols=4)(torch.zeros(1, 2, 3))
