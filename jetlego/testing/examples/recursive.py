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


EXAMPLES = {
    "recnn_simple": _example({"brick": "recnn_simple", "hidden": 4}),
    "recnn_gated": _example({"brick": "recnn_gated", "hidden": 4}),
    "recursive": _example({"brick": "recursive", "cell": {"brick": "recnn_simple", "hidden": 4}}),
}
