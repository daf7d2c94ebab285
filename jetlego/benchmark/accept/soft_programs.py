"""Tasks of differentiable programs: order as a layer, ranks as a loss, a kinematic fit that calibrates."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator, r_squared
from jetlego.bricks.build import build
from jetlego.losses import mse, soft01, soft_topk_loss
from jetlego.models.kinematic_fit import kinematic_fit

Answer = Callable[[Tensor], Tensor]
ITEMS, WIDTH = 10, 4
HIDDEN = (0.6, -0.5, 0.4, 0.3)
"""The score that decides the order of the items; nobody tells it to the bricks."""


@task(
    "soft_order",
    published={"soft_topk R2": 1.0, "soft_sort R2": 1.0, "soft_quantile R2": 1.0},
    source="exact",
    gate={"soft_topk R2": ">= 0.98", "soft_sort R2": ">= 0.98", "soft_quantile R2": ">= 0.98"},
    minutes=3,
    bricks=["soft_topk", "soft_sort", "soft_quantile"],
)
def learn_order_bricks(seed: int) -> dict[str, float]:
    """Find a hidden score of items from the sum of the best three, from a sum weighed by place, from its quantiles."""
    topk = build({"brick": "soft_topk", "k": 3}, in_dim=WIDTH, seed=seed)
    sort = build({"brick": "soft_sort", "learned": True}, in_dim=WIDTH, seed=seed)
    score = build("logistic", in_dim=WIDTH, seed=seed)
    quantile = build({"brick": "soft_quantile", "levels": [0.2, 0.5, 0.8]}, in_dim=1, seed=seed)
    place = torch.linspace(-1.0, 1.0, ITEMS).unsqueeze(-1)

    def best(x: Tensor) -> Tensor:
        return in_order(x)[:, -3:].sum(1)

    def by_place(x: Tensor) -> Tensor:
        return (in_order(x) * place).sum(1)

    def quantiles(x: Tensor) -> Tensor:
        # the brick's definition: the mean of the tenth of the items around each level, here half of two items
        ordered = (x @ torch.tensor(HIDDEN)).sort(1).values
        return torch.stack([0.5 * (ordered[:, i] + ordered[:, i + 1]) for i in (1, 4, 7)], dim=1)

    return {
        "soft_topk R2": _learn(lambda x: topk(x)[0].sum(1), best, [*topk.parameters()], seed),
        "soft_sort R2": _learn(lambda x: (sort(x) * place).sum(1), by_place, [*sort.parameters()], seed),
        "soft_quantile R2": _learn(lambda x: quantile(score(x)), quantiles, [*score.parameters()], seed),
    }


def in_order(x: Tensor) -> Tensor:
    """Return the items (B, N, D) in the order of the hidden score, ascending."""
    order = (x @ torch.tensor(HIDDEN)).argsort(1)
    return x.gather(1, order.unsqueeze(-1).expand_as(x))


def _learn(predict: Answer, answer: Answer, parameters: list[nn.Parameter], seed: int) -> float:
    rng = generator(seed)

    def loss(step: int) -> Tensor:
        x = torch.randn(256, ITEMS, WIDTH, generator=rng)
        return mse(predict(x), answer(x))

    fit(parameters, loss, steps=500, lr=0.02)
    x = torch.randn(2048, ITEMS, WIDTH, generator=rng)
    with torch.no_grad():
        return r_squared(predict(x), answer(x))


CLASSES, RADIUS, SIGMA = 8, 2.0, 0.7


@task(
    "rank_losses",
    published={"soft01": 0.7260, "soft_topk_loss, k = 3": 0.9926},
    source="Bayes optimum, by quadrature",
    gate={"soft01": ">= 0.72", "soft_topk_loss, k = 3": ">= 0.989"},
    minutes=1,
    bricks=["soft01", "soft_topk_loss"],
)
def learn_by_rank(seed: int) -> dict[str, float]:
    """Accuracy, and share with the truth among the first three, on eight overlapping Gaussians on a ring."""
    return {"soft01": _top(1, seed), "soft_topk_loss, k = 3": _top(3, seed)}


def _top(k: int, seed: int) -> float:
    net, rng = build({"brick": "mlp", "hidden": [64, 64], "out_dim": CLASSES}, in_dim=2, seed=seed), generator(seed)

    def loss(step: int) -> Tensor:
        x, label = ring(rng, 128)
        return soft01(net(x), label) if k == 1 else soft_topk_loss(net(x), label, k=k)

    fit(net.parameters(), loss, steps=800, lr=3e-3)
    x, label = ring(rng, 200_000)
    with torch.no_grad():
        first = net(x).topk(k, dim=-1).indices
    return float((first == label.unsqueeze(-1)).any(-1).double().mean())


def ring(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor]:
    """Return points (n, 2) around eight places on a circle, and the number of the place."""
    label = torch.randint(CLASSES, (items,), generator=rng)
    angle = label * (2.0 * math.pi / CLASSES)
    centre = RADIUS * torch.stack([angle.cos(), angle.sin()], dim=-1)
    return centre + SIGMA * torch.randn(items, 2, generator=rng), label


W_MASS = 80.4


@task("kinematic_fit", published=0.0, source="planted energy scale 0.92 + 0.05 |eta|", gate="<= 0.01", minutes=2,
      figure="largest error of the energy scale")  # fmt: skip
def learn_energy_scale(seed: int) -> float:
    """Calibrate jets by making the chi2 of their W-mass fit small: scale at eta 0 and its slope, unknown to the fit."""
    rng = generator(seed)
    correction = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    resolution = torch.tensor([0.08, 0.01, 0.01], dtype=torch.float64)

    def corrected(jets: Tensor) -> Tensor:
        scale = correction[0] + correction[1] * jets[..., 1].abs()
        return torch.cat([jets[..., :1] * scale.exp().unsqueeze(-1), jets[..., 1:]], dim=-1)

    def loss(step: int) -> Tensor:
        jets = measured(rng, 256, resolution)
        fitted = kinematic_fit(corrected(jets), resolution.expand(256, 2, 3), groups=[[0, 1]], masses=[W_MASS], steps=6)
        return (fitted.chi2 * fitted.ok).sum() / fitted.ok.sum()

    fit([correction], loss, steps=250, lr=0.02)
    eta = torch.linspace(0.0, 2.0, 21, dtype=torch.float64)
    with torch.no_grad():
        restored = (0.92 + 0.05 * eta) * (correction[0] + correction[1] * eta).exp()
    return float((restored - 1.0).abs().max())


def measured(rng: torch.Generator, events: int, resolution: Tensor) -> Tensor:
    """Return (B, 2, 4): pt, eta, phi and mass of two massless jets of a W boson, mis-scaled and smeared."""
    pt = 30.0 + 60.0 * torch.rand(events, dtype=torch.float64, generator=rng)
    eta = 4.0 * torch.rand(events, 2, dtype=torch.float64, generator=rng) - 2.0
    phi = 2.4 * torch.rand(events, dtype=torch.float64, generator=rng) + 0.6
    other = 0.5 * W_MASS**2 / (pt * ((eta[:, 0] - eta[:, 1]).cosh() - phi.cos()))  # m^2 = 2 pt pt' (cosh - cos)
    angles = torch.stack([torch.zeros_like(phi), phi], dim=1)
    true = torch.stack([torch.stack([pt, other], dim=1), eta, angles, torch.zeros_like(eta)], dim=-1)
    shift = resolution * torch.randn(events, 2, 3, dtype=torch.float64, generator=rng)
    scale = (0.92 + 0.05 * true[..., 1].abs()) * shift[..., 0].exp()
    return torch.stack([true[..., 0] * scale, true[..., 1] + shift[..., 1], true[..., 2] + shift[..., 2], true[..., 3]],
                       dim=-1)  # fmt: skip
