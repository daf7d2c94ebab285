"""Examples of rows, pairs, triangles, frames and recycling, on sets of 5, 3, 0 and 1 items in three rows."""

import torch
from torch import Tensor

from jetlego.bricks.frames import rotation_of
from jetlego.testing.streams import Example, Inputs

_MASK = torch.arange(5) < torch.tensor([5, 3, 0, 1]).unsqueeze(1)
_ROWS = torch.stack([_MASK, _MASK & (torch.arange(5) != 1), _MASK], 1)
"""The second row does not know the second item."""


def _draw(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(4, *shape, dtype=torch.float64, generator=generator)


def _pairs(generator: torch.Generator) -> Inputs:
    return {"x": _draw(generator, 4, 5, 5), "mask": _MASK}


def _rows(generator: torch.Generator) -> Inputs:
    return {"x": _draw(generator, 3, 5, 4), "mask": _ROWS}


def _rows_and_pairs(generator: torch.Generator) -> Inputs:
    return {"x": _draw(generator, 3, 5, 4), "pair": _draw(generator, 2, 5, 5), "mask": _ROWS}


def _items_and_pairs(generator: torch.Generator) -> Inputs:
    x = _draw(generator, 5, 4) * _MASK.unsqueeze(-1)
    return {"x": x, "mask": _MASK, "pair": _draw(generator, 2, 5, 5)}


def _framed(generator: torch.Generator) -> Inputs:
    frames = {"rotation": rotation_of(_draw(generator, 5, 3)), "origin": _draw(generator, 5, 3)}
    return _items_and_pairs(generator) | frames


def _moved(generator: torch.Generator) -> Inputs:
    return {k: v for k, v in _framed(generator).items() if k != "pair"}


_STOPPED = {"gradients": "gradients are stopped between layers or passes, which finite differences see"}
_SMALL = {"brick": "evoformer", "layers": 1, "heads": 2, "pair_heads": 1, "outer": 2}
_POINTS = {"heads": 2, "head_dim": 3, "query_points": 2, "value_points": 1}
_PLACES = {"brick": "structure", "layers": 1, **_POINTS}
_BOTH = {"in_dim": 4, "pair_dim": 2}

EXAMPLES = {
    **{
        f"triangle_multiply/{side}": Example(
            {"brick": "triangle_multiply", "direction": side, "hidden": 3}, {"in_dim": 4}, _pairs,
            parameters=2 * (4 * 6 + 6) + (4 * 4 + 4) + (3 * 4 + 4) + 8 + 6,
        )
        for side in ("out", "in")
    },
    **{
        f"triangle_attention/{node}": Example(
            {"brick": "triangle_attention", "around": node, "heads": 2, "chunk": 2 if node == "end" else 64},
            {"in_dim": 4}, _pairs, parameters=8 + 48 + 20 + 20 + 8,
        )
        for node in ("start", "end")
    },
    "pair_transition": Example({"brick": "pair_transition", "factor": 2}, {"in_dim": 4}, _pairs, parameters=84),
    "msa_attention/row": Example({"brick": "msa_attention", "heads": 2}, _BOTH, _rows_and_pairs),
    "msa_attention/no_pairs": Example({"brick": "msa_attention", "heads": 1, "head_dim": 3}, {"in_dim": 4}, _rows),
    "msa_attention/column": Example({"brick": "msa_attention", "heads": 2, "along": "column"}, {"in_dim": 4}, _rows),
    "outer_product_mean": Example(
        {"brick": "outer_product_mean", "hidden": 3}, {"in_dim": 4, "out_dim": 2}, _rows,
        parameters=8 + (4 * 6 + 6) + (9 * 2 + 2),
    ),
    "evoformer": Example(_SMALL, _BOTH, _rows_and_pairs),
    "rows": Example({"brick": "rows", "rows": 3}, {"in_dim": 4}, parameters=60),
    "first_row": Example("first_row", {"in_dim": 4, "out_dim": 2}, _rows, parameters=10),
    "ipa": Example({"brick": "ipa", **_POINTS}, _BOTH, _framed),
    "frames": Example("frames", {"in_dim": 4}, _moved, parameters=30),
    "structure": Example(_PLACES, _BOTH, _items_and_pairs),
    "structure/twice": Example({**_PLACES, "layers": 2}, _BOTH, _items_and_pairs, skip=_STOPPED),
    "recycle": Example(
        {"brick": "recycle", "passes": 2, "bins": 3, "random": False, "trunk": _SMALL, "structure": _PLACES},
        _BOTH, _rows_and_pairs, skip=_STOPPED,
    ),
    "recycle/once": Example(
        {"brick": "recycle", "passes": 1, "bins": 2, "trunk": _SMALL, "structure": _PLACES}, _BOTH, _rows_and_pairs,
        skip={"gradients": "trunk and structure have examples of their own, and here it takes seconds"},
    ),
}  # fmt: skip
