"""Regression losses: their minimisers on a grid, torch, gradients, weights and padding."""

import math

import pytest
import torch
import torch.nn.functional as F

from jetlego import losses
from jetlego.errors import ConfigError

NAMES = ("mse", "mae", "huber", "log_cosh")


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("name", "options", "oracle"), [
    ("mse", {}, F.mse_loss),
    ("mae", {}, F.l1_loss),
    ("huber", {"delta": 0.4}, lambda x, y: F.huber_loss(x, y, delta=0.4)),
    ("log_cosh", {}, lambda x, y: torch.log(torch.cosh(x - y)).mean()),
])  # fmt: skip
def test_written_out(name, options, oracle):
    x, y = draw(40, 3), draw(40, 3, seed=1)
    torch.testing.assert_close(losses.get(name)(x, y, **options), oracle(x, y))


def test_log_cosh_of_huge_residuals():
    x = torch.tensor([1e4, -1e4], dtype=torch.float64, requires_grad=True)
    value = losses.log_cosh(x, torch.zeros(2).double(), reduction="sum")
    value.backward()
    torch.testing.assert_close(value, torch.tensor(2e4 - 2 * math.log(2.0)).double())
    torch.testing.assert_close(x.grad, torch.tensor([1.0, -1.0]).double())


GRID = torch.linspace(0.0, 4.0, 1001, dtype=torch.float64)


@pytest.mark.parametrize(("name", "statistic"), [
    ("mse", lambda y, w: (w * y).sum() / w.sum()),
    ("mae", lambda y, w: quantile(y, w, 0.5)),
])  # fmt: skip
def test_minimiser(name, statistic):
    y, w = draw(51).exp(), torch.arange(1, 52).double()
    cost = torch.stack([losses.get(name)(c.expand(51), y, weight=w) for c in GRID])
    torch.testing.assert_close(GRID[cost.argmin()], statistic(y, w), atol=4e-3, rtol=0)


def quantile(y: torch.Tensor, w: torch.Tensor, q: float) -> torch.Tensor:
    order = y.argsort()
    return y[order][int(torch.searchsorted(w[order].cumsum(0) / w.sum(), q))]


@pytest.mark.parametrize("q", [0.16, 0.5, 0.84])
def test_pinball_minimiser_is_the_weighted_quantile(q):
    y, w = draw(51).exp(), torch.arange(1, 52).double()
    cost = torch.stack([losses.pinball(c.expand(51, 1), y, weight=w, quantiles=[q]) for c in GRID])
    torch.testing.assert_close(GRID[cost.argmin()], quantile(y, w, q), atol=4e-3, rtol=0)


def test_pinball_median_is_half_the_absolute_error():
    x, y = draw(20), draw(20, seed=1)
    torch.testing.assert_close(losses.pinball(x[:, None], y, quantiles=[0.5]), losses.mae(x, y) / 2)


@pytest.mark.parametrize("name", [*NAMES, "pinball", "gaussian_nll", "mdn_nll"])
def test_gradients_weights_and_padding(name):
    width = {"pinball": 3, "gaussian_nll": 2, "mdn_nll": 9}.get(name)
    options = {"components": 3} if name == "mdn_nll" else {}
    shape = (3, 4) if width is None else (3, 4, width)
    x, y = draw(*shape), draw(3, 4, seed=1)
    mask = torch.arange(4) < torch.tensor([4, 2, 0])[:, None]
    w = torch.tensor([1.0, 2.0, 5.0]).double()
    function = losses.get(name)
    assert torch.autograd.gradcheck(lambda x: function(x, y, weight=w, mask=mask, **options), x.requires_grad_())

    items = torch.cat([x[0], x[1, :2], x[1, :2]]).detach(), torch.cat([y[0], y[1, :2], y[1, :2]])
    blank = mask if width is None else mask[..., None]
    dirty = torch.where(blank, x, torch.nan).detach().requires_grad_()
    found = function(dirty, torch.where(mask, y, torch.inf), weight=w, mask=mask, **options)
    torch.testing.assert_close(found, function(*items, **options))
    found.backward()
    assert torch.equal(dirty.grad.masked_select(~blank), torch.zeros_like(dirty.grad.masked_select(~blank)))
    assert torch.isfinite(dirty.grad).all()


def test_shapes_and_options_are_checked():
    with pytest.raises(ConfigError, match="prediction"):
        losses.mse(draw(4, 2), draw(4))
    with pytest.raises(ConfigError, match="quantiles"):
        losses.pinball(draw(4, 2), draw(4))
    with pytest.raises(ConfigError, match="inside"):
        losses.pinball(draw(4, 1), draw(4), quantiles=[1.0])
    with pytest.raises(ConfigError, match="positive"):
        losses.huber(draw(4), draw(4), delta=0.0)
