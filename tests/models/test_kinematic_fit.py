"""The kinematic fit against scipy's constrained minimiser, and its gradient against finite differences."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from jetlego.errors import ConfigError
from jetlego.models.kinematic_fit import four_momenta, kinematic_fit

GROUPS, MASSES = [[0, 1], [0, 1, 2]], [80.4, 172.5]


def events(count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Return three jets near a top quark's decay, and their resolutions."""
    rng = np.random.default_rng(2)
    base = np.array([[110.0, 0.2, 0.1, 9.0], [70.0, -0.3, 1.0, 6.0], [90.0, 0.9, -0.9, 10.0]])
    jets = np.tile(base, (count, 1, 1)) * np.exp(0.1 * rng.standard_normal((count, 3, 4)))
    sigma = np.tile([0.12, 0.03, 0.03], (count, 3, 1)) * np.exp(0.2 * rng.standard_normal((count, 3, 3)))
    return torch.from_numpy(jets), torch.from_numpy(sigma)


def mass(p4: torch.Tensor) -> torch.Tensor:
    total = p4.sum(-2)
    return (total[..., 3] ** 2 - (total[..., :3] ** 2).sum(-1)).sqrt()


def test_masses_are_met():
    jets, sigma = events()
    fit = kinematic_fit(jets, sigma, groups=GROUPS, masses=MASSES)
    assert fit.ok.all()
    for group, expected in zip(GROUPS, MASSES, strict=True):
        torch.testing.assert_close(mass(fit.p4[:, group]), torch.full((4,), expected, dtype=torch.float64))


def test_scipy_finds_the_same():
    jets, sigma = events(2)
    fit = kinematic_fit(jets, sigma, groups=GROUPS, masses=MASSES)
    for i in range(2):
        def violation(u, i=i):
            p4 = four_momenta(torch.from_numpy(u).reshape(3, 3), jets[i], sigma[i])
            return [float(mass(p4[g])) / m - 1.0 for g, m in zip(GROUPS, MASSES, strict=True)]

        found = minimize(lambda u: 0.5 * u @ u, np.zeros(9), jac=lambda u: u, method="SLSQP",
                         constraints={"type": "eq", "fun": violation},
                         options={"ftol": 1e-14, "maxiter": 300})  # fmt: skip
        np.testing.assert_allclose(fit.pulls[i].flatten().numpy(), found.x, atol=2e-4)
        assert float(fit.chi2[i]) == pytest.approx(2 * found.fun, rel=1e-5)


def test_balance():
    jets, sigma = events()
    recoil = -four_momenta(torch.zeros(4, 3, 3).double(), jets, sigma)[..., :2].sum(1) + 5.0
    fit = kinematic_fit(jets, sigma, groups=[[0, 1]], masses=[80.4], recoil=recoil)
    assert fit.ok.all()
    torch.testing.assert_close(fit.p4[..., :2].sum(1), -recoil)


def test_gradients():
    jets, sigma = events(2)
    masses = torch.tensor(MASSES, dtype=torch.float64)

    def run(jets, sigma, masses):
        return kinematic_fit(jets, sigma, groups=GROUPS, masses=masses, steps=15).pulls

    inputs = [x.requires_grad_() for x in (jets, sigma, masses)]
    assert torch.autograd.gradcheck(run, inputs, eps=1e-5, atol=1e-5, rtol=1e-4, fast_mode=True)


def test_satisfied_constraints_change_nothing():
    jets, sigma = events(1)
    now = mass(four_momenta(torch.zeros(1, 3, 3).double(), jets, sigma)[:, :2])
    fit = kinematic_fit(jets, sigma, groups=[[0, 1]], masses=now[:, None])
    torch.testing.assert_close(fit.chi2, torch.zeros(1).double(), atol=1e-12, rtol=0)


def test_unreachable_mass_is_flagged():
    jets, sigma = events(1)
    fit = kinematic_fit(jets, 1e-4 * sigma, groups=[[0]], masses=[80.4])  # a jet keeps its own mass
    assert not fit.ok.any()
    assert torch.isfinite(fit.p4).all()
    with pytest.raises(ConfigError, match="no jet 3"):
        kinematic_fit(jets, sigma, groups=[[0, 3]], masses=[80.4])
