"""Examples of adapters, chains and pointers."""

import torch

from jetlego.testing.streams import Example, Inputs

_ORDER = "the brick puts its items in an order of its own"


def _choices(generator: torch.Generator) -> Inputs:
    """Return items and true choices among them, the end after the last."""
    mask = torch.arange(5) < torch.tensor([5, 3, 0, 1]).unsqueeze(1)
    x = torch.randn(4, 5, 3, dtype=torch.float64, generator=generator) * mask.unsqueeze(-1)
    return {"x": x, "mask": mask, "target": torch.tensor([[4, 0, 2], [1, 2, -1], [-1, -1, -1], [0, -1, -1]])}


_POINTER_SKIPS = {
    "padding": "the output has a column for each slot; test_pointer compares the real ones",
    "permutation": "the target goes along with the items; test_pointer turns both",
}

EXAMPLES = {
    "broadcast": Example("broadcast", {"in_dim": 3, "vector_dim": 2}, parameters=0),
    "broadcast/add": Example({"brick": "broadcast", "how": "add"}, {"in_dim": 3, "vector_dim": 2}, parameters=9),
    "pixelise": Example({"brick": "pixelise", "size": 4, "half_width": 1.5}, {"in_dim": 2}, parameters=0),
    "order": Example("order", {"in_dim": 3}, skip={"permutation": _ORDER}),
    "patches": Example({"brick": "patches", "size": 4, "out_dim": 3}, {"in_dim": 2}, parameters=2 * 16 * 3 + 3),
    "flatten": Example({"brick": "flatten", "height": 6, "width": 5}, {"in_dim": 2}, parameters=0),
    "chain": Example(
        {"brick": "chain", "parts": [{"brick": "mlp", "hidden": [4]}, "pool", {"brick": "mlp", "hidden": [3]}]},
        {"in_dim": 3, "out_dim": 2},
    ),
    "chain/sets": Example(
        {"brick": "chain", "parts": [{"brick": "mlp", "hidden": [4]}, {"brick": "transformer", "heads": 2}]},
        {"in_dim": 3},
    ),
    "pointer": Example("pointer", {"in_dim": 3}, _choices, skip=_POINTER_SKIPS),
    "pointer/closed": Example(
        {"brick": "pointer", "hidden": 4, "closed": True, "kind": "general"},
        {"in_dim": 3},
        _choices,
        skip=_POINTER_SKIPS,
    ),
}
