"""Density losses: torch's densities, quadrature to one, Jacobians of flows by autograd."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.integrate import quad
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from jetlego import losses
from jetlego.errors import ConfigError
from jetlego.losses.gaussian import gaussian_parameters
from jetlego.losses.mixture import mixture_log_density, mixture_parameters


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_gaussian_is_torch():
    mean, sigma, y = draw(30), draw(30, seed=1).exp(), draw(30, seed=2)
    expected = F.gaussian_nll_loss(mean, y, sigma**2, full=True)
    torch.testing.assert_close(losses.gaussian_nll((mean, sigma), y), expected)
    torch.testing.assert_close(losses.gaussian_nll({"mean": mean, "sigma": sigma}, y), expected)


def test_raw_heads():
    raw, y = draw(30, 2), draw(30)
    mean, sigma = gaussian_parameters(raw)
    assert torch.equal(mean.squeeze(-1), raw[:, 0])
    torch.testing.assert_close(sigma.squeeze(-1), F.softplus(raw[:, 1]) + 1e-3)
    torch.testing.assert_close(losses.gaussian_nll(raw, y), losses.gaussian_nll((mean, sigma), y))
    assert (gaussian_parameters(torch.full((1, 2), -1e4))[1] == 1e-3).all()


def test_beta_weights_by_variance_without_gradient():
    mean, sigma, y = draw(30), draw(30, seed=1).exp().requires_grad_(), draw(30, seed=2)
    losses.gaussian_nll((mean, sigma), y, beta=0.5, reduction="sum").backward()
    found = sigma.grad.clone()
    sigma.grad = None
    losses.gaussian_nll((mean, sigma), y, reduction="sum").backward()
    torch.testing.assert_close(found, sigma.detach() * sigma.grad)


def test_one_component_is_the_gaussian():
    raw, y = draw(30, 3), draw(30)
    expected = losses.gaussian_nll(raw[:, 1:], y)
    torch.testing.assert_close(losses.mdn_nll(raw, y, components=1), expected)


def test_mixture_is_torch():
    logit, mean, sigma, y = draw(20, 4), draw(20, 4, 2, seed=1), draw(20, 4, 2, seed=2).exp(), draw(20, 2, seed=3)
    density = MixtureSameFamily(Categorical(logits=logit), Independent(Normal(mean, sigma), 1))
    torch.testing.assert_close(losses.mdn_nll((logit, mean, sigma), y), -density.log_prob(y).mean())


def test_mixture_integrates_to_one():
    logit, mean, sigma = mixture_parameters(draw(12), 4)

    def density(y: float) -> float:
        value = torch.tensor(y).double()
        return mixture_log_density(value, logit, mean.squeeze(-1), sigma.squeeze(-1)).exp().item()

    total, error = quad(density, -30, 30, limit=400, points=mean.squeeze(-1).tolist())
    assert total == pytest.approx(1.0, abs=1e-6)
    assert error < 1e-6


def test_far_targets_stay_finite():
    raw = draw(4, 6).float().requires_grad_()
    value = losses.mdn_nll(raw, torch.full((4,), 1e6), components=2)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(raw.grad).all()


def test_raw_width_is_checked():
    with pytest.raises(ConfigError, match="components"):
        losses.mdn_nll(draw(4, 6), draw(4))
    with pytest.raises(ConfigError, match="components"):
        losses.mdn_nll(draw(4, 8), draw(4), components=2)
    with pytest.raises(ConfigError, match="shapes"):
        losses.mdn_nll(draw(4, 9), draw(5), components=3)


zuko = pytest.importorskip("zuko", reason="the extra 'flows' is not installed")


def small_flow(features: int, context: int = 0) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        flow = zuko.flows.NSF(features, context, transforms=2, hidden_features=(16,)).double()
        for parameter in flow.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
    return flow


def test_flow_log_det_is_the_jacobian():
    flow, x, context = small_flow(3, 2), 0.7 * draw(5, 3), draw(5, 2, seed=1)
    nll = losses.flow_nll(flow(context), x, reduction="none")
    for i in range(5):
        transform = flow(context[i]).transform
        jacobian = torch.autograd.functional.jacobian(transform, x[i])
        z = transform(x[i])
        expected = 0.5 * (z**2).sum() + 1.5 * math.log(2 * math.pi) - jacobian.slogdet().logabsdet
        torch.testing.assert_close(nll[i], expected)
        torch.testing.assert_close(transform.inv(z), x[i])


def test_flow_integrates_to_one():
    flow = small_flow(1)
    grid = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    nll = losses.flow_nll(flow(), grid[:, None], reduction="none").detach()
    assert np.trapezoid(np.exp(-nll.numpy()), grid.numpy()) == pytest.approx(1.0, abs=1e-5)


def test_flow_weights_and_padding():
    flow, x = small_flow(2), draw(6, 2)
    mask, w = torch.arange(6) < 4, torch.tensor([1, 2, 0, 1, 9, 9]).double()
    dirty = torch.where(mask[:, None], x, torch.nan)
    expected = losses.flow_nll(flow(), x[[0, 1, 1, 3]])
    found = losses.flow_nll(flow(), dirty, weight=w, mask=mask)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(torch.isfinite(p.grad).all() for p in flow.parameters())
