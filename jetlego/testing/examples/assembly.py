"""Examples of assemblies."""

import torch

from jetlego.testing.streams import Example, Inputs


def _items(generator: torch.Generator) -> Inputs:
    mask = torch.arange(5) < torch.tensor([5, 3, 0, 1]).unsqueeze(1)
    x = torch.randn(4, 5, 3, dtype=torch.float64, generator=generator) * mask.unsqueeze(-1)
    return {"x": x, "mask": mask}


_MLP = {"brick": "mlp", "hidden": [4]}

EXAMPLES = {
    "assembly": Example(
        {
            "brick": "assembly", "inputs": {"x": "set"}, "outputs": {"y": "set"},
            "parts": {"embed": _MLP, "body": {"brick": "transformer", "heads": 2, "layers": 1}, "head": _MLP},
            "steps": ["e = embed(x)", "e = add(e, body(e))", "y = head(broadcast(e, pool(e)))"],
        },
        {"in_dim": 3, "out_dim": 2}, _items,
    ),
}  # fmt: skip
