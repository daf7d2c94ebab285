"""Palindromes by recurrent nets: what stood in the first half must still be known in the second."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build

LETTERS, LONGEST = 4, 10


def cross_entropy_of(cell: str, seed: int) -> float:
    """Return the cross-entropy in nats on fresh words after training a net of 64 units on 2500 batches of 128."""
    net = build({"brick": cell, "hidden": 64, "last": True}, in_dim=LETTERS, seed=seed)
    head = build("logistic", in_dim=net.out_dim, seed=seed)
    rng = generator(seed)

    def nll(items: int) -> Tensor:
        x, mask, label = words(rng, items)
        return F.binary_cross_entropy_with_logits(head(net(x, mask)).squeeze(-1), label)

    fit([*net.parameters(), *head.parameters()], lambda step: nll(128), steps=2500, lr=5e-3, clip=1.0)
    with torch.no_grad():
        return float(nll(20_000))


@task(
    "rnn",
    published={"gru": 0.085, "lstm": 0.075, "rnn - lstm": 0.165},
    source="cross-entropies of a talk, read off its plots: RNN 0.24, GRU 0.085, LSTM 0.075 (unverified)",
    gate={"gru": "<= 0.12", "lstm": "<= 0.12", "rnn - lstm": "> 0"},
    minutes=2,
    bricks=["rnn", "gru", "lstm"],
)
def learn_palindromes(seed: int) -> dict[str, float]:
    """Cross-entropy of "is this a palindrome", 1 to 10 letters of four, the others wrong in a single letter."""
    found = {cell: cross_entropy_of(cell, seed) for cell in ("rnn", "gru", "lstm")}
    return {"gru": found["gru"], "lstm": found["lstm"], "rnn - lstm": found["rnn"] - found["lstm"]}


def words(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return one-hot words (B, 10, 4), their mask, and 1 for palindromes; half of the longer ones are spoilt."""
    length = torch.randint(1, LONGEST + 1, (items, 1), generator=rng)
    here = torch.arange(LONGEST)
    letters = torch.randint(LETTERS, (items, LONGEST), generator=rng)
    word = letters.gather(1, torch.minimum(here, length - 1 - here).clamp(min=0))
    # any place but the middle; the letter there moves on by one to three
    place = (torch.rand(items, 1, generator=rng) * (length // 2)).long()
    place = torch.where(torch.rand(items, 1, generator=rng) < 0.5, place, length - 1 - place)
    spoilt = (torch.rand(items, 1, generator=rng) < 0.5) & (length > 1)
    moved = (word + torch.randint(1, LETTERS, (items, 1), generator=rng)) % LETTERS
    word = torch.where(spoilt & (here == place), moved, word)
    mask = here < length
    return F.one_hot(word, LETTERS).float() * mask.unsqueeze(-1), mask, (~spoilt).squeeze(1).float()


