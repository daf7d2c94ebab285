"""Activation functions by name, for the ``activation`` argument of any brick."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from jetlego.errors import did_you_mean

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "identity": nn.Identity,
}


def activation(name: str) -> nn.Module:
    """Return an activation module; raise ValueError with the nearest names."""
    if name not in ACTIVATIONS:
        raise ValueError(f"no activation '{name}'; {did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]()
