"""Examples of loops, conditionals and early exits."""

from jetlego.testing.streams import Example

_IN = {"in_dim": 3}
_MLP = {"brick": "mlp", "hidden": [4]}
_STAGE = {"brick": "mlp", "hidden": [5]}

EXAMPLES = {
    "run_until": Example({"brick": "run_until", "body": _MLP, "most": 3}, _IN, parameters=16 + 15 + 4),
    "select": Example(
        {"brick": "select", "branches": [_MLP, "logistic"]}, {"in_dim": 3, "out_dim": 2}, parameters=26 + 8 + 8,
        skip={"gradients": "straight through: the gate's gradient is the mixture's by design; test_dynamic compares"},
    ),
    "early_exit": Example(
        {"brick": "early_exit", "stages": [_STAGE, _STAGE], "confidence": 0.6}, {"in_dim": 3, "num_classes": 2},
        parameters=20 + 12 + 30 + 12,
    ),
}  # fmt: skip
