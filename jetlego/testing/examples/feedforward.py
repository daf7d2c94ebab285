"""Examples of the feed-forward bricks and norms."""

import torch

from jetlego.testing.streams import Example, Inputs

_GIVEN = {"in_dim": 3, "out_dim": 2}


def _categories(generator: torch.Generator) -> Inputs:
    mask = torch.arange(5) < torch.tensor([5, 3, 0, 1]).unsqueeze(1)
    return {"x": torch.randint(0, 6, (4, 5), generator=generator) * mask, "mask": mask}


EXAMPLES = {
    "logistic": Example("logistic", _GIVEN, parameters=8),
    "mlp": Example({"brick": "mlp", "hidden": [5, 4]}, _GIVEN, parameters=3 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2),
    "mlp/no_last": Example({"brick": "mlp", "hidden": [5], "activation": "gelu"}, {"in_dim": 3}, parameters=20),
    "mlp/batch_norm": Example({"brick": "mlp", "hidden": [5, 5], "norm": "batch", "skip": True}, _GIVEN),
    "mlp/gated": Example({"brick": "mlp", "hidden": [6], "gated": True, "activation": "silu", "norm": "rms"}, _GIVEN),
    "mlp/he": Example({"brick": "mlp", "hidden": [5], "he_init": True, "norm": "layer", "dropout": 0.1}, _GIVEN),
    "embed": Example({"brick": "embed", "categories": [-211, 22, 211, 5]}, {"out_dim": 3}, _categories),
    "standardise": Example(
        {"brick": "standardise", "mean": [1.0, 2.0, 3.0], "scale": [1.0, 2.0, 4.0], "clip": 5.0}, {"in_dim": 3}
    ),
    "batch_norm": Example("batch_norm", {"in_dim": 3}, parameters=6),
}
