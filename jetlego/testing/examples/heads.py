"""Examples of heads, on sets of 5, 3, 0 and 1 items."""

import torch

from jetlego.testing.streams import Example, Inputs

_MASK = torch.arange(5) < torch.tensor([5, 3, 0, 1]).unsqueeze(1)


def _choices(generator: torch.Generator) -> Inputs:
    x = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    return {"x": x, "choice": torch.tensor([0, 1, -1, 1])}


def _pairs(generator: torch.Generator) -> Inputs:
    return {"x": torch.randn(4, 3, 5, 5, dtype=torch.float64, generator=generator), "mask": _MASK}


def _history(generator: torch.Generator) -> Inputs:
    """Return items and the places that merge: all of the first set, two of three of the second."""
    x = torch.randn(4, 5, 3, dtype=torch.float64, generator=generator) * _MASK.unsqueeze(-1)
    none = [[-1, -1]] * 4
    target = [[[0, 3], [1, 2], [0, 4], [0, 1]], [[0, 2], [0, 1], *none[2:]], none, none]
    return {"x": x, "mask": _MASK, "target": torch.tensor(target)}


EXAMPLES = {
    "gaussian_head": Example({"brick": "gaussian_head", "targets": 2}, {"in_dim": 3}, parameters=16),
    "mdn_head": Example({"brick": "mdn_head", "components": 3, "targets": 2}, {"in_dim": 3}, parameters=60),
    "flow_head": Example(
        {"brick": "flow_head", "hidden": 4, "bins": 4, "transforms": 1}, {"in_dim": 3, "out_dim": 2},
    ),
    "mask_head": Example("mask_head", {"in_dim": 3, "vector_dim": 2}, parameters=10),
    "heat_map_head": Example("heat_map_head", {"in_dim": 3, "out_dim": 2}, parameters=8),
    "choice_head": Example({"brick": "choice_head", "hidden": 4}, {"in_dim": 3, "out_dim": 2}, _choices, parameters=32),
    "choice_head/own": Example({"brick": "choice_head", "hidden": 4}, {"in_dim": 3, "out_dim": 2}),
    "edge_head": Example({"brick": "edge_head", "hidden": 4}, {"in_dim": 3, "out_dim": 2}, parameters=16 + 8 + 10),
    "lca_head": Example(
        {"brick": "lca_head", "body": {"brick": "mlp", "hidden": [4]}}, {"in_dim": 3, "out_dim": 3}, _pairs,
        parameters=16 + 15,
    ),
    "merge_decoder": Example(
        {"brick": "merge_decoder", "hidden": 4}, {"in_dim": 3}, _history,
        skip={"permutation": "merges name places; tests/bricks/test_heads.py renames them"},
    ),
}  # fmt: skip
