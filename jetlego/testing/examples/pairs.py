"""Examples of pair bricks."""

import torch

from jetlego.testing.streams import Example, Inputs


def _particles(generator: torch.Generator) -> Inputs:
    """Return four-momenta of massless particles near one axis, padded."""
    mask = torch.arange(5) < torch.tensor([5, 3, 0, 1]).unsqueeze(1)
    draw = torch.randn(4, 5, 3, dtype=torch.float64, generator=generator)
    pt, eta, phi = draw[..., 0].exp(), 0.3 * draw[..., 1] + 0.5, 0.3 * draw[..., 2]
    p4 = torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh(), pt * eta.cosh() * 1.01], -1)
    return {"x": p4 * mask.unsqueeze(-1), "mask": mask}


EXAMPLES = {
    "pair_features": Example("pair_features", {}, _particles, parameters=0),
    "pair_bias": Example({"brick": "pair_bias", "hidden": [5, 3]}, {"out_dim": 2}, _particles),
    "pair_bias/linear": Example(
        {"brick": "pair_bias", "hidden": [5], "last_activation": False, "activation": "silu"},
        {"out_dim": 2},
        _particles,
    ),
}
