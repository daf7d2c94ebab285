"""Examples of the bricks of order."""

from jetlego.testing.streams import Example

_IN = {"in_dim": 3}

EXAMPLES = {
    "soft_rank": Example({"brick": "soft_rank", "epsilon": 0.05}, _IN, parameters=0),
    "soft_rank/absolute": Example({"brick": "soft_rank", "epsilon": 0.05, "relative": False}, _IN, parameters=0),
    "soft_sort": Example({"brick": "soft_sort", "epsilon": 0.05}, _IN, parameters=0),
    "soft_sort/learned": Example({"brick": "soft_sort", "epsilon": 0.05, "learned": True}, _IN, parameters=4),
    "soft_topk": Example({"brick": "soft_topk", "epsilon": 0.05, "k": 2}, _IN, parameters=4),
    "soft_quantile": Example({"brick": "soft_quantile", "epsilon": 0.05, "levels": [0.2, 0.8]}, _IN, parameters=0),
}
