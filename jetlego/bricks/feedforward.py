"""Feed-forward bricks: logistic unit, multilayer perceptron, embedding of categories, standardisation.

They act on the last axis of any tensor, so they serve vectors, sets (padded or packed), sequences and graphs alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.masks import blank
from jetlego.bricks.norms import NormName, apply_norm
from jetlego.bricks.norms import norm as make_norm
from jetlego.bricks.registry import brick


@brick("logistic", takes={"x": "any[in_dim]"}, gives={"y": "same[out_dim]"}, views=("padded", "packed"))
class Logistic(nn.Module):
    """Logistic regression, ``sigma(w . x + b)``; gives the logit, which is what losses want (Cox 1958).

    Parameters
    ----------
    in_dim, out_dim
        Widths; one logit for two classes, or one a class.
    """

    def __init__(self, *, in_dim: int, out_dim: int = 1) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.linear = nn.Linear(in_dim, out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return logits (..., out_dim) of ``x (..., in_dim)``."""
        return blank(self.linear(blank(x, mask)), mask)


class DenseLayer(nn.Module):
    """``dropout(act(norm(W x + b)))``, gated or with a skip where asked; one layer of :class:`MLP`."""

    def __init__(self, in_dim: int, out_dim: int, *, activation: str, norm: str | None, dropout: float,
                 skip: bool, gated: bool, bias: bool) -> None:  # fmt: skip
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim, bias=bias)
        self.gate = nn.Linear(in_dim, out_dim, bias=bias) if gated else None
        self.norm = make_norm(norm, out_dim)
        self.activation = make_activation(activation)
        self.dropout = nn.Dropout(dropout)
        self.skip = skip and in_dim == out_dim

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the layer's output; ``mask`` serves the norm alone."""
        h = self.linear(x)
        if self.norm is not None:
            h = apply_norm(self.norm, h, mask)
        h = self.activation(self.gate(x)) * h if self.gate is not None else self.activation(h)
        h = self.dropout(h)
        return x + h if self.skip else h


@brick("mlp", takes={"x": "any[in_dim]"}, gives={"y": "same[out_dim]"}, views=("padded", "packed"))
class MLP(nn.Module):
    """Multilayer perceptron, ``h_l = act(W_l h_{l-1} + b_l)`` (Rumelhart, Hinton, Williams 1986).

    Parameters
    ----------
    in_dim
        Width of the input, the last axis.
    hidden
        Widths of the layers that carry an activation.
    out_dim
        Width of a last linear layer; None leaves it out, and the last hidden layer is the output.
    activation, norm, dropout
        Of each hidden layer; the norm stands before the activation. ``batch`` counts real items only.
    skip
        Add a layer's input to its output where the widths agree (arXiv:1512.03385).
    gated
        ``W x * act(V x)``; with ``activation: silu`` the SwiGLU of arXiv:2002.05202.
    bias
        False drops the biases of the hidden layers.
    he_init
        Start with He's uniform weights and zero biases (arXiv:1502.01852, eq. 10) instead of torch's default.
    """

    def __init__(self, *, in_dim: int, hidden: Sequence[int] = (64,), out_dim: int | None = None,
                 activation: str = "relu", norm: NormName | None = None, dropout: float = 0.0, skip: bool = False,
                 gated: bool = False, bias: bool = True, he_init: bool = False) -> None:  # fmt: skip
        super().__init__()
        if out_dim is None and not hidden:
            raise ValueError("an mlp without hidden layers needs out_dim")
        widths = [in_dim, *hidden]
        if min(widths) < 1:
            raise ValueError(f"widths must be positive, not {widths}")
        self.layers = nn.ModuleList(
            DenseLayer(a, b, activation=activation, norm=norm, dropout=dropout, skip=skip, gated=gated, bias=bias)
            for a, b in pairwise(widths)
        )
        self.last = nn.Linear(widths[-1], out_dim) if out_dim is not None else None
        self.out_dim = out_dim if out_dim is not None else widths[-1]
        self.he_init = he_init
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Draw He's start where asked; otherwise the linear layers have started themselves."""
        if not self.he_init:
            return
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return ``(..., out_dim)`` of ``x (..., in_dim)``; items outside ``mask (...)`` come out zero."""
        x = blank(x, mask)
        for layer in self.layers:
            x = layer(x, mask)
        if self.last is not None:
            x = self.last(x)
        return blank(x, mask)


@brick("embed", takes={"x": "index"}, gives={"y": "any[out_dim]"}, views=("padded", "packed"))
class Embed(nn.Module):
    """A learned vector for each category; what was never declared shares one row of its own.

    Parameters
    ----------
    categories
        Number of categories, which are then 0 .. categories - 1, or the list of their values (such as PDG codes).
    out_dim
        Width of the vectors.
    """

    def __init__(self, *, categories: int | Sequence[int], out_dim: int) -> None:
        super().__init__()
        values = list(range(categories)) if isinstance(categories, int) else sorted(categories)
        if not values or len(set(values)) < len(values):
            raise ValueError("categories must be one or more distinct values")
        self.out_dim = out_dim
        self.register_buffer("values", torch.tensor(values, dtype=torch.int64), persistent=False)
        self.table = nn.Embedding(len(values) + 1, out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return vectors (..., out_dim) of integer ``x (...)``; unknown values take the last row."""
        row = torch.searchsorted(self.values, x.long().contiguous()).clamp(max=self.values.shape[0] - 1)
        row = row.masked_fill(self.values[row] != x, self.values.shape[0])
        return blank(self.table(row), mask)


