"""Tasks of the density losses: problems whose entropy is known in closed form or by quadrature."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator, mlp
from jetlego.losses import flow_nll, gaussian_nll, mdn_nll, pinball

BATCH, TEST = 512, 200_000
"""Every step draws new data, so that the exact entropy is what training converges to."""


@task("pinball", published=0.0, source="definition of a quantile", gate="<= 0.01", minutes=0.2,
      figure="largest coverage error")  # fmt: skip
def learn_quantiles(seed: int) -> float:
    """Quantiles 0.16, 0.5 and 0.84 of y = exp(0.5 x + (0.3 + 0.2 |x|) n), coverage on fresh data."""
    net, rng, levels = mlp(1, 64, 64, 3), generator(seed), (0.16, 0.5, 0.84)

    def loss(step: int) -> Tensor:
        x, y = skewed(rng, BATCH)
        return pinball(net(x), y, quantiles=levels)

    fit(net.parameters(), loss, steps=2000, lr=3e-3)
    x, y = skewed(rng, TEST)
    with torch.no_grad():
        below = (y[:, None] < net(x)).float().mean(0)
    return float((below - torch.tensor(levels)).abs().max())


def skewed(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor]:
    """Return x uniform in [-1, 1] as (n, 1), and a log-normal y whose width grows with |x|."""
    x = 2.0 * torch.rand(items, 1, generator=rng) - 1.0
    noise = torch.randn(items, generator=rng)
    return x, torch.exp(0.5 * x[:, 0] + (0.3 + 0.2 * x[:, 0].abs()) * noise)


@task("gaussian_nll", published=-0.5650, source="exact conditional entropy; best constant sigma -0.4091",
      gate="<= -0.555", minutes=0.2, figure="nll")  # fmt: skip
def learn_width(seed: int) -> float:
    """NLL in nats of y = sin 3x + (0.05 + 0.2 |x|) n, x uniform in [-1, 1]."""
    net, rng = mlp(1, 64, 64, 2, activation=nn.Tanh), generator(seed)

    def loss(step: int) -> Tensor:
        x, y = sine(rng, BATCH)
        return gaussian_nll(net(x), y)

    fit(net.parameters(), loss, steps=2000, lr=1e-2)
    x, y = sine(rng, TEST)
    with torch.no_grad():
        return float(gaussian_nll(net(x), y))


def sine(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor]:
    """Return x as (n, 1) and y = sin 3x + (0.05 + 0.2 |x|) n."""
    x = 2.0 * torch.rand(items, 1, generator=rng) - 1.0
    return x, torch.sin(3.0 * x[:, 0]) + (0.05 + 0.2 * x[:, 0].abs()) * torch.randn(items, generator=rng)


@task("mdn_nll", published=-1.6147, source="exact conditional entropy; best single Gaussian -0.4990",
      gate="<= -1.55", minutes=0.5, figure="nll")  # fmt: skip
def learn_branches(seed: int) -> float:
    """NLL in nats of x given y, where y = x + 0.3 sin(4 pi x) + 0.05 n and x is uniform in [0, 1]."""
    components = 8
    net, rng = mlp(1, 128, 128, 3 * components), generator(seed)
    with torch.no_grad():  # means spread over the standardised range, sigma near 1/2
        weight, bias = net[-1].parameters()
        weight.mul_(0.1)
        bias.zero_()
        bias[components : 2 * components] = torch.linspace(-1.7, 1.7, components)

    def loss(step: int) -> Tensor:
        x, y = folded(rng, BATCH)
        return mdn_nll(net(y), x, components=components)

    fit(net.parameters(), loss, steps=4000, lr=3e-3, clip=5.0)
    x, y = folded(rng, TEST)
    with torch.no_grad():
        return float(mdn_nll(net(y), x, components=components)) - 0.5 * math.log(12.0)


def folded(rng: torch.Generator, items: int) -> tuple[Tensor, Tensor]:
    """Return x, standardised by its exact mean 1/2 and width 1/sqrt(12), and y (n, 1), centred and scaled."""
    x = torch.rand(items, generator=rng)
    y = x + 0.3 * torch.sin(4.0 * math.pi * x) + 0.05 * torch.randn(items, generator=rng)
    return (x - 0.5) * math.sqrt(12.0), 3.0 * (y[:, None] - 0.5)


@task("flow_nll", published=1.6981, source="exact entropy; one Gaussian 3.5508", gate="<= 1.80", minutes=2,
      figure="nll")  # fmt: skip
def learn_ring(seed: int) -> float:
    """NLL in nats of a neural spline flow on eight Gaussians of sigma 0.2 on a ring of radius 2."""
    import zuko

    scale, rng = 1.5, generator(seed)
    flow = zuko.flows.NSF(2, transforms=3, bins=12, hidden_features=(64, 64))

    def loss(step: int) -> Tensor:
        return flow_nll(flow(), ring(rng, BATCH) / scale)

    fit(flow.parameters(), loss, steps=2500, lr=3e-3, clip=5.0)
    with torch.no_grad():
        return float(flow_nll(flow(), ring(rng, TEST) / scale)) + 2.0 * math.log(scale)


def ring(rng: torch.Generator, items: int) -> Tensor:
    """Return (n, 2) points of eight equal Gaussians of sigma 0.2 on a circle of radius 2."""
    angle = torch.randint(8, (items,), generator=rng) * (math.pi / 4.0)
    centre = 2.0 * torch.stack([angle.cos(), angle.sin()], dim=-1)
    return centre + 0.2 * torch.randn(items, 2, generator=rng)
