"""Neural computers and memories against slow recursions and definitions."""

import itertools

import pytest
import torch

from jetlego.bricks.attention import Attention
from jetlego.bricks.build import build
from jetlego.bricks.memory import addressing
from jetlego.bricks.memory.dnc import DNC
from jetlego.bricks.memory.key_value import KeyValueMemory
from jetlego.bricks.memory.mann import MANN
from jetlego.bricks.memory.matching import ABSENT, Matching
from jetlego.bricks.memory.memn2n import MemN2N


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def rand(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=rng(seed))


def randn(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=rng(seed))


def test_shifts_are_circular_convolutions():
    weight, shift = rand(2, 3, 7), rand(2, 3, 5, seed=1)
    expected = torch.zeros_like(weight)
    for i, s in itertools.product(range(7), range(5)):
        expected[..., (i + s - 2) % 7] += weight[..., i] * shift[..., s]
    torch.testing.assert_close(addressing.shifted(weight, shift), expected)


def test_content_and_sharpening():
    memory, key = randn(2, 5, 4), randn(2, 3, 4, seed=1)
    uniform = addressing.by_content(memory, key, torch.zeros(2, 3, dtype=torch.float64))
    assert torch.equal(uniform, torch.full_like(uniform, 0.2))
    strong = addressing.by_content(memory, memory[:, :3], torch.full((2, 3), 200.0, dtype=torch.float64))
    torch.testing.assert_close(strong, torch.eye(5, dtype=torch.float64)[:3].expand(2, -1, -1))
    sharp = addressing.sharpened(uniform + rand(2, 3, 5), 1 + rand(2, 3))
    torch.testing.assert_close(sharp.sum(-1), torch.ones(2, 3, dtype=torch.float64))


