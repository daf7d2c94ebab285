"""Examples of attention, pointer and transformer bricks."""

from typing import get_args

from jetlego.bricks.attention import ScoreName
from jetlego.testing.streams import Example

_IN = {"in_dim": 4}

EXAMPLES = {
    **{f"score/{kind}": Example({"brick": "score", "kind": kind}, _IN) for kind in get_args(ScoreName)},
    "attention": Example({"brick": "attention", "kind": "additive", "hidden": 3}, {"in_dim": 4, "query_dim": 2}),
    "attention/scaled": Example({"brick": "attention", "kind": "scaled"}, _IN, parameters=0),
}
