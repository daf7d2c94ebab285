"""Draw from distributions given by their logarithms."""

from __future__ import annotations

import torch
from torch import Tensor


def draw(log_prob: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return the likeliest column of each row (B, K), or one drawn by adding Gumbel noise."""
    if generator is None:
        return log_prob.argmax(1)
    noise = torch.rand(log_prob.shape, generator=generator, device=generator.device).to(log_prob.device)
    return (log_prob - noise.clamp(min=1e-30).log().neg().clamp(min=1e-30).log()).argmax(1)
