"""Examples of attention, pointer and transformer bricks."""

from typing import get_args

from jetlego.bricks.attention import ScoreName
from jetlego.bricks.positions import PositionName
from jetlego.testing.streams import Example

_IN = {"in_dim": 4}

EXAMPLES = {
    **{f"score/{kind}": Example({"brick": "score", "kind": kind}, _IN) for kind in get_args(ScoreName)},
    "attention": Example({"brick": "attention", "kind": "additive", "hidden": 3}, {"in_dim": 4, "query_dim": 2}),
    "attention/scaled": Example({"brick": "attention", "kind": "scaled"}, _IN, parameters=0),
    "transformer": Example({"brick": "transformer", "layers": 2, "heads": 2, "dropout": 0.1}, _IN),
    "transformer/normformer": Example(
        {"brick": "transformer", "layers": 1, "heads": 2, "normformer": True, "depth_init": True}, _IN
    ),
    "transformer/post": Example({"brick": "transformer", "hidden": 6, "heads": 3, "norm": "post", "gated": True}, _IN),
    **{
        f"transformer/{kind}": Example(
            {"brick": "transformer", "layers": 2, "heads": 2, "positions": kind, "causal": True, "max_length": 9},
            _IN,
            causal=True,
            skip={"permutation": "positions and causality give the items an order"},
        )
        for kind in get_args(PositionName)
    },
    "transformer_decoder": Example(
        {"brick": "transformer_decoder", "layers": 2, "heads": 2}, {"in_dim": 4, "memory_dim": 6}, causal=True
    ),
    "class_attention": Example({"brick": "class_attention", "heads": 2, "layers": 2}, _IN),
    "class_attention/normformer": Example(
        {"brick": "class_attention", "heads": 2, "layers": 1, "normformer": True, "depth_init": True}, _IN
    ),
    "cross": Example({"brick": "cross", "heads": 2, "hidden": 6}, {"in_dim": 4, "query_dim": 3}),
    "latents": Example({"brick": "latents", "heads": 2, "slots": 3}, _IN),
}
