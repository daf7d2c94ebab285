"""Examples of bricks on several time scales, and of images read pixel by pixel."""

from jetlego.testing.streams import Example

_IN = {"in_dim": 3}
_STRAIGHT = "the gradient of a boundary is straight-through by definition, which finite differences do not see"
_FLIPS = "a boundary is a step: rounding to bfloat16 moves some of them"

EXAMPLES = {
    "clockwork": Example(
        {"brick": "clockwork", "hidden": 6, "periods": [1, 2, 3]}, _IN, causal=True, parameters=3 * 6 + 6 + 36
    ),
    "clockwork/last": Example({"brick": "clockwork", "hidden": 4, "periods": [2, 1], "last": True}, _IN),
    "wavenet": Example(
        {"brick": "wavenet", "hidden": 4, "layers": 2, "stacks": 2, "kernel": 3}, {"in_dim": 3, "out_dim": 2},
        causal=True,
    ),
    "wavenet/dropout": Example({"brick": "wavenet", "hidden": 4, "layers": 1, "dropout": 0.1, "skip_dim": 3}, _IN),
    "hm_rnn": Example(
        {"brick": "hm_rnn", "hidden": 4, "levels": 3}, _IN, causal=True,
        skip={"gradients": _STRAIGHT, "half_precision": _FLIPS},
    ),
    "hm_rnn/last": Example(
        {"brick": "hm_rnn", "hidden": 4, "slope": 2.0, "last": True}, _IN,
        skip={"gradients": _STRAIGHT, "half_precision": _FLIPS},
    ),
    "pixelcnn": Example({"brick": "pixelcnn", "hidden": 4, "layers": 2}, {"in_dim": 2, "out_dim": 3}),
}  # fmt: skip
