"""Tasks of bricks whose work depends on the data: pondering, loops, switches, exits; and the entropy of a language."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build

SYMBOLS = 6


@task("language", published=0.0, source="exact entropy rate of the source", gate="-0.005 .. 0.01", minutes=1,
      figure="nats above the entropy rate")  # fmt: skip
def learn_a_source(seed: int) -> float:
    """Nats a symbol above the exact entropy rate of an order-2 Markov source of six symbols, by a GRU."""
    net = build({"brick": "language", "symbols": SYMBOLS, "hidden": 32, "core": {"brick": "gru", "hidden": 64}},
                seed=seed)  # fmt: skip
    rng = generator(seed)
    chance = (1.5 * torch.randn(SYMBOLS, SYMBOLS, SYMBOLS, generator=rng, dtype=torch.float64)).softmax(-1)

    def loss(step: int) -> Tensor:
        return _after_two(net, spoken(chance, rng, 32, 32))

    fit(net.parameters(), loss, steps=1200, lr=1e-2, warmup=20)
    with torch.no_grad():
        words = spoken(chance, rng, 1000, 64)
        # on the same words what the source itself pays: the noise of the sample goes out of the difference
        own = -chance.float()[words[:, :-2], words[:, 1:-1], words[:, 2:]].log().mean()
        return float(_after_two(net, words) - own)


def _after_two(net: nn.Module, words: Tensor) -> Tensor:
    """Return the mean negative log-probability of the symbols after the second, which the two before decide."""
    return -net(words)[:, 2:].gather(2, words[:, 2:].unsqueeze(-1)).mean()


def spoken(chance: Tensor, rng: torch.Generator, items: int, length: int) -> Tensor:
    """Return (B, length) symbols of the source p(c | a, b) = chance[a, b, c], from two even draws."""
    found = list(torch.randint(SYMBOLS, (2, items), generator=rng).unbind(0))
    while len(found) < length:
        draw = torch.rand(items, 1, generator=rng, dtype=torch.float64)
        found.append((chance[found[-2], found[-1]].cumsum(-1) < draw).sum(-1).clamp(max=SYMBOLS - 1))
    return torch.stack(found, 1)


BITS = 16


@task(
    "act",
    published={"error": 0.0, "ponder falls": None},
    source="arXiv:1603.08983, figure 4: 64 bits, plain 40 % error, ACT near 0 (unverified)",
    gate={"error": "<= 0.05", "ponder falls": "> 0"},
    minutes=5,
)
def learn_parity(seed: int) -> dict[str, float]:
    """Parity of 8 to 16 bits of a vector, learned on 1 to 16; and how much a dear ponder shortens the pondering."""
    cheap, short = (pondering(seed, tau, steps) for tau, steps in ((1e-3, 9000), (3e-2, 4000)))
    return {"error": cheap[0], "ponder falls": cheap[1] - short[1]}


def pondering(seed: int, tau: float, steps: int) -> tuple[float, float]:
    """Return the error on 8 to 16 bits and the mean ponder cost after training with this price of time."""
    spec = {"brick": "act", "hidden": 128, "cell": "rnn", "max_ponder": 12}
    net, head, rng = build(spec, in_dim=BITS, seed=seed), build("logistic", in_dim=128, seed=seed), generator(seed)

    def loss(step: int) -> Tensor:
        x, odd = vectors(rng, 128, least=1)
        y, ponder = net(x)
        return F.binary_cross_entropy_with_logits(head(y[:, 0]).squeeze(-1), odd) + tau * ponder.mean()

    fit([*net.parameters(), *head.parameters()], loss, steps=steps, lr=2e-3, warmup=100, clip=1.0)
    x, odd = vectors(rng, 10_000, least=8)
    with torch.no_grad():
        y, ponder = net(x)
        wrong = (head(y[:, 0]).squeeze(-1) > 0) != (odd > 0.5)
    return float(wrong.double().mean()), float(ponder.mean())


def vectors(rng: torch.Generator, items: int, *, least: int) -> tuple[Tensor, Tensor]:
    """Return x (B, 1, 16), the first ``least`` to 16 entries 1 or -1, the rest 0; and 1 where the ones are odd."""
    count = torch.randint(least, BITS + 1, (items, 1), generator=rng)
    sign = 2 * torch.randint(2, (items, BITS), generator=rng) - 1
    x = sign * (torch.arange(BITS) < count)
    return x.unsqueeze(1).float(), ((x > 0).sum(1) % 2).float()


@task("run_until", published=0.0, source="exact; one linear map leaves 0.74",
      gate="<= 0.1", minutes=1, figure="rms angle")  # fmt: skip
def learn_to_stop(seed: int) -> float:
    """Root mean square error of a vector turned 1 to 6 times, as a counter says, by a linear loop; best of three."""
    return min(turning(3 * seed + start) for start in range(3))


def turning(seed: int) -> float:
    """Return the error of one start; the body starts near the identity, where a linear loop neither dies nor grows."""
    spec = {"brick": "run_until", "body": "logistic", "stop": "logistic", "most": 8}
    net, rng = build(spec, in_dim=3, seed=seed), generator(seed)
    with torch.no_grad():
        net.body.linear.weight.copy_(torch.eye(3) + 0.1 * torch.randn(3, 3, generator=rng))
        net.body.linear.bias.zero_()

    def loss(step: int) -> Tensor:
        x, target = turns(rng, 128, 1, 6)
        states, share = net.unrolled(x)
        return (share * (states[..., :2] - target.unsqueeze(1)).square().sum(-1)).sum(1).mean()

    fit(net.parameters(), loss, steps=2000, lr=2e-2, clip=1.0)
    x, target = turns(rng, 4000, 1, 6)
    with torch.no_grad():
        return float((net.eval()(x)[0][:, :2] - target).square().sum(1).mean().sqrt())


def turns(rng: torch.Generator, items: int, least: int, most: int) -> tuple[Tensor, Tensor]:
    """Return unit vectors beside a counter (B, 3), and the vectors turned by 0.5 as often as it says."""
    angle = 2 * math.pi * torch.rand(items, generator=rng)
    count = torch.randint(least, most + 1, (items,), generator=rng)
    x = torch.stack([angle.cos(), angle.sin(), count.float()], -1)
    angle = angle + 0.5 * count
    return x, torch.stack([angle.cos(), angle.sin()], -1)


@task("select", published=0.0, source="exact", gate="<= 0.01", minutes=0.3, figure="mean square")  # fmt: skip
def learn_to_choose(seed: int) -> float:
    """Two linear laws, which one holds told by a line in the plane: a hard switch between linear branches."""
    spec = {"brick": "select", "branches": ["logistic", "logistic"]}
    net, rng = build(spec, in_dim=2, out_dim=1, seed=seed), generator(seed)

    def loss(step: int) -> Tensor:
        x, y = laws(rng, 256)
        net.soft = step < 500
        return (net(x) - y).square().mean()

    fit(net.parameters(), loss, steps=3000, lr=3e-2)
    x, y = laws(rng, 20_000)
    with torch.no_grad():
        return float((net(x) - y).square().mean())


def laws(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor]:
    """Return x (B, 2) and y = x_0 + 2 above the line x_0 = x_1, y = -2 x_1 - 1 below."""
    x = torch.randn(items, 2, generator=rng)
    return x, torch.where(x[:, 0] > x[:, 1], x[:, 0] + 2, -2 * x[:, 1] - 1).unsqueeze(1)


@task(
    "early_exit",
    published={"loss of accuracy": 0.0, "mean depth of 4": None},
    source="arXiv:1709.01686: two to six times faster at the same accuracy (unverified)",
    gate={"loss of accuracy": "<= 0.01", "mean depth of 4": "<= 2.5"},
    minutes=0.5,
)
def learn_to_leave(seed: int) -> dict[str, float]:
    """Spiral arms, easy far out and hard in the middle: accuracy lost by leaving early, and the mean depth."""
    stage = {"brick": "mlp", "hidden": [32]}
    spec = {"brick": "early_exit", "stages": [stage] * 4, "confidence": 0.95}
    net, rng = build(spec, in_dim=2, num_classes=2, seed=seed), generator(seed)

    def loss(step: int) -> Tensor:
        x, label = spirals(rng, 256)
        return F.cross_entropy(net.every(x).flatten(0, 1), label.repeat_interleave(4))

    fit(net.parameters(), loss, steps=2500, lr=5e-3)
    x, label = spirals(rng, 20_000)
    logits, depth = net.infer(x)
    with torch.no_grad():
        whole = (net.every(x)[:, -1].argmax(1) == label).double().mean()
    early = (logits.argmax(1) == label).double().mean()
    return {"loss of accuracy": float(whole - early), "mean depth of 4": float(depth.mean())}


def spirals(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor]:
    """Return points (B, 2) of two arms of half a turn, blurred by 0.15, and which arm."""
    label = torch.randint(2, (items,), generator=rng)
    radius = 0.1 + 1.4 * torch.rand(items, generator=rng)
    angle = math.pi * (radius + label)
    x = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)
    return x + 0.15 * torch.randn(items, 2, generator=rng), label
