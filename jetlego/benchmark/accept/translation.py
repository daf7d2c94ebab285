"""From sequence to sequence: reversal with and without attention, and copying by a transformer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build

SYMBOLS, LONGEST = 12, 10


def words(rng: torch.Generator, items: int, *, least: int = 1, most: int = LONGEST) -> tuple[Tensor, Tensor, Tensor]:
    """Return one-hot words (B, T, 12), their mask, and the words backwards, the end (12) after the last letter."""
    length = torch.randint(least, most + 1, (items, 1), generator=rng)
    here = torch.arange(most)
    letters = torch.randint(SYMBOLS, (items, most), generator=rng)
    mask = here < length
    back = letters.gather(1, (length - 1 - here).clamp(min=0)).masked_fill(~mask, SYMBOLS)
    return F.one_hot(letters, SYMBOLS).float() * mask.unsqueeze(-1), mask, F.pad(back, (0, 1), value=SYMBOLS)


def reverser(seed: int, *, steps: int, **how: object) -> nn.Module:
    """Return a sequence to sequence net that has learned to reverse words of up to ten letters."""
    net = build({"brick": "seq2seq", "symbols": SYMBOLS, "hidden": 128, **how}, in_dim=SYMBOLS, seed=seed)
    rng = generator(seed)

    def loss(step: int) -> Tensor:
        x, mask, target = words(rng, 64)
        nll = -net(x, mask, target).gather(2, target.unsqueeze(-1)).squeeze(-1)
        wanted = F.pad(mask, (1, 0), value=True)
        return nll[wanted].mean()

    fit(net.parameters(), loss, steps=steps, lr=2e-3, warmup=50, clip=1.0)
    return net


@torch.no_grad()
def accuracy(net: nn.Module, seed: int, *, least: int, most: int) -> float:
    """Return the share of letters and ends that the net writes right on its own."""
    x, mask, target = words(generator(seed + 1000), 1000, least=least, most=most)
    answer, _ = net.decode(x, mask, steps=most + 1)
    wanted = F.pad(mask, (1, 0), value=True)
    return float((answer == target)[wanted].double().mean())


@task("seq2seq", published=1.0, source="exact", gate=">= 0.99", minutes=3, figure="token accuracy")  # fmt: skip
def learn_to_reverse(seed: int) -> float:
    """Reversal of words of 1 to 10 letters out of 12, by a GRU that reads and one that writes, without attention."""
    return accuracy(reverser(seed, steps=4000), seed, least=1, most=LONGEST)


@task(
    "score",
    published={"length 20": 1.0, "gain": None},
    source="exact; arXiv:1409.0473 tells of the gain on long sentences without a figure for this task",
    gate={"length 20": ">= 0.95", "gain": ">= 0.2"},
    minutes=5,
)
def learn_to_look_back(seed: int) -> dict[str, float]:
    """Reversal learned on 1 to 10 letters and tried on 20, with additive attention, and what that adds.

    Attention that goes by content alone cannot tell equal letters apart and is lost beyond the lengths it has seen, so
    it is also told where it looked before.
    """
    looking = reverser(seed, steps=400, attention="additive", location=1, bidirectional=True)
    blind = reverser(seed, steps=1500)
    long = {"least": 20, "most": 20}
    seen = accuracy(looking, seed, **long)
    return {"length 20": seen, "gain": seen - accuracy(blind, seed, **long)}


TOKENS, LENGTH, WIDTH = 16, 32, 128


class Copier(nn.Module):
    """A transformer that reads a sequence of tokens and writes one: encoder, decoder, and a layer of logits."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        how = {"layers": 3, "heads": 4, "positions": "sinusoidal", "feedforward": 2}
        sizes = {"in_dim": WIDTH, "seed": seed}
        self.read = build({"brick": "embed", "categories": TOKENS, "out_dim": WIDTH}, seed=seed)
        self.write = build({"brick": "embed", "categories": TOKENS, "out_dim": WIDTH}, seed=seed + 1)
        self.encoder = build({"brick": "transformer", **how}, **sizes)
        self.decoder = build({"brick": "transformer_decoder", **how}, memory_dim=WIDTH, **sizes)
        self.out = build("logistic", in_dim=WIDTH, out_dim=TOKENS, seed=seed)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (B, T, 16) of each token of the copy, given those before it; -1 stands before the first."""
        before = F.pad(tokens[:, :-1], (1, 0), value=-1)
        return self.out(self.decoder(self.write(before), self.encoder(self.read(tokens))))

    @torch.no_grad()
    def copied(self, tokens: Tensor) -> Tensor:
        """Return the likeliest copy, token by token from the decoder's cache."""
        memory, state = self.encoder(self.read(tokens)), None
        last, found = torch.full_like(tokens[:, 0], -1), []
        for _ in range(tokens.shape[1]):
            y, state = self.decoder.step(self.write(last), state, memory=memory)
            last = self.out(y).argmax(-1)
            found.append(last)
        return torch.stack(found, 1)


@task("transformer", published=1.0, source="exact; the annotated transformer copies without a fault (unverified)",
      gate=">= 0.995", minutes=5, figure="tokens")  # fmt: skip
def learn_to_copy(seed: int) -> float:
    """Share of right tokens in copies of 32 tokens out of 16 made without help; three layers each way, 128 wide."""
    net, rng = Copier(seed), generator(seed)

    def loss(step: int) -> Tensor:
        tokens = torch.randint(TOKENS, (32, LENGTH), generator=rng)
        return F.cross_entropy(net(tokens).flatten(0, 1), tokens.flatten())

    fit(net.parameters(), loss, steps=900, lr=1e-3, warmup=100, clip=1.0)
    tokens = torch.randint(TOKENS, (256, LENGTH), generator=rng)
    return float((net.eval().copied(tokens) == tokens).double().mean())
