"""Heads: from what a network knows to what is asked of it.

Classes, tokens and plain regression need no more than ``mlp`` or ``logistic``. Here stand the heads of densities (for
``gaussian_nll``, ``mdn_nll`` and ``flow_nll``), of items, of images, and the one that chooses and goes on.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import blank, per_item
from jetlego.bricks.registry import brick

_VECTOR = {"x": "vector[in_dim]"}


@brick("gaussian_head", takes={"x": "any[in_dim]"}, gives={"y": "same[out_dim]"}, views=("padded", "packed"))
class GaussianHead(nn.Module):
    """Means and raw widths of independent Gaussians, as ``gaussian_nll`` reads them: ``[m_1..m_D, r_1..r_D]``.

    Widths start equal to one standard deviation of a standardised target. Fit the mean first, or use the loss's
    ``beta``: otherwise large widths explain what the mean does not yet.

    Parameters
    ----------
    in_dim
        Width of what is known.
    targets
        Number of targets D.
    """

    def __init__(self, *, in_dim: int, targets: int = 1) -> None:
        super().__init__()
        self.out_dim, self.targets = 2 * targets, targets
        self.map = nn.Linear(in_dim, self.out_dim)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with means near 0 and widths near softplus(0.54) = 1, whatever comes in."""
        nn.init.normal_(self.map.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.map.bias)
        nn.init.constant_(self.map.bias.detach()[self.targets :], math.log(math.e - 1))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (..., 2 D) of ``x (..., in_dim)``."""
        return blank(self.map(blank(x, mask)), mask)


@brick("mdn_head", takes={"x": "any[in_dim]"}, gives={"y": "same[out_dim]"}, views=("padded", "packed"))
class MixtureHead(nn.Module):
    """Logits, means and raw widths of a mixture of Gaussians, as ``mdn_nll`` reads them (Bishop 1994).

    Means start spread over the range of a standardised target, fractions equal: a mixture that starts in one place
    ends with fewer components than it has.

    Parameters
    ----------
    in_dim
        Width of what is known.
    targets, components
        Number of targets D and of components K.
    spread
        Means start between ``-spread`` and ``spread``.
    """

    def __init__(self, *, in_dim: int, targets: int = 1, components: int = 8, spread: float = 1.7) -> None:
        super().__init__()
        self.targets, self.components, self.spread = targets, components, spread
        self.out_dim = components * (1 + 2 * targets)
        self.map = nn.Linear(in_dim, self.out_dim)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with spread means."""
        nn.init.normal_(self.map.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.map.bias)
        means = torch.linspace(-self.spread, self.spread, self.components, device=self.map.bias.device)
        with torch.no_grad():
            end = self.components * (1 + self.targets)
            self.map.bias[self.components : end] = means.to(self.map.bias.dtype).repeat_interleave(self.targets)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (..., K (1 + 2 D)) of ``x (..., in_dim)``."""
        return blank(self.map(blank(x, mask)), mask)


@brick("flow_head", takes={**_VECTOR, "target": "vector[out_dim]"}, gives={"log_prob": "vector"})
class FlowHead(nn.Module):
    """Density of a target given a vector, by a neural spline flow of ``zuko`` (arXiv:1906.04032).

    Splines live on [-5, 5]: standardise the targets. Runs in float32 or better.

    Parameters
    ----------
    in_dim, out_dim
        Width of the vector, number of targets.
    transforms, hidden, bins
        Of the flow.
    """

    def __init__(self, *, in_dim: int, out_dim: int, transforms: int = 2, hidden: int = 32, bins: int = 8) -> None:
        super().__init__()
        import zuko

        self.out_dim = out_dim
        self.flow = zuko.flows.NSF(out_dim, in_dim, transforms=transforms, bins=bins, hidden_features=(hidden, hidden))

    def density(self, x: Tensor) -> Any:
        """Return the distribution of the target given ``x (B, in_dim)``: it has ``log_prob`` and ``sample``."""
        return self.flow(x)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return ln p (B,) of ``target (B, out_dim)`` given ``x (B, in_dim)``."""
        with torch.autocast(x.device.type, enabled=False):
            return self.density(x.to(target.dtype)).log_prob(target)


