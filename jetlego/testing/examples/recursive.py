"""Examples of recursive bricks, on trees of 5, 3, 0 and 1 leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from jetlego.structures.forest import Forest
from jetlego.testing.streams import Example

_CHAIN = ((-1, -1), (-1, -1), (-1, -1), (-1, -1), (-1, -1), (0, 1), (5, 2), (6, 3), (4, 7))
_TRIPLE = ((-1, -1), (-1, -1), (-1, -1), (2, 1), (0, 3))
_NODES = np.array([0, 9, 14, 14, 15])


def trees(generator: torch.Generator) -> dict[str, Any]:
    """Return node features of width 3 and the plan of the four trees."""
    plan = Forest.from_children(np.array([*_CHAIN, *_TRIPLE, (-1, -1)]), _NODES).plan()
    return {"x": torch.randn(15, 3, dtype=torch.float64, generator=generator), "plan": plan}


_DEVICES = {"devices": "the plan is no tensor; tests/bricks/test_recursive_*.py move it themselves"}


def _example(spec: Any, **options: Any) -> Example:
    return Example(spec=spec, given={"in_dim": 3}, inputs=trees, skip=_DEVICES, **options)


def _pairs(generator: torch.Generator) -> dict[str, Any]:
    """Return pair features of two jets with at most four constituents."""
    return {"x": torch.randn(2, 4, 4, 3, dtype=torch.float64, generator=generator)}


def _decays(generator: torch.Generator) -> dict[str, Any]:
    """Return a vector for each of the four trees, and momenta of their nodes, heavy enough for finite differences."""
    inputs = trees(generator)
    plan, momentum = inputs["plan"], torch.randn(15, 3, dtype=torch.float64, generator=generator)
    p4 = torch.cat([momentum, (momentum.square().sum(1, keepdim=True) + 4.0).sqrt()], dim=1)
    for level in reversed(range(plan.num_levels)):  # every node the sum of its children
        for inner in range(*plan.inner_ptr[level : level + 2]):
            p4[plan.inner_row[inner]] = p4[plan.num_roots + 2 * inner] + p4[plan.num_roots + 2 * inner + 1]
    return {"x": torch.randn(4, 2, dtype=torch.float64, generator=generator), "plan": plan, "p4": p4}


EXAMPLES = {
    "tree_decoder": Example(
        {"brick": "tree_decoder", "hidden": 4, "components": 2}, {"in_dim": 2}, inputs=_decays,
        skip={**_DEVICES, "half_precision": "boosts to rest frames lose all digits of float32 momenta"},
    ),
    "event_gru": Example({"brick": "event_gru", "hidden": 4}, {"in_dim": 3}, parameters=3 * 4 * 4 + 3 * 16),
    "tree_bias": Example(
        {"brick": "tree_bias", "hidden": 4}, {"in_dim": 3, "out_dim": 2}, inputs=_pairs,
        skip=dict.fromkeys(("padding", "packed", "permutation"), "it takes pairs, not items with a mask"),
    ),
    "recnn_simple": _example({"brick": "recnn_simple", "hidden": 4}),
    "recnn_gated": _example({"brick": "recnn_gated", "hidden": 4}),
    "tree_lstm": _example({"brick": "tree_lstm", "hidden": 4}, parameters=4 * 4 * 4 + 8 * 20),
    "tree_lstm/child_sum": _example(
        {"brick": "tree_lstm", "hidden": 4, "child_sum": True}, parameters=4 * 4 * 4 + 4 * 16
    ),
    "tree_gru": _example({"brick": "tree_gru", "hidden": 4}),
    "tree_scan": _example({"brick": "tree_scan", "hidden": 4}),
    "tree_nin": _example({"brick": "tree_nin", "hidden": 4}, parameters=2 * 16 + 52 + 8 * 20),
    "tree_attention": _example({"brick": "tree_attention", "hidden": 4, "heads": 2}),
    "tree_attention/blind": _example({"brick": "tree_attention", "hidden": 4, "heads": 2, "sides": False}),
    "top_down": _example({"brick": "top_down", "hidden": 4}),
    "both_ways": _example({"brick": "both_ways", "cell": {"brick": "recnn_gated", "hidden": 4}}),
    "tree_leaves": _example("tree_leaves", parameters=0),
    "history_sequence": _example("history_sequence", parameters=0),
    "recursive": _example({"brick": "recursive", "cell": {"brick": "recnn_simple", "hidden": 4}}),
}
