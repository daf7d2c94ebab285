"""Tasks of sets, readouts and embeddings: questions whose answers a formula gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator, r_squared
from jetlego.bricks.build import build
from jetlego.losses import mse

ITEMS = 10
_MLP = {"brick": "mlp", "hidden": [64], "activation": "silu"}


def numbers(rng: torch.Generator, sets: int, width: int) -> tuple[Tensor, Tensor]:
    """Return 1 to 10 items a set (B, 10, width), uniform in [0, 1], and their mask."""
    mask = torch.arange(ITEMS) < torch.randint(1, ITEMS + 1, (sets, 1), generator=rng)
    return torch.rand(sets, ITEMS, width, generator=rng) * mask.unsqueeze(-1), mask


@task("deepsets", published={"R2 of sum": 1.0, "R2 of maximum": 1.0}, source="exact",
      gate={"R2 of sum": ">= 0.99", "R2 of maximum": ">= 0.99"}, minutes=1, bricks=["deepsets", "pool"])  # fmt: skip
def learn_sum_and_maximum(seed: int) -> dict[str, float]:
    """Sum and maximum of a set of 1 to 10 numbers in [0, 1], from a sum over the items."""
    phi = {"brick": "mlp", "hidden": [64, 64, 64], "activation": "silu"}
    net, rng = build({"brick": "deepsets", "phi": phi, "rho": _MLP, "out_dim": 2}, in_dim=1, seed=seed), generator(seed)

    def target(x: Tensor) -> Tensor:
        return torch.cat([x.sum(1), x.amax(1)], dim=-1)  # the padding is zero, below every number

    def loss(step: int) -> Tensor:
        x, mask = numbers(rng, 256, 1)
        error = (net(x, mask) - target(x)).square().mean(0)
        return error[0] / 2.8 + error[1] / 0.05  # about the variance of each

    fit(net.parameters(), loss, steps=3000, lr=3e-3, clip=1.0)
    x, mask = numbers(rng, 8192, 1)
    with torch.no_grad():
        found = net(x, mask)
    return {name: r_squared(found[:, i], target(x)[:, i]) for i, name in enumerate(("R2 of sum", "R2 of maximum"))}


class Reader(nn.Module):
    """An embedding of each item, a readout, and a number."""

    def __init__(self, readout: Any, width: int, seed: int, hidden: int = 32) -> None:
        super().__init__()
        self.embed = build({"brick": "mlp", "hidden": [64, hidden], "activation": "silu"}, in_dim=width, seed=seed)
        self.readout = build(readout, in_dim=hidden, seed=seed)
        self.head = build({**_MLP, "out_dim": 1}, in_dim=self.readout.out_dim, seed=seed)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (B,) of ``x (B, N, F)``."""
        return self.head(self.readout(self.embed(x, mask), mask)).squeeze(-1)


@task(
    "readout",
    published={"attention_pool R2": 1.0, "set2set R2": 1.0, "dtnn R2": 1.0},
    source="exact",
    gate={"attention_pool R2": ">= 0.97", "set2set R2": ">= 0.97", "dtnn R2": ">= 0.99"},
    minutes=3,
    bricks=["attention_pool", "set2set", "dtnn"],
)
def learn_readouts(seed: int) -> dict[str, float]:
    """Attention finds the value that belongs to the largest key of a set; a mean of items finds the values' spread."""
    return {
        "attention_pool R2": _read("attention_pool", _value_of_largest_key, seed),
        "set2set R2": _read("set2set", _value_of_largest_key, seed),
        "dtnn R2": _read({"brick": "dtnn", "hidden": 64}, _spread, seed, steps=6000, lr=1e-2, variance=0.01),
    }


def _value_of_largest_key(x: Tensor, mask: Tensor) -> Tensor:
    largest = x[..., 0].masked_fill(~mask, -1.0).argmax(1, keepdim=True)
    return x[..., 1].gather(1, largest).squeeze(1)


def _spread(x: Tensor, mask: Tensor) -> Tensor:
    count = mask.sum(1)
    mean, square = x[..., 1].sum(1) / count, x[..., 1].square().sum(1) / count
    return (square - mean.square()).clamp(min=0).sqrt()


def _read(
    readout: Any,
    answer: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    *,
    steps: int = 2500,
    lr: float = 3e-3,
    variance: float = 1.0,
) -> float:
    net, rng = Reader(readout, 2, seed), generator(seed)

    def loss(step: int) -> Tensor:
        x, mask = numbers(rng, 256, 2)
        return mse(net(x, mask), answer(x, mask)) / variance  # of the answers, about: the clip is in its units

    fit(net.parameters(), loss, steps=steps, lr=lr, clip=1.0)
    x, mask = numbers(rng, 8192, 2)
    with torch.no_grad():
        return r_squared(net(x, mask), answer(x, mask))


@task("embed", published=1.0, source="exact", gate=">= 0.98", minutes=0.3, figure="R2 on unseen pairs")  # fmt: skip
def learn_table(seed: int) -> float:
    """Cosine between two categories of 40, each with a hidden angle; a fifth of the pairs is never seen."""
    categories, rng = 40, generator(seed)
    angle = torch.rand(2, categories, generator=rng) * 2.0 * math.pi
    table = (angle[0].unsqueeze(1) - angle[1]).cos()
    pairs = torch.randperm(categories**2, generator=rng)
    unseen, seen = pairs[: categories**2 // 5], pairs[categories**2 // 5 :]
    left, right = (build({"brick": "embed", "categories": categories, "out_dim": 4}, seed=seed + i) for i in (0, 1))
    head = build({"brick": "mlp", "hidden": [64, 64], "activation": "silu", "out_dim": 1}, in_dim=8, seed=seed)

    def predict(pair: Tensor) -> Tensor:
        known = [left(pair // categories), right(pair % categories)]
        return head(torch.cat(known, dim=-1)).squeeze(-1)

    def loss(step: int) -> Tensor:
        chosen = seen[torch.randint(len(seen), (256,), generator=rng)]
        return mse(predict(chosen), table.flatten()[chosen])

    parameters = [p for part in (left, right, head) for p in part.parameters()]
    fit(parameters, loss, steps=2000, lr=5e-3)
    with torch.no_grad():
        return r_squared(predict(unseen), table.flatten()[unseen])