@brick("mask_head", takes={"x": "set[in_dim]", "vector": "vector[vector_dim]"}, gives={"y": "set[out_dim]"},
       views=("padded", "packed"))  # fmt: skip
class MaskHead(nn.Module):
    """``x_i . W v + u . x_i + b``: whether each item belongs to what a vector describes, as logits.

    Parameters
    ----------
    in_dim, vector_dim
        Widths of the items and of the vector.
    """

    out_dim = 1

    def __init__(self, *, in_dim: int, vector_dim: int) -> None:
        super().__init__()
        self.vector_dim = vector_dim
        self.query, self.own = nn.Linear(vector_dim, in_dim, bias=False), nn.Linear(in_dim, 1)

    def forward(self, x: Tensor, vector: Tensor, mask: Tensor | None = None, *, ptr: Tensor | None = None) -> Tensor:
        """Return (B, N, 1) of ``x (B, N, in_dim)`` and ``vector (B, vector_dim)``, or packed with ``ptr``."""
        x = blank(x, mask)
        match = (x * per_item(self.query(vector), x, ptr)).sum(-1, keepdim=True) / math.sqrt(x.shape[-1])
        return blank(match + self.own(x), mask)


@brick("heat_map_head", takes={"x": "image[in_dim]"}, gives={"y": "image[out_dim]"})
class HeatMapHead(nn.Module):
    """One logit a pixel and class, starting as rare as peaks are (arXiv:1904.07850, section 3 and 5.1).

    Parameters
    ----------
    in_dim, out_dim
        Channels that come in, and kinds of peaks.
    prior
        Probability of a peak at the start: with one half, the sum over the empty pixels would be all the loss.
    """

    def __init__(self, *, in_dim: int, out_dim: int = 1, prior: float = 0.1) -> None:
        super().__init__()
        if not 0 < prior < 1:
            raise ValueError("prior must lie between 0 and 1")
        self.out_dim, self.prior = out_dim, prior
        self.map = nn.Conv2d(in_dim, out_dim, 1)
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the bias at the logit of the prior."""
        nn.init.constant_(self.map.bias, math.log(self.prior / (1 - self.prior)))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, out_dim, H, W) of ``x (B, in_dim, H, W)``."""
        return self.map(x)


@brick("choice_head", takes={**_VECTOR, "choice": "index?"},
       gives={"logits": "logits[out_dim]", "x": "vector[in_dim]"}, paper="Nature 575, 350")  # fmt: skip
class ChoiceHead(nn.Module):
    """Chooses one of K and tells the next head: logits, and ``x + W onehot(choice)`` (Nature 575 (2019) 350).

    The choice is the given one (its training), otherwise the likeliest. It is an index, so no gradient of a later head
    reaches these logits.

    Parameters
    ----------
    in_dim, out_dim
        Width of the autoregressive embedding; number of choices K.
    hidden
        Width of the layer before the logits.
    """

    def __init__(self, *, in_dim: int, out_dim: int, hidden: int = 64) -> None:
        super().__init__()
        self.in_dim, self.out_dim = in_dim, out_dim
        self.inner, self.outer = nn.Linear(in_dim, hidden), nn.Linear(hidden, out_dim)
        self.chosen = nn.Parameter(torch.empty(out_dim, in_dim))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start the embeddings of the choices apart, smaller than what they are added to."""
        nn.init.normal_(self.chosen, std=0.5, generator=generator)

    def forward(self, x: Tensor, choice: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return logits (B, K) and the embedding (B, in_dim) with the ``choice (B,)``, -1 adding nothing, in it."""
        logits = self.outer(torch.relu(self.inner(x)))
        choice = logits.argmax(-1) if choice is None else choice
        added = self.chosen.index_select(0, choice.clamp(min=0))
        return logits, x + blank(added, choice >= 0)
