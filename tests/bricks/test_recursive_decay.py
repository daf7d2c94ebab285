import numpy as np
import pytest
import torch

from jetlego.bricks.recursive.decay import axes_of, decay, decay_numbers, mass_of


def _parents(count=200):
    rng = np.random.default_rng(3)
    momentum = rng.normal(0, 50, (count, 3))
    momentum[0] = 0.0  # at rest
    momentum[1, :2] = 0.0  # along the beam
    mass = rng.exponential(20, count) + 0.5
    return torch.tensor(np.column_stack([momentum, np.sqrt((momentum**2).sum(1) + mass**2)]))


def _numbers(count=200):
    rng = np.random.default_rng(4)
    angles = rng.uniform(-0.99, 0.99, count), rng.uniform(-3.1, 3.1, count)
    return torch.tensor(np.column_stack([rng.uniform(0.01, 0.99, (count, 2)), *angles]))


def test_momentum_is_conserved_and_masses_are_those_asked_for():
    parent, numbers = _parents(), _numbers()
    left, right = decay(parent, numbers)
    torch.testing.assert_close(left + right, parent, rtol=1e-14, atol=1e-12)
    mass = mass_of(parent)
    torch.testing.assert_close(mass_of(left), numbers[:, 0] * mass, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(mass_of(right), numbers[:, 1] * (mass - numbers[:, 0] * mass), rtol=1e-7, atol=1e-7)


def test_numbers_come_back():
    parent, numbers = _parents(), _numbers()
    torch.testing.assert_close(decay_numbers(parent, *decay(parent, numbers)), numbers, rtol=1e-6, atol=1e-6)


def test_angle_in_the_rest_frame_from_an_invariant():
    # for a parent of energy E and momentum P, E_left = (E e* + P p* cos theta*) / m
    parent, numbers = _parents(), _numbers()
    left, _ = decay(parent, numbers)
    mass = mass_of(parent)
    m_left, m_right = mass_of(left), mass_of(parent - left)
    e_star = (mass**2 + m_left**2 - m_right**2) / (2 * mass)
    p_star = (e_star**2 - m_left**2).sqrt()
    cos_theta = (left[:, 3] * mass - parent[:, 3] * e_star) / (parent[:, :3].norm(dim=1) * p_star)
    torch.testing.assert_close(cos_theta[1:], numbers[1:, 2], rtol=1e-5, atol=1e-5)


def test_axes_are_orthogonal_and_end_in_the_direction_of_flight():
    parent = _parents()
    axes = axes_of(parent)
    torch.testing.assert_close(axes @ axes.transpose(1, 2), torch.eye(3, dtype=torch.float64).expand(200, 3, 3))
    torch.testing.assert_close(axes[1:, 2], parent[1:, :3] / parent[1:, :3].norm(dim=1, keepdim=True))


def test_gradients():
    # heavy parents: finite differences of a light one's mass have no digits left
    parent, numbers = _parents(6)[3:].requires_grad_(), _numbers(6)[3:].requires_grad_()
    assert mass_of(parent).min() > 15
    assert torch.autograd.gradcheck(decay, (parent, numbers), atol=1e-5)
    left, right = (p.detach().requires_grad_() for p in decay(parent, numbers))
    assert torch.autograd.gradcheck(decay_numbers, (parent, left, right), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("x", [0.0, 1.0])
def test_edges_are_finite(x):
    numbers = torch.tensor([[x, 0.5, 1.0, 0.0]], dtype=torch.float64)
    for child in decay(_parents()[2:3], numbers):
        assert torch.isfinite(child).all()