def test_an_empty_slot_looks_like_nothing():
    memory = torch.tensor([[[3.0, 4.0], [3e-9, 4e-9]]], dtype=torch.float64, requires_grad=True)
    key, strength = torch.tensor([[[3.0, 4.0]]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    weight = addressing.by_content(memory, key, strength)
    expected = torch.tensor([1.0, 0.0], dtype=torch.float64).softmax(0)
    torch.testing.assert_close(weight[0, 0], expected, atol=1e-5, rtol=0)
    weight[0, 0, 0].backward()
    assert memory.grad.abs().max() < 1 / addressing.EMPTY**0.5


@pytest.mark.parametrize("slots", [5, 2000])
def test_small_and_large_memories_are_read_alike(slots):
    memory, weight, key = randn(2, slots, 4), rand(2, 3, slots, seed=1), randn(2, 3, 4, seed=2)
    torch.testing.assert_close(addressing.read_at(weight, memory), torch.einsum("bhn,bnw->bhw", weight, memory))
    torch.testing.assert_close(addressing.likeness(key, memory), torch.einsum("bhw,bnw->bhn", key, memory))


def test_several_heads_erase_before_any_adds():
    memory, weight, erase, add = randn(2, 5, 4), rand(2, 3, 5), rand(2, 3, 4, seed=1), randn(2, 3, 4, seed=2)
    kept = (1 - torch.einsum("bhn,bhw->bhnw", weight, erase)).prod(1)
    expected = memory * kept + torch.einsum("bhn,bhw->bnw", weight, add)
    torch.testing.assert_close(addressing.written(memory, weight, erase, add), expected)


def test_heads_of_a_tape_stay_until_they_are_told_to_move():
    model = build({"brick": "ntm", "hidden": 16, "slots": 12, "heads": 2}, in_dim=3, seed=1).double()
    state = model.fresh(torch.zeros(4, 3, dtype=torch.float64))
    for t in range(10):
        _, state = model.step(0.1 * randn(4, 3, seed=t), state)
    assert state[1].shape == (4, 4, 12)
    assert state[1][..., 0].min() > 0.5


def test_what_has_just_been_written_does_not_find_itself():
    model = build({"brick": "mann", "hidden": 6, "slots": 4, "width": 3}, in_dim=3, seed=1).double()
    with torch.no_grad():
        model.strength.bias.fill_(100.0)
        for part in (model.adds, model.mix):  # all that is written is the vector (tanh 1, 0, 0), into a spare slot
            part.weight.zero_()
        model.adds.bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
        model.keys.bias.copy_(torch.tensor([0.0, 5.0, 0.0]))
    x, zero = randn(2, 3), torch.zeros(2, 6, dtype=torch.float64)
    memory, usage, before = torch.zeros(2, 4, 3), torch.ones(2, 4), torch.zeros(2, 1, 4)
    memory[:, 2, 1], usage[:, 0] = 1.0, 0.0  # slot 2 holds what the key asks for, slot 0 is written to
    _, state = model.step(x, (memory.double(), usage.double(), before.double(), zero, zero))
    torch.testing.assert_close(state[0][:, 0, 1:], torch.zeros(2, 2, dtype=torch.float64))
    assert state[0][:, 0, 0].min() > 0.1
    assert state[2][:, 0].argmax(1).tolist() == [2, 2]


def test_allocation_is_the_loop_over_ascending_usage():
    usage = rand(6, 5)
    usage[0], usage[1, 2], usage[2, :3] = 1.0, 0.0, 0.5
    found = addressing.allocation(usage, eps=0.0)
    for row in range(6):
        order = sorted(range(5), key=lambda i: (usage[row, i].item(), i))
        product = 1.0
        for slot in order:
            assert found[row, slot].item() == pytest.approx((1 - usage[row, slot].item()) * product, abs=1e-14)
            product *= usage[row, slot].item()
    assert (found.sum(1) <= 1 + 1e-12).all()


def test_links_follow_the_order_of_writing():
    links, precedence = torch.zeros(1, 4, 4, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    for slot in (2, 0, 3):
        write = torch.zeros(1, 4, dtype=torch.float64)
        write[0, slot] = 1
        links, precedence = addressing.links_after(links, precedence, write)
    assert links[0].nonzero().tolist() == [[0, 2], [3, 0]]
    assert precedence[0].tolist() == [0, 0, 0, 1]


def test_links_are_the_loop_of_the_paper_and_stay_sub_stochastic():
    links, precedence = torch.zeros(1, 4, 4, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    for step in range(20):
        write = rand(1, 4, seed=step).softmax(1) * rand(1, 1, seed=100 + step)
        expected = torch.zeros(4, 4, dtype=torch.float64)
        for i, j in itertools.permutations(range(4), 2):
            kept = 1 - write[0, i] - write[0, j]
            expected[i, j] = kept * links[0, i, j] + write[0, i] * precedence[0, j]
        links, precedence = addressing.links_after(links, precedence, write)
        torch.testing.assert_close(links[0], expected)
        assert links.min() >= 0
        assert max(links.sum(1).max(), links.sum(2).max()) <= 1 + 1e-12


def test_usage_stays_between_zero_and_one():
    torch.manual_seed(0)
    model, x = DNC(in_dim=3, slots=4, width=3, heads=2).double(), 5 * randn(8, 30, 3)
    state = model.fresh(x[:, 0])
    for t in range(30):
        before, write, weight = state[1], state[4], state[5]
        _, state = model.step(x[:, t], state)
        assert state[1].min() >= 0
        assert state[1].max() <= 1
        assert (state[1] <= before + write - before * write + 1e-12).all()
        assert max(state[4].sum(1).max(), state[5].sum(2).max()) <= 1 + 1e-12
        assert weight.shape == (8, 2, 4)


def test_least_used_slots_are_written_after_being_cleared():
    usage = torch.tensor([[3.0, 1.0, 1.0, 0.5]])
    assert addressing.least_used(usage, 2)[0].tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
    torch.manual_seed(0)
    model, x = MANN(in_dim=3, slots=4, width=3, hidden=6).double(), randn(5, 12, 3)
    state, usage = model.fresh(x[:, 0]), [[0.0] * 4 for _ in range(5)]
    for t in range(12):
        memory, _, before = state[:3]
        _, state = model.step(x[:, t], state)
        h = state[3]
        share, add = torch.sigmoid(model.mix(h))[:, 0], torch.tanh(model.adds(h))
        for b in range(5):
            spare = min(range(4), key=lambda i: (usage[b][i], i))
            write = [share[b] * before[b, 0, i] + (1 - share[b]) * (i == spare) for i in range(4)]
            assert sum(write).item() == pytest.approx(1.0 if t else 1 - share[b].item())
            for i in range(4):
                kept = 0 if i == spare else memory[b, i]
                torch.testing.assert_close(state[0][b, i], kept + write[i] * add[b])
                usage[b][i] = 0.95 * usage[b][i] + state[2][b, 0, i].item() + write[i].item()
        torch.testing.assert_close(state[1], torch.tensor(usage, dtype=torch.float64))


def test_one_hop_is_attention():
    model = build({"brick": "memn2n", "hidden": 4, "hops": 1}, in_dim=3, seed=1).double()
    x, query, mask = randn(2, 5, 3), randn(2, 3, seed=1), torch.arange(5) < torch.tensor([[5], [2]])
    a, c = (e.weight for e in model.embeddings)
    attention = Attention(in_dim=4, kind="dot")
    weight = attention.weights((query @ a.T).unsqueeze(1), x @ a.T, mask)
    expected = query @ a.T + (weight @ (x @ c.T)).squeeze(1)
    torch.testing.assert_close(model(x, mask, query), expected)


def test_neighbouring_hops_share_their_embedding():
    model = MemN2N(in_dim=3, hidden=4, hops=3)
    assert len(list(model.parameters())) == 4
    x, query = randn(2, 5, 3).float(), randn(2, 3).float()
    model(x, None, query).sum().backward()
    assert all(e.weight.grad.abs().sum() > 0 for e in model.embeddings)
    model.linear = True
    assert not torch.allclose(model(x, None, query), MemN2N.forward(model.eval(), 2 * x, None, query))


def test_keys_read_as_values_are_the_memory_network():
    kv = build({"brick": "kv_memory", "hidden": 4}, in_dim=3, seed=1).double()
    plain = build({"brick": "memn2n", "hidden": 4, "hops": 1}, in_dim=3, seed=2).double()
    with torch.no_grad():
        kv.turns[0].weight.copy_(torch.eye(4))
        for embedding in plain.embeddings:
            embedding.weight.copy_(kv.embedding.weight)
    x, query = randn(2, 5, 3), randn(2, 3, seed=1)
    torch.testing.assert_close(kv(x, None, query), plain(x, None, query))
    torch.testing.assert_close(kv(x, None, query, x), kv(x.flip(1), None, query))


def test_values_turn_with_their_keys():
    kv = KeyValueMemory(in_dim=3, value_dim=2, hidden=4).double()
    x, value, query = randn(2, 5, 3), randn(2, 5, 2, seed=1), randn(2, 3, seed=2)
    torch.testing.assert_close(kv(x, None, query, value), kv(x.flip(1), None, query, value.flip(1)))
    assert not torch.allclose(kv(x, None, query, value), kv(x, None, query, value.flip(1)))


@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_matching_far_apart_examples_is_the_nearest_neighbour(distance):
    model = Matching(in_dim=4, num_classes=4, distance=distance).double()
    with torch.no_grad():
        model.sharpness.fill_(1e4)
    support, label = torch.eye(4, dtype=torch.float64).unsqueeze(0), torch.tensor([[2, 0, 3, 1]])
    x = randn(1, 50, 4)
    nearest = (x.unsqueeze(2) - support.unsqueeze(1)).norm(dim=-1).argmin(2)
    assert (model(x, None, support, None, label).argmax(2) == label[0][nearest]).all()


def test_matching_does_not_care_for_the_order_or_padding_of_its_support():
    model = Matching(in_dim=3, num_classes=4).double()
    x, support, label = randn(2, 6, 3), randn(2, 5, 3, seed=1), torch.tensor([[0, 1, 2, 1, 0]]).expand(2, -1)
    found = model(x, None, support, None, label)
    torch.testing.assert_close(found.exp().sum(2), torch.ones(2, 6, dtype=torch.float64))
    assert (found[..., 3] == ABSENT).all()
    torch.testing.assert_close(model(x, None, support.flip(1), None, label.flip(1)), found)
    longer = torch.cat([support, torch.full((2, 2, 3), torch.nan, dtype=torch.float64)], 1)
    mask = torch.arange(7).expand(2, -1) < 5
    torch.testing.assert_close(model(x, None, longer, mask, torch.nn.functional.pad(label, (0, 2))), found)


@pytest.mark.parametrize("brick", ["memn2n", "kv_memory"])
def test_a_memory_wants_a_question(brick):
    with pytest.raises(ValueError, match="needs a question"):
        build(brick, in_dim=3)(randn(1, 2, 3).float())
