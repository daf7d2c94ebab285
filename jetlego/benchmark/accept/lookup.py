"""Reading from sets and memories: nearest item, associative recall, a question about a story."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build

ITEMS, KINDS = 8, 4


@task("cross", published=1.0, source="exact", gate=">= 0.95", minutes=2, figure="accuracy")  # fmt: skip
def learn_nearest(seed: int) -> float:
    """Each of three query points names the kind, of four, of the nearest of eight points in the unit square."""
    embed = build({"brick": "mlp", "hidden": [64], "out_dim": 64}, in_dim=2 + KINDS, seed=seed)
    ask = build({"brick": "mlp", "hidden": [64], "out_dim": 64}, in_dim=2, seed=seed + 1)
    look = build({"brick": "cross", "layers": 1, "heads": 4, "feedforward": 2}, in_dim=64, query_dim=64, seed=seed)
    head = build({"brick": "mlp", "hidden": [64], "out_dim": KINDS}, in_dim=64, seed=seed)
    net, rng = nn.ModuleList([embed, ask, look, head]), generator(seed)

    def logits(items: Tensor, queries: Tensor) -> Tensor:
        return head(look(ask(queries), embed(items)))

    def loss(step: int) -> Tensor:
        items, queries, kind = points_and_queries(rng, 64)
        return F.cross_entropy(logits(items, queries).flatten(0, 1), kind.flatten())

    fit(net.parameters(), loss, steps=1800, lr=3e-3, warmup=50, clip=1.0)
    items, queries, kind = points_and_queries(rng, 4000)
    with torch.no_grad():
        return float((logits(items, queries).argmax(-1) == kind).double().mean())


def points_and_queries(rng: torch.Generator, sets: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return points with one-hot kinds (B, 8, 6), queries (B, 3, 2), and the kind of the nearest point (B, 3)."""
    points, queries = (2 * torch.rand(sets, n, 2, generator=rng) - 1 for n in (ITEMS, 3))
    kind = torch.randint(KINDS, (sets, ITEMS), generator=rng)
    nearest = torch.cdist(queries, points).argmin(-1)
    return torch.cat([points, F.one_hot(kind, KINDS)], -1), queries, kind.gather(1, nearest)


@task("kv_memory", published=1.0, source="exact", gate=">= 0.99", minutes=1, figure="accuracy")  # fmt: skip
def learn_to_recall(seed: int) -> float:
    """Associative recall: twenty pairs of a random vector of 16 signs and one of 32 symbols; ask for one of them."""
    sizes = {"in_dim": 16, "value_dim": 32, "out_dim": 32}
    net, rng = build({"brick": "kv_memory", "hidden": 64}, **sizes, seed=seed), generator(seed)

    def loss(step: int) -> Tensor:
        key, value, query, answer = pairs(rng, 256)
        return F.cross_entropy(net(key, None, query, value), answer)

    fit(net.parameters(), loss, steps=1500, lr=5e-3)
    key, value, query, answer = pairs(rng, 10_000)
    with torch.no_grad():
        return float((net(key, None, query, value).argmax(1) == answer).double().mean())


def pairs(rng: torch.Generator, sets: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return keys (B, 20, 16), one-hot values (B, 20, 32), one of the keys (B, 16) and its symbol (B,).

    The keys of a set differ: the k-th is drawn from the k-th of twenty equal parts of all 2^16, in random order.
    """
    part = torch.rand(sets, 20, generator=rng).argsort(1)
    code = part * 3276 + torch.randint(3276, (sets, 20), generator=rng)
    key = 2.0 * ((code.unsqueeze(-1) >> torch.arange(16)) & 1) - 1
    symbol = torch.randint(32, (sets, 20), generator=rng)
    place = torch.randint(20, (sets, 1), generator=rng)
    query = key.gather(1, place.unsqueeze(-1).expand(-1, -1, 16)).squeeze(1)
    return key, F.one_hot(symbol, 32).float(), query, symbol.gather(1, place).squeeze(1)


PERSONS, PLACES, FACTS = 4, 6, 10
VOCABULARY = PERSONS + PLACES


@task("memn2n", published=1.0, source="arXiv:1503.08895, table 1: 0.0 % errors of task 1 in most settings (unverified)",
      gate=">= 0.99", minutes=2, figure="accuracy, best of 3")  # fmt: skip
def learn_where(seed: int) -> float:
    """Four persons move between six places, 2 to 10 sentences: where is one of them? Best of three starts."""
    return max(asked_well(3 * seed + start) for start in range(3))


def asked_well(seed: int) -> float:
    """Return the accuracy of one start: linear at first, then with the softmax."""
    net = build({"brick": "memn2n", "hidden": 20, "max_length": FACTS, "out_dim": PLACES}, in_dim=VOCABULARY, seed=seed)
    rng = generator(seed)

    def loss(step: int) -> Tensor:
        story, mask, question, place = stories(rng, 64)
        return F.cross_entropy(net(story, mask, question), place)

    net.linear = True
    fit(net.parameters(), loss, steps=200, lr=5e-3, clip=40.0)
    net.linear = False
    fit(net.parameters(), loss, steps=1000, lr=1e-2, clip=40.0)
    story, mask, question, place = stories(rng, 10_000)
    with torch.no_grad():
        return float((net(story, mask, question).argmax(1) == place).double().mean())


def stories(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return bags of words (B, 10, 10) of "person went to place", mask, the person asked for (B, 10), where he is."""
    mask = torch.arange(FACTS) < torch.randint(2, FACTS + 1, (items, 1), generator=rng)
    person = torch.randint(PERSONS, (items, FACTS), generator=rng)
    place = torch.randint(PLACES, (items, FACTS), generator=rng)
    story = F.one_hot(person, VOCABULARY) + F.one_hot(PERSONS + place, VOCABULARY)
    # ask for somebody who is in the story: the person of a sentence drawn from it
    told = (torch.rand(items, 1, generator=rng) * mask.sum(1, keepdim=True)).long()
    asked = person.gather(1, told)
    last = ((person == asked) & mask).long() * (1 + torch.arange(FACTS))
    answer = place.gather(1, last.argmax(1, keepdim=True)).squeeze(1)
    return story * mask.unsqueeze(-1).float(), mask, F.one_hot(asked.squeeze(1), VOCABULARY).float(), answer