@brick("standardise", takes={"x": "any[in_dim]"}, gives={"y": "same[out_dim]"}, views=("padded", "packed"))
class Standardise(nn.Module):
    """``(x - mean) / scale``, then a clip; frozen numbers, fitted once or given.

    Parameters
    ----------
    in_dim
        Number of columns.
    mean, scale
        Numbers to start with, one a column; by default 0 and 1 until :meth:`fit` is called.
    clip
        Largest absolute value that comes out, or None.
    """

    def __init__(self, *, in_dim: int, mean: Sequence[float] | None = None, scale: Sequence[float] | None = None,
                 clip: float | None = None) -> None:  # fmt: skip
        super().__init__()
        for name, values in (("mean", mean), ("scale", scale)):
            if values is not None and len(values) != in_dim:
                raise ValueError(f"{name} has {len(values)} numbers for {in_dim} columns")
        if scale is not None and min(scale) <= 0:
            raise ValueError("scale must be positive")
        self.out_dim, self.clip = in_dim, math.inf if clip is None else clip
        self.register_buffer("mean", torch.tensor(mean or [0.0] * in_dim))
        self.register_buffer("scale", torch.tensor(scale or [1.0] * in_dim))

    @torch.no_grad()
    def fit(self, x: Tensor, mask: Tensor | None = None, *, weight: Tensor | None = None) -> Standardise:
        """Set mean and scale from ``x (..., in_dim)``, over real items, each with ``weight (...)``; return self.

        A constant column gets scale 1. Computed in float64.
        """
        items = blank(x, mask).double().reshape(-1, x.shape[-1])
        count = torch.ones(x.shape[:-1], dtype=torch.float64, device=x.device) if weight is None else weight.double()
        count = blank(count, mask).reshape(-1, 1)
        total = count.sum()
        mean = (items * count).sum(0) / total
        spread = ((items - mean).square() * count).sum(0).div(total).sqrt()
        constant = spread <= 1e-12 * mean.abs().clamp(min=1)
        self.mean.copy_(mean)
        self.scale.copy_(spread.masked_fill(constant, 1))
        return self

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return standardised ``x (..., in_dim)``."""
        return blank(((x - self.mean) / self.scale).clamp(-self.clip, self.clip), mask)

    def inverse(self, y: Tensor) -> Tensor:
        """Undo :meth:`forward` (exactly so where nothing was clipped)."""
        return y * self.scale + self.mean
